"""What becomes of findings: told, folded into an alert that goes on, or muted. Writes nothing.

1. Findings of one fingerprint become one record; the gravest are decided first.
2. Beyond the bounds of alerts that go on, one alert of the rule stands for the others.
3. A silence or an exclusion that holds mutes.
4. A graver alert (high or critical) whose key is part of this key mutes an alert that was not told
   yet. What is muted mutes nothing.
5. The first is told; a repetition when `repeat_us` passed since it was told, unless somebody
   acknowledged it.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from whodid.detection.alerts.alert import Alert, Silence
from whodid.detection.alerts.fingerprint import Tagger, Tags
from whodid.detection.alerts.fold import ALERT_MARK, SILENCE_MARK
from whodid.detection.alerts.reads import Reads
from whodid.detection.alerts.record import Pair, Raised
from whodid.detection.alerts.settings import AlertSettings
from whodid.detection.alerts.silence import mutes
from whodid.detection.alerts.texts import cut
from whodid.detection.finding import Finding, Match
from whodid.detection.rule import LEVELS, Head
from whodid.limits import (
    ALERT_MATCHES_MAX,
    ALERT_VALUES_MAX,
    ALERTS_ACTIVE_MAX,
    ALERTS_PER_RULE_MAX,
)
from whodid.normalize.uuid7 import uuid7_many

_GRAVE = LEVELS.index("high")
_LIST_MAX = 16
_OVERFLOW_WHY = (
    "More alerts of this rule go on than are kept apart; this one stands for all the others."
)


class _Group(Struct):
    """Findings of one fingerprint, with the tags that tell them apart."""

    fingerprint: bytes
    tags: Tags
    items: list[tuple[bytes, Finding]]
    known: Alert | None
    overflow: bool = False

    @property
    def head(self) -> Head:
        return self.items[-1][1].rule

    @property
    def rank(self) -> int:
        return LEVELS.index(self.head.level)


class _Graver(Struct, frozen=True):
    """What may mute: an alert that is told, of an entity."""

    id: str
    rank: int
    tags: frozenset[bytes]


class Decider:
    """Decides about one batch of findings, on a table that does not change meanwhile."""

    def __init__(self, reads: Reads, tagger: Tagger, settings: AlertSettings, now_us: int) -> None:
        self._reads = reads
        self._tagger = tagger
        self._settings = settings
        self._now = now_us
        self._silences: list[Silence] | None = None
        self._gravers: list[_Graver] | None = None
        self._active: dict[str | None, int] = {}

    def records(self, findings: Sequence[tuple[bytes, Finding]]) -> list[Raised]:
        """Return the records of findings, each with its tag, in the order of deciding."""
        groups = sorted(self._groups(findings), key=lambda group: -group.rank)
        merged: dict[bytes, _Group] = {}
        for group in groups:
            bounded = self._bounded(group)
            if bounded.fingerprint in merged:
                merged[bounded.fingerprint].items += bounded.items
            else:
                merged[bounded.fingerprint] = bounded
        return [self._record(group) for group in merged.values()]

    def _groups(self, findings: Sequence[tuple[bytes, Finding]]) -> Iterable[_Group]:
        groups: dict[bytes, _Group] = {}
        for tag, finding in findings:
            fingerprint = self._tagger.fingerprint(finding)
            group = groups.get(fingerprint)
            if group is None:
                tags = self._tagger.key_tags(finding.key)
                known = self._reads.active(fingerprint)
                group = groups[fingerprint] = _Group(fingerprint, tags, [], known)
            group.items.append((tag, finding))
        return groups.values()

    def _bounded(self, group: _Group) -> _Group:
        """Return the group, or that of the rule's overflow when it would be one too many."""
        if group.known is not None:
            return group
        rule = cut(group.head.id)
        if self._going(rule) >= ALERTS_PER_RULE_MAX or self._going(None) >= ALERTS_ACTIVE_MAX:
            fingerprint = self._tagger.overflow(rule)
            known = self._reads.active(fingerprint)
            return _Group(fingerprint, (), group.items, known, overflow=True)
        self._active[rule] += 1
        self._active[None] += 1
        return group

    def _going(self, rule: str | None) -> int:
        """Count what goes on, of a rule or of all; that of this batch too."""
        if rule not in self._active:
            self._active[rule] = self._reads.active_count(rule)
        return self._active[rule]

    def _record(self, group: _Group) -> Raised:
        known = group.known
        muted = self._muted_by(group, known)
        notice = False
        if muted:
            kind = "muted"
        elif known is None or not known.noticed_us or known.muted:
            kind = "fired"
        else:
            kind = "repeated"
            since_us = self._now - known.noticed_us
            notice = known.state == "open" and since_us >= self._settings.repeat_us
        alert_id = known.id if known else uuid7_many(1, self._now)[0]
        if kind == "fired" and not group.overflow:
            self._grave().append(_Graver(alert_id, group.rank, frozenset(group.tags)))
        previous = "" if known else self._reads.last(group.fingerprint)
        record = _raised(group, alert_id, self._now, previous)
        return replace(record, kind=kind, muted=muted, notice=notice)

    def _muted_by(self, group: _Group, known: Alert | None) -> str:
        head = group.head
        if self._silences is None:
            self._silences = self._reads.silences_on(self._now)
        for silence in self._silences:
            if mutes(silence, cut(head.id), head.level, group.tags):
                return SILENCE_MARK + silence.id
        if not self._settings.inhibit or (known and known.noticed_us and not known.muted):
            return ""
        mine = known.id if known else ""
        for graver in self._grave():
            above = graver.rank >= _GRAVE and graver.rank > group.rank and graver.id != mine
            if above and graver.tags and graver.tags <= set(group.tags):
                return ALERT_MARK + graver.id
        return ""

    def _grave(self) -> list[_Graver]:
        if self._gravers is None:
            self._gravers = [
                _Graver(alert.id, LEVELS.index(alert.level), frozenset(alert.tags))
                for alert in self._reads.grave()
                if alert.noticed_us
            ]
        return self._gravers


