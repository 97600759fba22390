"""The index over anchors: which rules may match a record, from the values of a few fields.

Values repeat, so what was found for a value is remembered, within bounds.
"""

from collections.abc import Callable, Iterable

from whodid.detection.compiled.anchors import needle_of
from whodid.detection.compiled.fields import Field, View, text_of
from whodid.detection.compiled.needles import Needles
from whodid.detection.compiled.tests import all_lower
from whodid.detection.rule import Test
from whodid.limits import RULE_ASKED_VALUES_MAX

_REMEMBERED_CHARS_MAX = 512
Numbers = tuple[int, ...]


class Probe:
    """The anchors on one field. `ask` gives the numbers of rules whose anchor may hold."""

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
        self._known: dict[str, Numbers] = {}

    def ask(self, view: View, hits: set[int]) -> None:
        """Add the numbers of the rules that the field's values leave possible."""
        for value in self.raw(view):
            text = value if value.__class__ is str else text_of(value)
            found = self._known.get(text)
            if found is None:
                found = self._look(text)
            if found:
                hits.update(found)
            if value.__class__ is float and value.is_integer():
                hits.update(self._look(str(int(value))))  # a rule's 5 is also 5.0

    def _look(self, text: str) -> Numbers:
        lowered = text.lower()
        found = [*self._present, *self._equal.get(lowered, ()), *self._needles.numbers_in(lowered)]
        for length, heads in self._starts:
            found += heads.get(lowered[:length], ())
        for length, tails in self._ends:
            found += tails.get(lowered[-length:], ())
        numbers = tuple(set(found))
        if len(text) <= _REMEMBERED_CHARS_MAX:
            if len(self._known) >= RULE_ASKED_VALUES_MAX:
                self._known.clear()
            self._known[text] = numbers
        return numbers


class TextProbe:
    """The anchors of keywords: texts anywhere in a record.

    A record that is plain ASCII without escapes holds its texts as they are, so its own bytes tell
    what cannot be in them; only then, or for any other record, its values are taken apart.
    """

    def __init__(self, anchors: Iterable[tuple[Test, int]]) -> None:
        pairs = [(needle_of(test), number) for test, number in anchors]
        self._needles = Needles(pairs)
        self._told = all(_is_told(text) for text, _ in pairs)

    def ask(self, view: View, hits: set[int]) -> None:
        """Add the numbers of the rules whose keyword stands in the record."""
        raw = view.record.groups[_RAW]
        if self._told and raw and raw.isascii() and b"\\" not in raw:
            hits.update(self._needles.numbers_in(raw.decode("ascii").lower()))
        else:
            hits.update(self._needles.numbers_in(all_lower(view)))


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


def make_probes(
    anchors: Iterable[tuple[Test, int]], field_of: Callable[[str], Field]
) -> list[Probe | TextProbe]:
    """Return a probe for each field that anchors are about."""
    by_field: dict[str | None, list[tuple[Test, int]]] = {}
    for test, number in anchors:
        by_field.setdefault(test.field, []).append((test, number))
    return [
        TextProbe(found) if name is None else Probe(field_of(name), found)
        for name, found in by_field.items()
    ]
