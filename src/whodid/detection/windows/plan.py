"""Plans: the correlations of a set of rules, ready to run.

A plan stands behind the plans it needs, so that one pass in order is enough at each moment.
"""

from collections.abc import Sequence
from hashlib import sha256

from msgspec import Struct

from whodid.detection.rule import AnyRule, Correlation
from whodid.detection.windows.compare import holds_all
from whodid.limits import CORRELATION_DEPTH_MAX


class Plan(Struct, frozen=True):
    """One correlation. `place` is its place among the plans; `below` the rules, in its order.

    `version` is that of its meaning: its own, and of all rules below. `keys` says for each of the
    rules, by its bit, which of its fields are the group's. `above` are the places of the plans
    that it feeds, and the bit it has there.
    """

    place: int
    correlation: Correlation
    below: tuple[AnyRule, ...]
    version: str
    keys: tuple[tuple[str, ...], ...]
    above: tuple[tuple[int, int], ...]

    @property
    def kind(self) -> str:
        """Its kind."""
        return self.correlation.kind

    @property
    def span(self) -> int:
        """The length of its window (µs)."""
        return self.correlation.span_us


class Unusable(Struct, frozen=True):
    """A correlation that can find nothing here, and why (no file of places, an unknown rule)."""

    rule: str
    reason: str


class Planned(Struct, frozen=True):
    """The plans of a set of rules in the order to run them, and what cannot be run."""

    plans: tuple[Plan, ...]
    unusable: tuple[Unusable, ...]


def plans_of(rules: Sequence[AnyRule]) -> Planned:
    """Put correlations in the order in which they need each other; leave out what cannot run."""
    by_id = {rule.head.id: rule for rule in rules}
    names = {rule.head.name: rule for rule in rules if rule.head.name}
    known = names | by_id
    order: list[Correlation] = []
    depths: dict[str, int] = {}
    unusable: list[Unusable] = []
    for rule in rules:
        if isinstance(rule, Correlation):
            reason = _visit(rule, known, order, depths, frozenset())
            if reason:
                unusable.append(Unusable(rule.head.id, reason))
    return Planned(_numbered(order, known), tuple(unusable))


def _visit(
    rule: Correlation,
    known: dict[str, AnyRule],
    order: list[Correlation],
    depths: dict[str, int],
    above: frozenset[str],
) -> str:
    """Put `rule` behind what it needs. Returns why it cannot run, empty when it can."""
    place = rule.head.id
    if place in depths:
        return "" if depths[place] else "a rule that it needs cannot run"
    if place in above:
        return "it needs itself"
    depth = 1
    reason = _own_fault(rule)
    for needed in rule.rules:
        found = known.get(needed)
        if found is None:
            reason = f"no rule {needed!r} is loaded"
        elif isinstance(found, Correlation):
            reason = _visit(found, known, order, depths, above | {place}) or reason
            depth = max(depth, depths.get(found.head.id, 0) + 1)
    if depth > CORRELATION_DEPTH_MAX:
        reason = f"more than {CORRELATION_DEPTH_MAX} correlations stand above each other"
    depths[place] = 0 if reason else depth
    if not reason:
        order.append(rule)
    return reason


def _own_fault(rule: Correlation) -> str:
    count = len(rule.rules)
    if not count:
        return "it names no rules"
    if rule.kind == "ratio" and count != 2:
        return "ratio needs two rules: the part and the whole"
    if rule.kind == "absence" and not 2 - (rule.options["expect"] == "after") <= count <= 2:
        return "absence needs two rules, the event and what is expected; or one, with `after`"
    if rule.kind == "temporal_ordered" and rule.compare:
        holds = holds_all(rule.compare)
        if not holds(count) or any(map(holds, range(count))):
            return "temporal_ordered is about all of its rules; leave out its condition"
    if rule.kind.startswith("value_") and not rule.fields:
        return "condition needs a field"
    return ""


def _numbered(order: list[Correlation], known: dict[str, AnyRule]) -> tuple[Plan, ...]:
    places = {rule.head.id: place for place, rule in enumerate(order)}
    above: list[list[tuple[int, int]]] = [[] for _ in order]
    for place, rule in enumerate(order):
        for bit, needed in enumerate(rule.rules):
            child = places.get(known[needed].head.id)
            if child is not None:
                above[child].append((place, bit))
    versions: dict[str, str] = {}
    plans: list[Plan] = []
    for place, rule in enumerate(order):
        below = tuple(known[needed] for needed in rule.rules)
        said = [rule.head.id, rule.head.version]
        said += [versions.get(item.head.id, item.head.version) for item in below]
        version = versions[rule.head.id] = sha256("\0".join(said).encode()).hexdigest()
        keys = tuple(_key_fields(rule, item) for item in below)
        plans.append(Plan(place, rule, below, version, keys, tuple(above[place])))
    return tuple(plans)


def _key_fields(rule: Correlation, below: AnyRule) -> tuple[str, ...]:
    return tuple(field_of(rule, below, name) for name in rule.group_by)


def field_of(rule: Correlation, below: AnyRule, name: str) -> str:
    """Return which field of a rule below an alias or a field's own name means."""
    alias = rule.aliases.get(name, {})
    return alias.get(below.head.id) or alias.get(below.head.name) or name
