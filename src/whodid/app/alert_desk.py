"""Alerts for the faces: what a reader may see of them, and what people do with them.

Each call is an event before it is answered. Reading is cut by `alert_rights`. Acting is for who
handles alerts (`Caller.handles`) and sees the alert; muting is for those of them who see every
event, since a silence is about alerts that its maker may not see.
"""

from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from whodid.app.alert_answer import (
    AlertAnswer,
    AlertQuery,
    AlertsAnswer,
    Effect,
    ShownAlert,
    ShownSilence,
)
from whodid.app.alert_effect import effect_of
from whodid.app.alert_list import AlertList, open_by_level, saturation
from whodid.app.alert_rights import may_ask_key, may_read_why, sees, sees_all_rows, shown
from whodid.app.answer import Caller, Hit
from whodid.app.own import Act, refuse
from whodid.clock import Clock
from whodid.detection.alerts.alert import Alert, Disposition, Silence, SilenceKind
from whodid.detection.alerts.alerts import Alerts
from whodid.detection.alerts.journal import Journal
from whodid.detection.alerts.record import AlertRecord, Handled, Pair, Raised, Silenced
from whodid.detection.alerts.silence import check_matcher
from whodid.detection.alerts.texts import storable
from whodid.detection.rule import Level
from whodid.errors import UsageError, WhodidError
from whodid.limits import (
    ALERT_BADGE_MAX,
    ALERT_EFFECT_DAYS_MAX,
    ALERT_SHOWN_EVENTS_MAX,
    ALERT_SHOWN_RECORDS_MAX,
)
from whodid.query.rights import visible

_RELATED_MAX = 10
_PAGE = "alert page"
"""What is looked at: not the type of the records, which are about alerts of whoever they are."""

_RELATED_AMONG = 2000
_SEEN_KEPT = 4096
_MINUTE_US = 60_000_000

HitsOf = Callable[[Caller, Sequence[int]], list[Hit]]
"""Reads events by their entries, whole: who calls cuts them to what the caller may see."""

RuleIdOf = Callable[[str], str | None]
"""Returns the id of a rule in use that is called by its id or name, None when there is none."""


