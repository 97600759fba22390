"""The index over anchors: which rules may match a record, from the values of a few fields.

Values repeat, so what was found for a value is remembered, within bounds.
"""

from collections.abc import Iterable
from typing import Any

from whodid.detection.compiled.anchors import needle_of
from whodid.detection.compiled.fields import Field, View, text_of
from whodid.detection.compiled.needles import Needles
from whodid.detection.compiled.tests import all_lower
from whodid.detection.rule import Test
from whodid.limits import RULE_ASKED_VALUES_MAX

_REMEMBERED_CHARS_MAX = 512
Numbers = tuple[int, ...]


class Hits:
    """Numbers of rules: those of which the first anchors hold, and those of which the second do."""

    __slots__ = ("first", "second")

    def __init__(self, first: Iterable[int]) -> None:
        self.first = set(first)
        self.second: set[int] = set()


class Probe:
    """The anchors on one field. `ask` gives the numbers of rules whose anchor may hold.

    A second anchor of rule n has the number ~n.
    """

    def __init__(self, field: Field, anchors: Iterable[tuple[Test, int]]) -> None:
        self.raw = field.raw
        equal: dict[str, list[int]] = {}
        starts: list[tuple[str, int]] = []
        ends: list[tuple[str, int]] = []
        needles: list[tuple[str, int]] = []
        present: list[int] = []
        for test, number in anchors:
            text = needle_of(test)
            if test.op == "equals" and test.part is None:
                said = test.value if isinstance(test.value, str) else text_of(test.value)
                equal.setdefault(said.lower(), []).append(number)
            elif not text:
                present.append(number)
            elif test.op == "startswith":
                starts.append((text, number))
            elif test.op == "endswith":
                ends.append((text, number))
            else:
                needles.append((text, number))
        self._equal = {text: tuple(numbers) for text, numbers in equal.items()}
        self._starts, self._ends = _by_length(starts), _by_length(ends)
        self._needles = Needles(needles)
        self._present = tuple(present)
        self._known: dict[str, tuple[Numbers, Numbers]] = {}

    def ask(self, view: View, hits: Hits) -> None:
        """Add the numbers of the rules that the field's values leave possible."""
        for value in self.raw(view):
            self.take(value, hits)

    def take(self, value: Any, hits: Hits) -> None:
        """Add the numbers of the rules that one value leaves possible."""
        text = value if value.__class__ is str else text_of(value)
        found = self._known.get(text)
        if found is None:
            found = self._look(text)
        first, second = found
        if first:
            hits.first.update(first)
        if second:
            hits.second.update(second)
        if value.__class__ is float and value.is_integer():  # a rule's 5 is also 5.0
            first, second = self._look(str(int(value)))
            hits.first.update(first)
            hits.second.update(second)

    def _look(self, text: str) -> tuple[Numbers, Numbers]:
        lowered = text.lower()
        found = [*self._present, *self._equal.get(lowered, ()), *self._needles.numbers_in(lowered)]
        for length, heads in self._starts:
            found += heads.get(lowered[:length], ())
        for length, tails in self._ends:
            found += tails.get(lowered[-length:], ())
        numbers = _parted(found)
        if len(text) <= _REMEMBERED_CHARS_MAX:
            if len(self._known) >= RULE_ASKED_VALUES_MAX:
                self._known.clear()
            self._known[text] = numbers
        return numbers


def _parted(found: list[int]) -> tuple[Numbers, Numbers]:
    numbers = set(found)
    return tuple(it for it in numbers if it >= 0), tuple(~it for it in numbers if it < 0)


class TextProbe:
    """The anchors of keywords: texts anywhere in a record.

    A record that is plain ASCII without escapes holds its texts as they are, so its own bytes tell
    what cannot be in them; only then, or for any other record, its values are taken apart.
    """

    def __init__(self, anchors: Iterable[tuple[Test, int]]) -> None:
        pairs = [(needle_of(test), number) for test, number in anchors]
        self._needles = Needles(pairs)
        self._told = all(_is_told(text) for text, _ in pairs)

    def ask(self, view: View, hits: Hits) -> None:
        """Add the numbers of the rules whose keyword stands in the record."""
        raw = view.record.groups[_RAW]
        if self._told and raw and raw.isascii() and b"\\" not in raw:
            text = raw.decode("ascii").lower()
        else:
            text = all_lower(view)
        first, second = _parted(self._needles.numbers_in(text))
        hits.first.update(first)
        hits.second.update(second)


def _is_told(text: str) -> bool:
    """Tell whether a text that is in a value of JSON is also in its bytes, as a number may not."""
    return text.isascii() and '"' not in text and not _NUMERIC.issuperset(text)


_NUMERIC = frozenset("0123456789.e+-")
_RAW = 6


def _by_length(pairs: list[tuple[str, int]]) -> list[tuple[int, dict[str, Numbers]]]:
    """File texts by their length: a beginning is then one look-up for each length."""
    tables: dict[int, dict[str, list[int]]] = {}
    for text, number in pairs:
        tables.setdefault(len(text), {}).setdefault(text, []).append(number)
    return [
        (length, {text: tuple(numbers) for text, numbers in table.items()})
        for length, table in sorted(tables.items())
    ]
