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
    field of the record is told only where GUARD is not, too. `usual`: nearly every event has it.
    Where the field has a value, a `partial` column has that, and elsewhere something else.
    """

    field: str
    always: bool = True
    native: bool = False
    usual: bool = False
    partial: bool = False


KnownOf = Callable[[str], Known | None]
"""The column that tells of a field, None when none does."""

_TELLING = frozenset(
    {"equals", "contains", "startswith", "endswith", "pattern", "regex", "cidr",
     "lt", "lte", "gt", "gte", "exists", "null"}
)  # fmt: skip


def may(node: Node, known_of: KnownOf, unsaid: dict[Node, None] | None = None) -> Bound:
    """Return a condition over columns that holds wherever `node` does; True says nothing.

    With `unsaid` it holds so only where none of the conditions does that are added there (an empty
    column of those that nearly every event has, GUARD): for many rules they need be asked once.
    """
    return _Bounds(known_of, unsaid).of(node)[0]


class _Bounds:
    """Makes (may hold, must hold) of conditions."""

    def __init__(self, known_of: KnownOf, unsaid: dict[Node, None] | None) -> None:
        self._known_of = known_of
        self._unsaid = unsaid

    def of(self, node: Node) -> tuple[Bound, Bound]:
        """Return what may hold where the node does, and where it holds the node must."""
        match node:
            case Test():
                return self._of_test(node)
            case Not():
                wide, narrow = self.of(node.item)
                return _negated(narrow), _negated(wide)
        pairs = [self.of(item) for item in node.items]
        join = every_bound if isinstance(node, All) else any_bound
        return join([wide for wide, _ in pairs]), join([narrow for _, narrow in pairs])

    def _of_test(self, test: Test) -> tuple[Bound, Bound]:
        asked = test.field is not None and test.part is None and test.op in _TELLING
        known = self._known_of(test.field) if asked and test.field is not None else None
        if known is None:
            return True, False
        told = Test(known.field, test.op, test.value, test.cased)
        if known.always:
            return told, told
        if known.partial:
            missing = test.op == "null" or (test.op == "exists" and not test.value)
            guard = Test(GUARD, "exists", value=True)
            return (True if missing else AnyOf((told, guard))), False
        unsaid: list[Node] = []
        for condition, once in (
            (Test(known.field, "null", None), known.usual),
            (Test(GUARD, "exists", value=True), known.native),
        ):
            if once and self._unsaid is not None:
                self._unsaid[condition] = None
            elif known.native or condition.field != GUARD:
                unsaid.append(condition)
        if not unsaid:
            return told, told
        return AnyOf((told, *unsaid)), All((told, *map(Not, unsaid)))


def _negated(bound: Bound) -> Bound:
    return not bound if isinstance(bound, bool) else Not(bound)


def every_bound(bounds: list[Bound]) -> Bound:
    """Return what holds where all of them do."""
    if any(bound is False for bound in bounds):
        return False
    left = tuple(bound for bound in bounds if not isinstance(bound, bool))
    return (left[0] if len(left) == 1 else All(left)) if left else True


def any_bound(bounds: list[Bound]) -> Bound:
    """Return what holds where one of them does."""
    if any(bound is True for bound in bounds):
        return True
    left = tuple(bound for bound in bounds if not isinstance(bound, bool))
    return (left[0] if len(left) == 1 else AnyOf(left)) if left else False
