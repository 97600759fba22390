"""What columns can say of a rule: a wider one that never misses a row, over fields of the Event.

A condition becomes two: what may hold (wider) and what must (narrower); NOT takes the other. What
no column tells may hold and need not. Rows that the wider condition leaves are opened and decided.
"""

from collections.abc import Callable
from typing import TypeAlias

from msgspec import Struct

from whodid.detection.rule import All, AnyOf, Node, Not, Test

Bound: TypeAlias = Node | bool


GUARD = "guard"
"""A column that is true where fields of the Event may differ from the record: it was cut, a secret
was replaced, or it could not be mapped."""


class Known(Struct, frozen=True):
    """The column of the Event that has a field's values.

    It has them `always`, or only where it is not empty: elsewhere anything may stand. A `native`
    field of the record is told only where GUARD is not, too.
    """

    field: str
    always: bool = True
    native: bool = False


KnownOf = Callable[[str], Known | None]
"""The column that tells of a field, None when none does."""

_TELLING = frozenset(
    {"equals", "contains", "startswith", "endswith", "pattern", "regex", "cidr",
     "lt", "lte", "gt", "gte", "exists", "null"}
)  # fmt: skip


def may(node: Node, known_of: KnownOf) -> Bound:
    """Return a condition over columns that holds wherever `node` does; True says nothing."""
    return _bounds(node, known_of)[0]


def _bounds(node: Node, known_of: KnownOf) -> tuple[Bound, Bound]:
    """Return (may hold, must hold)."""
    match node:
        case Test():
            return _of_test(node, known_of)
        case Not():
            wide, narrow = _bounds(node.item, known_of)
            return _negated(narrow), _negated(wide)
        case All():
            pairs = [_bounds(item, known_of) for item in node.items]
            return _all([wide for wide, _ in pairs]), _all([narrow for _, narrow in pairs])
    pairs = [_bounds(item, known_of) for item in node.items]
    return _any([wide for wide, _ in pairs]), _any([narrow for _, narrow in pairs])


def _of_test(test: Test, known_of: KnownOf) -> tuple[Bound, Bound]:
    known = None if test.field is None or test.part is not None else known_of(test.field)
    if known is None or test.op not in _TELLING:
        return True, False
    told = Test(known.field, test.op, test.value, test.cased)
    if known.always:
        return told, told
    unsaid: list[Node] = [Test(known.field, "null", None)]
    if known.native:
        unsaid.append(Test(GUARD, "exists", value=True))
    return AnyOf((told, *unsaid)), All((told, *map(Not, unsaid)))


def _negated(bound: Bound) -> Bound:
    return not bound if isinstance(bound, bool) else Not(bound)


def _all(bounds: list[Bound]) -> Bound:
    if any(bound is False for bound in bounds):
        return False
    left = tuple(bound for bound in bounds if not isinstance(bound, bool))
    return (left[0] if len(left) == 1 else All(left)) if left else True


def _any(bounds: list[Bound]) -> Bound:
    if any(bound is True for bound in bounds):
        return True
    left = tuple(bound for bound in bounds if not isinstance(bound, bool))
    return (left[0] if len(left) == 1 else AnyOf(left)) if left else False
