"""Rules that can never match here, and why: nothing stays silent that nobody can hear.

A rule is blind when no kind of log is what its logsource means; when no declared source brings such
a kind; when its condition needs fields that such logs do not have; or, with records to look at,
when it needs fields that none of them had. Correlations are blind when what they stand upon is.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from whodid.detection.compiled.fields import is_known, is_of_event, view_of
from whodid.detection.compiled.index import Index, asks_event_first
from whodid.detection.compiled.matcher import Matcher
from whodid.detection.record import Record
from whodid.detection.rule import All, AnyRule, Correlation, Head, Node, Not, Rule, Test
from whodid.detection.taxonomy.cloud import CLOUD
from whodid.detection.taxonomy.kind import Kind
from whodid.detection.taxonomy.kinds import (
    KINDS,
    kind_of,
    kinds_of,
    may_vary,
    names_of,
    source_words,
)
from whodid.detection.taxonomy.systems import PLAIN
from whodid.detection.windows.asked import asked_possible

Why = Literal["logsource", "source", "field", "unseen", "rules", "needs"]
_NEEDS_ALL = frozenset(("temporal", "temporal_ordered", "absence", "ratio"))


class Blind(Struct, frozen=True):
    """A rule that cannot match. `why` in a word, `reason` in a sentence, the `fields` it is for.

    `logsource`: nothing here knows it · `source`: no declared source brings it · `field`: such logs
    have no such field · `unseen`: no record that was looked at had it · `rules`: what it stands on
    cannot · `needs`: a file that is not there (of places, of calendars).
    """

    rule: Head
    why: Why
    reason: str
    fields: tuple[str, ...] = ()


class Looked:
    """Records of one kind of log that the same rules are about, and the fields that these had."""

    def __init__(self, index: Index) -> None:
        self.kind = index.kind
        self.rules = frozenset(rule.head.id for rule in index.rules)
        self.records = 0
        self.seen: set[str] = set()
        self._fields = index.fields
        self._open = sorted(
            {
                (name, asks_event_first(rule))
                for rule in index.rules
                for name in fields_of(rule.node)
            }
        )

    def look(self, record: Record) -> None:
        """Take note of the fields that a record has and none before it had."""
        self.records += 1
        view = view_of(record, record.native)
        still = []
        for name, first in self._open:
            if self._fields.get(name, event_first=first).load(view):
                self.seen.add(name)
            else:
                still.append((name, first))
        self._open = still


class Observed:
    """Which fields that rules need were there in records: `look` at some, then ask."""

    def __init__(self, rules: Sequence[AnyRule]) -> None:
        self._matcher = Matcher(rules)
        self._looked: dict[int, tuple[Index, Looked]] = {}

    def look(self, record: Record) -> None:
        """Take note of the fields that a record has."""
        index = self._matcher.index(record)
        if id(index) not in self._looked:
            self._looked[id(index)] = index, Looked(index)
        self._looked[id(index)][1].look(record)

    def of(self, rule: Rule) -> list[Looked]:
        """Return what was looked at that the rule is about."""
        return [it for _, it in self._looked.values() if rule.head.id in it.rules]


def unmatchable(
    rules: Sequence[AnyRule],
    sources: Iterable[tuple[str, str]] | None = None,
    observed: Observed | None = None,
) -> list[Blind]:
    """Return the rules that can never match, in their order.

    `sources` are (name, format) of the declared sources, None when they are not known; then every
    kind of log is thought to come.
    """
    declared = None if sources is None else list(sources)
    found: dict[str, Blind] = {}
    singles = {rule.head.id: rule for rule in rules if isinstance(rule, Rule)}
    for rule in rules:
        blind = (
            _of_rule(rule, declared, observed)
            if isinstance(rule, Rule)
            else _of_correlation(rule, found, singles)
        )
        if blind is not None:
            found[rule.head.id] = blind
    return list(found.values())


def fields_of(node: Node) -> set[str]:
    """Return the fields that a node looks at."""
    if isinstance(node, Test):
        own = {node.field} if node.field is not None else set()
        return own | ({str(node.value)} if node.op.startswith("fieldref") else set())
    if isinstance(node, Not):
        return fields_of(node.item)
    return set().union(*map(fields_of, node.items))


def _of_rule(
    rule: Rule, declared: list[tuple[str, str]] | None, observed: Observed | None
) -> Blind | None:
    meant = kinds_of(rule.source)
    names = names_of(rule.source) if not meant else frozenset()
    if declared is None:
        kinds = meant or ([PLAIN] if names else [])
        if not meant:
            called = f"; name a source {min(names)}" if names else ""
            return Blind(
                rule.head, "logsource", f"{_said(rule)}: no kind of log here is that{called}"
            )
    else:
        kinds = _brought(meant, names, declared)
        if not kinds:
            why: Why = "source" if meant else "logsource"
            called = f", and none is called {min(names)}" if names else ""
            return Blind(rule.head, why, f"{_said(rule)}: no declared source brings it{called}")
    return _of_fields(rule, kinds, observed)


def _said(rule: Rule) -> str:
    said = (rule.source.category, rule.source.product, rule.source.service)
    return "logsource " + "/".join(it for it in said if it)


def _brought(
    meant: list[Kind], names: frozenset[str], declared: list[tuple[str, str]]
) -> list[Kind]:
    """Return the kinds of log that declared sources may bring to a rule."""
    found: dict[str, Kind] = {}
    for source, format_name in declared:
        if may_vary(format_name):
            possible = [*CLOUD, kind_of(format_name, source, {})]
        else:
            possible = [kind_of(format_name, source, None)]
        called = bool(names & source_words(source))
        wanted = {kind.name for kind in meant}
        found.update({it.name: it for it in possible if called or it.name in wanted})
    return [kind for kind in KINDS if kind.name in found]


def _of_fields(rule: Rule, kinds: list[Kind], observed: Observed | None) -> Blind | None:
    places = [(kind, None) for kind in kinds]
    if not any(_possible(rule.node, *place) for place in places):
        needed = _missing(rule.node, places)
        where = ", ".join(kind.name for kind in kinds[:4])
        return Blind(rule.head, "field", f"no record of {where} has {_listed(needed)}", needed)
    looked = [] if observed is None else observed.of(rule)
    seen = [(it.kind, it) for it in looked]
    if not seen or any(_possible(rule.node, *place) for place in seen):
        return None
    needed = _missing(rule.node, seen)
    count = sum(it.records for it in looked)
    return Blind(
        rule.head, "unseen", f"none of {count:,} records looked at had {_listed(needed)}", needed
    )


def _possible(node: Node, kind: Kind, looked: Looked | None) -> bool:
    """Tell whether a node can hold for records of a kind."""
    if isinstance(node, Test):
        if node.field is None or node.op == "null" or (node.op == "exists" and not node.value):
            return True
        return all(_there(name, kind, looked) for name in fields_of(node))
    if isinstance(node, Not):
        return True
    check = all if isinstance(node, All) else any
    return check(_possible(it, kind, looked) for it in node.items)


def _there(name: str, kind: Kind, looked: Looked | None) -> bool:
    if not is_known(kind, name):
        return False
    return looked is None or is_of_event(name) or name in looked.seen


def _missing(node: Node, places: Sequence[tuple[Kind, Looked | None]]) -> tuple[str, ...]:
    """Return the fields that are there in none of these places."""
    return tuple(
        sorted(
            name for name in fields_of(node) if not any(_there(name, *place) for place in places)
        )
    )


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown or "all it needs"


def _of_correlation(
    rule: Correlation, blind: dict[str, Blind], singles: dict[str, Rule]
) -> Blind | None:
    below = [blind[it] for it in rule.rules if it in blind]
    cannot = len(below) == len(rule.rules) or rule.kind in _NEEDS_ALL
    if rule.words:
        cannot = not asked_possible(rule.words, lambda place: rule.rules[place] not in blind)
    if cannot and below:
        first = below[0].rule.title
        reason = f"it is about {first!r}, which cannot match: {below[0].reason}"
        return Blind(rule.head, "rules", reason)
    lost = tuple(
        name
        for name in (*rule.group_by, *rule.fields)
        if not any(_has(rule, it, name, singles) for it in rule.rules)
    )
    if not lost:
        return None
    return Blind(rule.head, "field", f"no record that it is about has {_listed(lost)}", lost)


def _has(rule: Correlation, below: str, name: str, singles: dict[str, Rule]) -> bool:
    """Tell whether records of a rule below may have what the correlation groups by or counts."""
    single = singles.get(below)
    if single is None:  # a correlation's own findings: what they carry is not known here
        return True
    field = rule.aliases[name].get(below) if name in rule.aliases else name
    kinds = kinds_of(single.source) or [PLAIN]
    return field is not None and any(is_known(kind, field) for kind in kinds)
