"""Which fields a rule looks at, so that its alerts are kept from whom these are withheld."""

from collections.abc import Sequence

from msgspec.structs import replace

from whodid.detection.compiled.blind import fields_of
from whodid.detection.rule import All, AnyOf, AnyRule, Correlation, Node, Not, Rule, Test

EVERYTHING = "*"
"""What a keyword looks at: every text of a record, so no field that a reader can be shown."""

_BY_KIND = {"impossible_travel": ("ip",), "outside_hours": ("actor",), "new_value": ("actor",)}
_DEPTH_MAX = 16


def with_reads(rules: Sequence[AnyRule]) -> tuple[AnyRule, ...]:
    """Return the rules, each head with the fields that it looks at (`Head.reads`)."""
    by_id = {rule.head.id: rule for rule in rules}
    return tuple(
        replace(rule, head=replace(rule.head, reads=tuple(sorted(_reads(rule, by_id, 0)))))
        for rule in rules
    )


def _reads(rule: AnyRule, by_id: dict[str, AnyRule], depth: int) -> set[str]:
    if depth > _DEPTH_MAX:
        return {EVERYTHING}
    if isinstance(rule, Rule):
        return fields_of(rule.node) | ({EVERYTHING} if _has_keyword(rule.node) else set())
    found = _of_correlation(rule)
    for name in rule.rules:
        below = by_id.get(name)
        found |= {EVERYTHING} if below is None else _reads(below, by_id, depth + 1)
    return found


def _of_correlation(rule: Correlation) -> set[str]:
    found: set[str] = set(_BY_KIND.get(rule.kind, ()))
    for name in (*rule.group_by, *rule.fields):
        found |= set(rule.aliases[name].values()) if name in rule.aliases else {name}
    return found


def _has_keyword(node: Node) -> bool:
    match node:
        case Test():
            return node.field is None
        case Not():
            return _has_keyword(node.item)
        case All() | AnyOf():
            return any(map(_has_keyword, node.items))