def _raised(group: _Group, alert_id: str, now_us: int, previous: str) -> Raised:
    findings = [finding for _, finding in group.items]
    last = findings[-1]
    matches = {(match.entry, match.id): match for finding in findings for match in finding.matches}
    some = _some(sorted(matches.values(), key=_place))
    named = all(finding.count <= len(finding.matches) for finding in findings)
    events, counted = _counted(findings, group.known)
    return Raised(
        "fired", alert_id, now_us, _head(group.head, brief=group.known is not None),
        min(finding.first_us for finding in findings),
        max(finding.time_us for finding in findings), len(findings), events, some,
        group.fingerprint.hex(), tuple(tag.hex() for tag in group.tags),
        tuple(tag.hex() for tag, _ in group.items),
        key=() if group.overflow else _pairs(last.key),
        values=() if group.overflow else _pairs(last.values),
        why=_OVERFLOW_WHY if group.overflow else cut(last.why), previous=previous,
        overflow=group.overflow, counted=counted, early=last.stage == "early",
        whole=named and len(some) == len(matches),
    )  # fmt: skip


def _counted(findings: Sequence[Finding], known: Alert | None) -> tuple[int, int]:
    """Return how many events are new, and how many those of the last window are.

    What was told early is told again with all of its window; a total counts the window anew.
    """
    counted, early = (known.counted, known.early) if known else (0, False)
    events = 0
    for finding in findings:
        same = early or finding.stage == "total"
        before = finding.counted or counted
        events += max(finding.count - before, 0) if same else finding.count
        counted = max(counted, finding.count) if same else finding.count
        early = finding.stage == "early"
    return events, counted


def _place(match: Match) -> tuple[int, int]:
    return match.time_us, match.entry


def _some(matches: list[Match]) -> tuple[Match, ...]:
    half = ALERT_MATCHES_MAX // 2
    if len(matches) > ALERT_MATCHES_MAX:
        matches = [*matches[:half], *matches[-half:]]
    return tuple(matches)


def _pairs(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    return tuple((cut(name), cut(value)) for name, value in pairs[:ALERT_VALUES_MAX])


def _head(head: Head, *, brief: bool) -> Head:
    """Return what a record says of its rule; of a repetition only which it is."""
    if brief:
        return Head(cut(head.id), cut(head.title), head.level, head.version, cut(head.name))
    return msgspec.structs.replace(
        head, id=cut(head.id), title=cut(head.title), name=cut(head.name),
        description=cut(head.description),
        status=cut(head.status), author=cut(head.author), tags=_texts(head.tags),
        references=_texts(head.references), false_positives=_texts(head.false_positives),
        fields=_texts(head.fields), path="", line=0,
    )  # fmt: skip


def _texts(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(cut, texts[:_LIST_MAX]))
