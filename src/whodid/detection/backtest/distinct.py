"""The distinct values of a column, each asked once by the closures that decide live."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from whodid.detection.compiled.fields import Field, view_of
from whodid.detection.compiled.path import Values
from whodid.detection.compiled.tests import compile_test
from whodid.detection.record import Record
from whodid.detection.rule import Test
from whodid.event import GROUPS

Array = np.ndarray
Arrays = Sequence[Array]
"""A column of the index (see `index.extract`)."""

_PLAIN_OPS = frozenset({"equals", "contains", "startswith", "endswith"})


def texts_of(arrays: Arrays) -> list[str]:
    """Return the texts of a column of texts or of lists of them; none for an empty one."""
    if not arrays:
        return []
    at, blob = arrays[-2], arrays[-1]
    data, ends = blob.tobytes(), at.tolist()
    return [data[begin:end].decode("utf-8", "replace") for begin, end in pairwise(ends)]


class Distinct:
    """Distinct values of a field: each a tuple, as a `Field` gives them for one record."""

    def __init__(self, values: Sequence[Values]) -> None:
        self._values = values
        single = all(len(value) == 1 and value[0].__class__ is str for value in values)
        self._texts: list[str] | None = [value[0] for value in values] if single else None
        self._lower: list[str] | None = None
        self._place: dict[str, int] | None = None
        self._apart = True

    def __len__(self) -> int:
        return len(self._values)

    def mark(self, test: Test, table: Array) -> None:
        """Make `table` (bool, one each) true where one passes a look, which needs no other field.

        The rest of the table stays as it is.
        """
        value = test.value
        if self._texts is None or not isinstance(value, str) or test.part is not None:
            table |= self._asked(test)
            return
        if test.op not in _PLAIN_OPS:
            table |= self._asked(test)
            return
        texts = self._texts if test.cased else self._in_small_letters(self._texts)
        text = value if test.cased else value.lower()
        if test.op == "equals" and not test.cased:
            self._mark_equal(text, texts, table)
            return
        found: list[bool]
        match test.op:
            case "equals":
                found = [it == text for it in texts]
            case "contains":
                found = [text in it for it in texts]
            case "startswith":
                found = [it.startswith(text) for it in texts]
            case _:
                found = [it.endswith(text) for it in texts]
        table |= np.array(found, dtype=np.bool_)

    def _in_small_letters(self, texts: list[str]) -> list[str]:
        if self._lower is None:
            self._lower = [text.lower() for text in texts]
        return self._lower

    def _mark_equal(self, text: str, lower: list[str], table: Array) -> None:
        if self._place is None:
            self._place = dict(zip(lower, range(len(lower)), strict=True))
            self._apart = len(self._place) == len(lower)
        place = self._place.get(text)
        if place is None:
            return
        if self._apart:
            table[place] = True
        else:  # several differ in case alone
            table |= np.array([it == text for it in lower], dtype=np.bool_)

    def _asked(self, test: Test) -> Array:
        asks = passes(test)
        return np.fromiter(map(asks, self._values), np.bool_, count=len(self._values))


def passes(test: Test) -> Callable[[Values], bool]:
    """Return what tells whether values of a field pass a look at it, by the closure."""
    now: list[Values] = [()]
    field = Field(0, lambda _view: now[0])
    holds = compile_test(test, lambda _name: field)
    record = Record(0, (b"",) * len(GROUPS), lambda _raw, _format: None)

    def passed(values: Values) -> bool:
        now[0] = values
        return holds(view_of(record, None))

    return passed


def of_nothing(test: Test) -> bool:
    """Tell whether a record passes a look at a field that it has not."""
    return test.op == "null" or (test.op == "exists" and not test.value)


def numbers(values: Array) -> list[Values]:
    """Return numbers as values of a field."""
    found: list[Any] = values.tolist()
    return [(number,) for number in found]
