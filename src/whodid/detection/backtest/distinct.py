"""The distinct values of a column, each asked once by the closures that decide live."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from whodid.detection.compiled.fields import Field, View
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
        self._places: dict[str, list[int]] | None = None

    def __len__(self) -> int:
        return len(self._values)

    def passing(self, test: Test) -> Array:
        """Return which of them pass a look at the field (bool). It needs no other field."""
        value = test.value
        if self._texts is None or not isinstance(value, str) or test.part is not None:
            return self._asked(test)
        if test.op not in _PLAIN_OPS:
            return self._asked(test)
        texts = self._texts if test.cased else self._in_small_letters(self._texts)
        text = value if test.cased else value.lower()
        if test.op == "equals" and not test.cased:
            return self._equal(text, texts)
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
        return np.array(found, dtype=np.bool_)

    def _in_small_letters(self, texts: list[str]) -> list[str]:
        if self._lower is None:
            self._lower = [text.lower() for text in texts]
        return self._lower

    def _equal(self, text: str, lower: list[str]) -> Array:
        if self._places is None:
            self._places = {}
            for place, it in enumerate(lower):
                self._places.setdefault(it, []).append(place)
        found = np.zeros(len(lower), dtype=np.bool_)
        for place in self._places.get(text, ()):
            found[place] = True
        return found

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
        return holds(View(record, None))

    return passed


def of_nothing(test: Test) -> bool:
    """Tell whether a record passes a look at a field that it has not."""
    return test.op == "null" or (test.op == "exists" and not test.value)


def numbers(values: Array) -> list[Values]:
    """Return numbers as values of a field."""
    found: list[Any] = values.tolist()
    return [(number,) for number in found]