class AlertDesk:
    """The alerts of one ledger for its readers. Safe for threads; calls block.

    Every call raises AccessDeniedError, recorded, for who reads no events; RefusedError and
    StoppedError when its event cannot be written.
    """

    def __init__(
        self, alerts: Alerts, journal_of: Callable[[Caller], Journal], hits: HitsOf,
        write: Callable[[Caller, Act], None], clock: Clock,
        why_none: Callable[[], list[str]] = list, rule_id: RuleIdOf = str,
    ) -> None:  # fmt: skip
        self._alerts = alerts
        self._why_none = why_none
        self._rule_id = rule_id
        self._journal_of = journal_of
        self._hits = hits
        self._write = write
        self._clock = clock
        self._seen: dict[tuple[object, ...], bool] = {}

    def now(self) -> int:
        """Return the clock, µs UTC."""
        return self._clock()

    # --- reading ---------------------------------------------------------------------------------

    def page(self, caller: Caller, asked: AlertQuery) -> AlertsAnswer:
        """Return a page of alerts. Raises UsageError for a query that is none."""
        act = Act("list alerts", "read", "ledger", "alerts")
        self._check(caller, act)
        if not may_ask_key(caller.rights, [field for field, _ in asked.key]):
            refuse(self._write, caller, act, "a field of this key is withheld from you")
        asked = replace(asked, rule=self._rule(caller, asked.rule))
        whole = caller.rights.whole
        page = AlertList(asked, self._alerts, self._limited(caller)).page()
        counts = self._alerts.read(lambda reads: reads.counts())
        silences = self._alerts.read(lambda reads: reads.silences_on(self._clock()))
        found = self._with_content(caller, page.alerts)
        warnings = self._alerts.read(saturation) if whole else []
        self._write(caller, replace(act, rows=len(found)))
        visible_ones = {key: n for key, n in counts.items() if not key[2]}
        return AlertsAnswer(
            found, page.next, open_by_level(counts) if whole else None,
            _count(visible_ones, "acknowledged") if whole else None,
            _count(counts, "closed") if whole else None,
            sum(n for key, n in counts.items() if key[2] and key[0] != "closed") if whole else None,
            len(silences) if whole else 0, bool(counts) if whole else bool(found),
            [*warnings, *page.warnings],
            [] if found or (whole and counts) else self._reasons(caller),
        )  # fmt: skip

    def _rule(self, caller: Caller, called: str) -> str:
        """Return the id of a rule that somebody calls by its id or name.

        Raises UsageError, to who sees all alerts, for one that is not used and raised nothing:
        nothing would be found or muted, and look as if all was well.
        """
        found = self._rule_id(called) if called else called
        if found is not None:
            return found
        if caller.rights.whole and called not in self.raised():
            raise UsageError(f"no rule {called[:64]!r} is used here or has raised an alert")
        return called

    def _reasons(self, caller: Caller) -> list[str]:
        if caller.rights.whole:
            return self._why_none()
        told = "Those are shown that are made of nothing but events which you may see."
        return [*self._why_none(), told]

    def open_count(self, caller: Caller) -> int:
        """Count open alerts that a caller sees, up to ALERT_BADGE_MAX + 1 (no event: no content).

        0 where it cannot be told now.
        """
        if not caller.rights.content:
            return 0
        try:
            if caller.rights.whole:
                return self._alerts.read(lambda reads: reads.open_count())
            newest = self._alerts.read(
                lambda reads: reads.alerts("state = 'open' AND muted = ''", limit=ALERT_BADGE_MAX)
            )
            limited = self._limited(caller)
            return sum(map(limited, newest)) if limited else len(newest)
        except WhodidError:
            return 0

    def raised(self) -> dict[str, tuple[int, int]]:
        """Return alerts by rule, and when something was last seen: for who sees all (no event)."""
        return self._alerts.read(lambda reads: reads.by_rule())

    def show(self, caller: Caller, alert_id: str) -> AlertAnswer:
        """Return an alert with its events. Raises UsageError when there is none that he sees."""
        act = Act("show alert", "read", _PAGE, alert_id[:64], rows=1)
        self._check(caller, act)
        alert = self._find(caller, alert_id)
        records, total = self._records(caller, alert)
        if not caller.rights.whole and not self._sees_of(caller, records, total):
            raise _not_here(alert_id)  # something came between the two looks
        raised = [record for record in records.values() if isinstance(record, Raised)]
        matches = {match.entry: match for record in raised for match in record.matches}
        wanted = sorted(matches.values(), key=lambda match: (match.time_us, match.entry))
        entries = [match.entry for match in wanted[:ALERT_SHOWN_EVENTS_MAX]]
        hits = [_cut(hit, caller) for hit in self._hits(caller, entries)]
        place = {entry: number for number, entry in enumerate(entries)}
        hits.sort(key=lambda hit: place.get(hit.index, 0))
        related = self._with_content(caller, self._related(caller, alert))
        newest = next((one for one in reversed(raised) if one.why or one.key), None)
        newest = _with_rule(newest or (raised[0] if raised else None), raised)
        self._write(caller, act)
        return AlertAnswer(
            shown(caller.rights, alert, newest),
            [(entry, _told(record, caller)) for entry, record in records.items()], total, hits,
            max(alert.events - len(hits), 0), related, caller.handles, _incomplete(alert, raised),
        )  # fmt: skip

    def silences(self, caller: Caller, *, ended: bool = False) -> list[ShownSilence]:
        """Return silences and exclusions, newest first. For who sees every event."""
        act = Act("list silences", "read", "ledger", "silences")
        self._check(caller, act)
        self._check_whole(caller, act)
        found = self._alerts.read(lambda reads: reads.silences(ended=ended, limit=1000))
        contents = self._journal_of(caller).at([one.entry for one in found])
        self._write(caller, replace(act, rows=len(found)))
        return [ShownSilence(one, _silenced(contents.get(one.entry))) for one in found]

    def effect(
        self, caller: Caller, *, rule: str, level: Level | None, key: tuple[Pair, ...], days: int
    ) -> Effect:
        """Tell what a silence would have muted in the last days. Raises UsageError."""
        act = Act("preview silence", "read", "ledger", "alerts")
        self._check(caller, act)
        self._check_whole(caller, act)
        check_matcher(rule, key)
        rule = self._rule(caller, rule)
        if not 1 <= days <= ALERT_EFFECT_DAYS_MAX:
            raise UsageError(f"days is a number from 1 to {ALERT_EFFECT_DAYS_MAX}")
        tags = self._alerts.tagger.key_tags(key)
        now = self._clock()
        found = self._alerts.read(lambda reads: effect_of(reads, rule, level, tags, days, now))
        self._write(caller, replace(act, rows=found.muted))
        return found

    # --- acting ----------------------------------------------------------------------------------

    def acknowledge(self, caller: Caller, alert_id: str, note: str = "") -> ShownAlert:
        """Say that somebody looks at it (see `Alerts.acknowledge`)."""
        return self._handle(
            caller,
            "acknowledge alert",
            alert_id,
            lambda alerts: alerts.acknowledge(alert_id, caller.name, note),
        )

    def assign(self, caller: Caller, alert_id: str, assignee: str, note: str = "") -> ShownAlert:
        """Say who is to look at it (see `Alerts.assign`)."""
        return self._handle(
            caller, "assign alert", alert_id,
            lambda alerts: alerts.assign(alert_id, caller.name, assignee, note),
        )  # fmt: skip

    def note(self, caller: Caller, alert_id: str, note: str) -> ShownAlert:
        """Write something beside it (see `Alerts.note`)."""
        return self._handle(
            caller, "note alert", alert_id, lambda alerts: alerts.note(alert_id, caller.name, note)
        )

    def close(
        self, caller: Caller, alert_id: str, disposition: Disposition, note: str = "",
        duplicate_of: str = "",
    ) -> ShownAlert:  # fmt: skip
        """End it and say what it was (see `Alerts.close`)."""
        if duplicate_of:
            self._check(caller, Act("close alert", "administer", _PAGE, alert_id[:64]))
            self._find(caller, duplicate_of)
        return self._handle(
            caller, "close alert", alert_id,
            lambda alerts: alerts.close(alert_id, caller.name, disposition, note, duplicate_of),
        )  # fmt: skip

    def reopen(self, caller: Caller, alert_id: str, note: str = "") -> ShownAlert:
        """Take an acknowledgement or a close back (see `Alerts.reopen`)."""
        return self._handle(
            caller,
            "reopen alert",
            alert_id,
            lambda alerts: alerts.reopen(alert_id, caller.name, note),
        )

    def silence(
        self, caller: Caller, reason: str, *, kind: SilenceKind, rule: str, level: Level | None,
        key: tuple[Pair, ...], expires_us: int | None,
    ) -> ShownSilence:  # fmt: skip
        """Mute alerts (see `Alerts.silence`)."""
        act = Act("silence alerts", "administer", "ledger", "alerts")
        self._check_acts(caller, act)
        self._check_whole(caller, act)
        rule = self._rule(caller, rule)
        made = self._acting(caller).silence(
            caller.name, reason, kind=kind, rule=rule, level=level, key=key, expires_us=expires_us
        )
        return self._shown_silence(caller, made)

    def end_silence(self, caller: Caller, silence_id: str, note: str = "") -> ShownSilence:
        """End a silence or an exclusion (see `Alerts.end_silence`)."""
        act = Act("unmute alerts", "administer", _PAGE, silence_id[:64])
        self._check_acts(caller, act)
        self._check_whole(caller, act)
        ended = self._acting(caller).end_silence(silence_id, caller.name, note)
        return self._shown_silence(caller, ended)

    # --- in common -------------------------------------------------------------------------------

    def _handle(
        self, caller: Caller, action: str, alert_id: str, work: Callable[[Alerts], Alert]
    ) -> ShownAlert:
        self._check_acts(caller, Act(action, "administer", _PAGE, alert_id[:64]))
        self._find(caller, alert_id)
        [found] = self._with_content(caller, [work(self._acting(caller))])
        return found

    def _acting(self, caller: Caller) -> Alerts:
        return self._alerts.writing_to(self._journal_of(caller))

    def _find(self, caller: Caller, alert_id: str) -> Alert:
        """Return an alert that he sees; another is not there, in the same words."""
        alert = self._alerts.read(lambda reads: reads.alert(storable(alert_id)))
        limited = self._limited(caller)
        if alert is None or (limited is not None and not limited(alert)):
            raise _not_here(alert_id)
        return alert

    def _limited(self, caller: Caller) -> Callable[[Alert], bool] | None:
        """Return what tells whether he sees an alert; None when he sees all."""
        return None if caller.rights.whole else lambda alert: self._sees(caller, alert)

    def _sees(self, caller: Caller, alert: Alert) -> bool:
        known = (alert.id, alert.newest, caller.rights, self._clock() // _MINUTE_US)
        found = self._seen.get(known)
        if found is None:
            found = self._sees_of(caller, *self._records(caller, alert))
            if len(self._seen) >= _SEEN_KEPT:
                self._seen.clear()
            self._seen[known] = found
        return found

    def _sees_of(self, caller: Caller, records: dict[int, AlertRecord], total: int) -> bool:
        raised = [record for record in records.values() if isinstance(record, Raised)]
        others = len(records) - len(raised)
        return sees(
            caller.rights, raised, total - others,
            lambda entries: self._hits(caller, sorted(entries)), self._clock(),
        )  # fmt: skip

    def _records(self, caller: Caller, alert: Alert) -> tuple[dict[int, AlertRecord], int]:
        """Return the records of an alert by entry, oldest first, and how many there are."""
        evidence, total = self._alerts.read(
            lambda reads: reads.evidence(alert.id, ALERT_SHOWN_RECORDS_MAX)
        )
        found = self._journal_of(caller).at([item.entry for item in evidence])
        return dict(sorted(found.items())), total

    def _with_content(self, caller: Caller, alerts: Iterable[Alert]) -> list[ShownAlert]:
        alerts = list(alerts)
        contents = self._journal_of(caller).at([alert.entry for alert in alerts])
        found = []
        for alert in alerts:
            content = contents.get(alert.entry)
            raised = content if isinstance(content, Raised) else None
            found.append(shown(caller.rights, alert, raised))
        return found

    def _related(self, caller: Caller, alert: Alert) -> list[Alert]:
        """Return other alerts with a value of its key in common, the newest first.

        None for whom a field is withheld: it could be the one that they share.
        """
        if caller.rights.withheld:
            return []
        found = self._alerts.read(lambda reads: reads.alerts("TRUE", limit=_RELATED_AMONG))
        mine, limited = set(alert.tags), self._limited(caller)
        near = [
            other
            for other in found
            if other.id != alert.id
            and (mine & set(other.tags) or other.id in {alert.previous, alert.duplicate_of})
        ]
        if limited is not None:
            near = [other for other in near[: 2 * _RELATED_MAX] if limited(other)]
        return near[:_RELATED_MAX]

    def _shown_silence(self, caller: Caller, silence: Silence) -> ShownSilence:
        found = self._journal_of(caller).at([silence.entry]).get(silence.entry)
        return ShownSilence(silence, _silenced(found))

    def _check(self, caller: Caller, act: Act) -> None:
        if not caller.rights.content:
            refuse(
                self._write, caller, act, "your role reads no events, and an alert tells of some"
            )

    def _check_acts(self, caller: Caller, act: Act) -> None:
        self._check(caller, act)
        if not caller.handles:
            refuse(self._write, caller, act, "alerts are handled by investigators")

    def _check_whole(self, caller: Caller, act: Act) -> None:
        if not caller.rights.whole:
            refuse(
                self._write, caller, act, "this is about all alerts, and you may see a part of them"
            )


def _with_rule(newest: Raised | None, raised: Sequence[Raised]) -> Raised | None:
    """Return a record with what the newest of the same version says of the rule, told once only."""
    if newest is None:
        return None
    for one in reversed(raised):
        if one.rule.version == newest.rule.version and one.rule.description:
            return replace(newest, rule=one.rule)
    return newest


def _not_here(alert_id: str) -> UsageError:
    return UsageError(f"there is no alert {alert_id[:64]!r} here")


def _cut(hit: Hit, caller: Caller) -> Hit:
    withheld = tuple(sorted(caller.rights.withheld))
    return replace(hit, event=visible(hit.event, caller.rights), withheld=withheld)


def _told(record: AlertRecord, caller: Caller) -> AlertRecord:
    """Return a record without what the reader may not see."""
    if isinstance(record, Raised):
        why = record.why if may_read_why(caller.rights, record) else ""
        return replace(record, key=(), values=(), why=why, tags=(), finding_tags=())
    if isinstance(record, Handled) and record.by != caller.name:
        partial = caller.rights.withheld or not sees_all_rows(caller.rights)
        return replace(record, note="") if partial else record
    return record


def _silenced(record: AlertRecord | None) -> Silenced | None:
    return record if isinstance(record, Silenced) else None


def _incomplete(alert: Alert, raised: Sequence[Raised]) -> list[str]:
    found = []
    if not raised:
        found.append("what this alert told cannot be read any more: its entries are gone")
    if alert.overflow:
        found.append("the rule raises more alerts than are kept apart; this one has the others")
    return found


def _count(counts: dict[tuple[str, int, bool], int], state: str) -> int:
    return sum(number for (found, _, _), number in counts.items() if found == state)
