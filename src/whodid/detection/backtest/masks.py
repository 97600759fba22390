"""Conditions over columns → which rows they hold for: surely, and maybe.

Every look at a field is asked of the distinct values of its column, then looked up by row; what
several rules ask is asked once. What no column tells holds maybe, and not surely; NOT takes the
other of the two. A mask is an array of bool, or one bool for all rows.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from whodid.detection.backtest.distinct import (
    Array,
    Arrays,
    Distinct,
    numbers,
    of_nothing,
    texts_of,
)
from whodid.detection.rule import All, AnyOf, Node, Not, Test

Mask: TypeAlias = Array | np.bool_
NO, YES = np.bool_(False), np.bool_(True)
_TEXT, _TEXTS, _NUMBER = 3, 4, 2
_COMPARED_MAX = 8


class Masks(NamedTuple):
    """`sure` is within `maybe`; where the two are one array, columns told all."""

    sure: Mask
    maybe: Mask


UNTOLD = Masks(NO, YES)


class Told(Protocol):
    """A column: tells of every row whether it passes one of some looks at its field."""

    def any_of(self, tests: Iterable[Test]) -> Masks:
        """Return the rows that pass one of these looks, which need no other field."""
        ...


Orders = dict[int, tuple[All, list[Node]]]
ToldOf = Callable[[str | None], Told | None]
"""The column of a field (None: of all texts of a record); None: there is none."""


class Asker:
    """Asks conditions of the rows of one table or stretch.

    `orders` remembers in which order the parts of a condition are asked; several may share it.
    """

    def __init__(self, told_of: ToldOf, orders: "Orders | None" = None) -> None:
        self._told_of = told_of
        self._orders: Orders = {} if orders is None else orders
        self._nodes: dict[int, tuple[Node, Masks]] = {}
        self._looks: dict[tuple[Hashable, ...], Masks] = {}

    def of(self, node: Node) -> Masks:
        """Return where a condition holds."""
        if isinstance(node, Test):
            return self._look(node)
        known = self._nodes.get(id(node))
        if known is None:
            known = self._nodes[id(node)] = node, self._of(node)
        return known[1]

    def _look(self, test: Test) -> Masks:
        value = test.value
        look = (test.field, test.op, value.__class__, value, test.cased, test.part)  # 1 is not True
        known = self._looks.get(look)
        if known is None:
            known = self._looks[look] = self._tests(test.field, [test])
        return known

    def _of(self, node: Node) -> Masks:
        match node:
            case Test():
                return self._look(node)
            case Not():
                sure, maybe = self.of(node.item)
                return _one(~sure) if sure is maybe else Masks(~maybe, ~sure)
            case All():
                return self._all(node)
        return self._any(node)

    def _tests(self, field: str | None, tests: list[Test]) -> Masks:
        told = self._told_of(field)
        if told is None or any(test.op.startswith("fieldref") for test in tests):
            return UNTOLD
        return told.any_of(tests)

    def _all(self, node: All) -> Masks:
        order = self._orders.get(id(node))
        if order is None:
            order = self._orders[id(node)] = node, sorted(node.items, key=_cost)
        found = _one(YES)
        for item in order[1]:
            found = _joined(_both, found, self.of(item))
            if not found.maybe.any():
                return _one(NO)
        return found

    def _any(self, node: AnyOf) -> Masks:
        """Join alternatives; those that look at one field are asked together."""
        by_field: dict[str | None, list[Test]] = {}
        found = _one(NO)
        for item in node.items:
            if isinstance(item, Test):
                by_field.setdefault(item.field, []).append(item)
            else:
                found = _joined(_either, found, self.of(item))
        for field, tests in by_field.items():
            if found.sure.all():
                break
            told = self._look(tests[0]) if len(tests) == 1 else self._tests(field, tests)
            found = _joined(_either, found, told)
        return found


def _one(mask: Mask) -> Masks:
    return Masks(mask, mask)


def _joined(join: Callable[[Mask, Mask], Mask], one: Masks, two: Masks) -> Masks:
    sure = join(one.sure, two.sure)
    told = one.sure is one.maybe and two.sure is two.maybe
    return Masks(sure, sure if told else join(one.maybe, two.maybe))


def _both(one: Mask, two: Mask) -> Mask:
    if one.ndim == 0:
        return two if one else NO
    if two.ndim == 0:
        return one if two else NO
    return one & two


def _either(one: Mask, two: Mask) -> Mask:
    if one.ndim == 0:
        return YES if one else two
    if two.ndim == 0:
        return YES if two else one
    return one | two


def _cost(node: Node) -> int:
    """Return what to ask last: what excludes, and what takes long."""
    if isinstance(node, Not):
        return 50 + _cost(node.item)
    if isinstance(node, Test):
        return 0 if node.op == "equals" else 10 if node.op != "regex" else 40
    return max(map(_cost, node.items[:4]), default=0) + 1


class CodedColumn:
    """Each row has one of the distinct values: the code 0 for none, n for the n-th.

    With `untold` 1 stands for a value that is not known, and n for the n-1st.
    """

    def __init__(self, codes: Array, values: Distinct, *, untold: bool = False) -> None:
        self._codes = codes
        self._values = values
        self._untold = untold

    def any_of(self, tests: Iterable[Test]) -> Masks:
        """Return the rows that pass one of these looks."""
        first = 1 + self._untold
        table = np.zeros(first + len(self._values), dtype=np.bool_)
        for test in tests:
            table[0] |= of_nothing(test)
            _mark(test, self._values, table[first:])
        sure = self._looked_up(table)
        if not self._untold:
            return Masks(sure, sure)
        table[1] = True
        maybe = self._looked_up(table)
        return Masks(maybe, maybe) if np.array_equal(sure, maybe) else Masks(sure, maybe)

    def _looked_up(self, table: Array) -> Mask:
        """Return the rows whose code is true in the table."""
        found = np.flatnonzero(table)
        if not len(found) or len(found) == len(table):
            return np.bool_(len(found))
        if len(found) <= _COMPARED_MAX:
            return self._among(found)
        others = np.flatnonzero(~table)
        if len(others) <= _COMPARED_MAX:
            return ~self._among(others)
        rows: Array = table.take(self._codes)
        return rows

    def _among(self, codes: Array) -> Array:
        """Return the rows that have one of a few codes: comparing costs less than a look-up."""
        of_kind = codes.astype(self._codes.dtype)
        found: Array = self._codes == of_kind[0]
        for code in of_kind[1:]:
            found |= self._codes == code
        return found


def _mark(test: Test, values: Distinct, table: Array) -> None:
    """Mark the values that pass; there is a value, so some looks need not be asked."""
    if test.op == "exists":
        table |= bool(test.value)
    elif test.op != "null":
        values.mark(test, table)


class ListColumn:
    """Each row has a list of the distinct values: `numbers[offsets[n]:offsets[n + 1]]`."""

    def __init__(self, offsets: Array, places: Array, values: Distinct) -> None:
        self._offsets = offsets
        self._places = places.astype(np.intp)
        self._values = values

    def any_of(self, tests: Iterable[Test]) -> Masks:
        """Return the rows of which one value passes one of these looks."""
        empty = self._offsets[1:] == self._offsets[:-1]
        found: Mask = NO
        table = np.zeros(len(self._values), dtype=np.bool_)
        for test in tests:
            if of_nothing(test):
                found = found | empty
            else:
                _mark(test, self._values, table)
        before = np.concatenate(([0], np.cumsum(table[self._places], dtype=np.int64)))
        sure = found | (before[self._offsets[1:]] > before[self._offsets[:-1]])
        return Masks(sure, sure)


class StateColumn:
    """Each row has a state or has it not; it can be asked whether it is there."""

    def __init__(self, holds: Mask) -> None:
        self._holds = holds

    def any_of(self, tests: Iterable[Test]) -> Masks:
        """Return the rows that pass one of these looks."""
        found: Mask = NO
        for test in tests:
            found = found | (~self._holds if of_nothing(test) else self._holds)
        return Masks(found, found)


def column_of(arrays: Arrays) -> Told:
    """Return a column of the index, from its arrays (see `index.extract`)."""
    if not arrays:
        return CodedColumn(np.zeros(1, dtype=np.uint8), Distinct([]))
    if len(arrays) == _TEXT:
        return CodedColumn(arrays[0], Distinct([(text,) for text in texts_of(arrays)]))
    if len(arrays) == _TEXTS:
        return ListColumn(arrays[0], arrays[1], Distinct([(it,) for it in texts_of(arrays)]))
    assert len(arrays) == _NUMBER
    here = arrays[1] != 0
    found, places = np.unique(arrays[0][here], return_inverse=True)
    codes = np.zeros(len(here), dtype=np.int64)
    codes[here] = places + 1
    return CodedColumn(codes, Distinct(numbers(found)))
