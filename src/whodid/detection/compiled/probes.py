"""What single values decide: which looks at a field they pass, as the bits of their rules.

Values repeat, so what was found for one is remembered, within bounds.
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from whodid.detection.compiled.anchors import needle_of
from whodid.detection.compiled.fields import EventPlace, Load, View, text_of
from whodid.detection.compiled.filed import Numbers, Regexes, Texts, is_compare, is_text, passed
from whodid.detection.compiled.needles import Needles
from whodid.detection.compiled.passes import Passes, passes_of
from whodid.detection.compiled.path import Values
from whodid.detection.compiled.tests import all_lower
from whodid.detection.rule import Test
from whodid.limits import RULE_ASKED_BYTES_MAX, RULE_ASKED_CHARS_MAX, RULE_ASKED_VALUES_MAX
from whodid.native import native as compiled

Looks = Iterable[tuple[Test, int]]
"""Looks at one field, each with the bits that it gives when a value passes it."""

_ENTRY_BYTES = 150


class Memory:
    """What all probes of a matcher may remember together; when it is full they begin again.

    What they forget by themselves is not given back, so it is full sooner than it need be.
    """

    def __init__(self) -> None:
        self._left = RULE_ASKED_BYTES_MAX
        self._all: list[Remembered] = []

    def of(self, look: Callable[[Any], int]) -> "Remembered":
        """Return what remembers the bits that `look` finds."""
        self._all.append(Remembered(look, self))
        return self._all[-1]

    def spend(self, size: int) -> None:
        """Take note that a value of so many characters is remembered."""
        self._left -= size + _ENTRY_BYTES
        if self._left < 0:
            self._left = RULE_ASKED_BYTES_MAX
            for remembered in self._all:
                remembered.forget()


class Remembered(dict[Any, int]):
    """Values → bits, looked up when they are asked for, and then remembered within bounds.

    What was not asked for while others filled it is forgotten.
    """

    __slots__ = ("_look", "_memory", "_old")

    def __init__(self, look: Callable[[Any], int], memory: Memory) -> None:
        super().__init__()
        self._look = look
        self._memory = memory
        self._old: dict[Any, int] = {}

    def __missing__(self, value: Any) -> int:
        """Return the bits of a value that is not among the newer ones."""
        found = self._old.pop(value, None)
        if found is None:
            found = self._look(value)
            size = len(value) if value.__class__ is str else 0
            if size > RULE_ASKED_CHARS_MAX:
                return found
            self._memory.spend(size)
        if len(self) >= RULE_ASKED_VALUES_MAX // 2:
            self._old = dict(self)
            self.clear()
        self[value] = found
        return found

    def forget(self) -> None:
        """Forget everything."""
        self._old = {}
        self.clear()


class Probe:
    """The looks at one field: `texts[value]`, or `bits_of` any value, are those that it passes."""

    def __init__(self, looks: Looks, memory: Memory) -> None:
        looks = list(looks)
        texts = [look for look in looks if is_text(look[0])]
        numbers = [look for look in looks if is_compare(look[0])]
        regexes = [look for look in looks if look[0].op == "regex"]
        told = {id(look) for some in (texts, numbers, regexes) for look in some}
        self._texts = Texts(texts) if texts else None
        self._numbers = Numbers(numbers) if numbers else None
        self._regexes = Regexes(regexes) if regexes else None
        self._any = 0
        self._others: list[tuple[Passes, int]] = []
        for look in looks:
            if look[0].op == "exists":
                self._any |= look[1]
            elif id(look) not in told:
                self._others.append((passes_of(look[0]), look[1]))
        self.texts = memory.of(lambda text: self._look(text, text))
        self.flags = memory.of(lambda flag: self._look(flag, text_of(flag)))
        self.ints = memory.of(lambda number: self._look(number, repr(number)))

    def bits_of_all(self, values: Values) -> int:
        """Return the bits of the looks that one of the values passes."""
        found = 0
        for value in values:
            found |= self.texts[value] if value.__class__ is str else self.bits_of(value)
        return found

    def bits_of(self, value: Any) -> int:
        """Return the bits of the looks that one value passes."""
        if value.__class__ is str:
            return self.texts[value]
        if value.__class__ is int:
            return self.ints[value]
        if value.__class__ is bool:  # in a table of its own: 1 would be the same key as True
            return self.flags[value]
        return self._look(value, text_of(value))

    def _look(self, value: Any, text: str) -> int:
        found = self._any
        if self._texts is not None:
            found |= self._texts.bits_of(text.lower())
        if self._numbers is not None:
            found |= self._numbers.bits_of(value)
        if self._regexes is not None:
            found |= self._regexes.bits_of(text)
        return found | passed(self._others, value) if self._others else found


_Asked = tuple[Probe, frozenset[str] | None, Load | None]
_Packed = tuple[dict[Any, int], tuple[str, ...] | None, dict[Any, int]]
"""A probe as `native.ask` takes it: texts → bits, where else a value may be, numbers → bits."""


class EventProbes:
    """Probes of fields of the Event, group by group; a field that is missing may be elsewhere."""

    def __init__(self) -> None:
        self._groups: list[int] = []
        self._asked: list[list[_Asked]] = []
        self._plan: tuple[tuple[tuple[str, ...], tuple[_Packed, ...]], ...] = ()
        """For each group the names of its attributes, and what is asked about them."""
        self._heads: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._groups)

    def add(self, place: EventPlace, probe: Probe) -> None:
        """File the probe of a field."""
        if place.group not in self._groups:
            self._groups.append(place.group)
            self._asked.append([])
            self._plan = (*self._plan, ((), ()))
        at = self._groups.index(place.group)
        asked = (probe, place.heads, place.otherwise)
        self._asked[at].append(asked)
        names, packed = self._plan[at]
        grown = (*names, place.attribute), (*packed, _packed(asked))
        self._plan = (*self._plan[:at], grown, *self._plan[at + 1 :])
        self._heads |= place.heads or set()

    def ask(self, view: View) -> int:
        """Return the bits of all looks that the record's values pass."""
        native = self._heads & view.native.keys()
        groups = list(map(view.record.group, self._groups))
        found = 0
        if compiled is not None:
            found, others = compiled.ask(groups, self._plan, native)
            for group, field, value in others:
                found |= _bits_of(value, self._asked[group][field], native, view)
            return found
        for one, asked, (names, _) in zip(groups, self._asked, self._plan, strict=True):
            for name, about in zip(names, asked, strict=True):
                found |= _bits_of(getattr(one, name), about, native, view)
        return found


def _bits_of(value: Any, asked: _Asked, native: AbstractSet[str], view: View) -> int:
    """Return the bits of a field's value; of a missing one, of what is where else it may be."""
    probe, heads, otherwise = asked
    if value.__class__ is str:
        return probe.texts[value]
    if value is None or value == ():
        if otherwise is None or (heads is not None and heads.isdisjoint(native)):
            return 0
        return probe.bits_of_all(otherwise(view))
    return probe.bits_of_all(value) if value.__class__ is tuple else probe.bits_of(value)


def _packed(asked: _Asked) -> _Packed:
    probe, heads, otherwise = asked
    elsewhere = () if otherwise is None else None if heads is None else tuple(heads)
    return probe.texts, elsewhere, probe.ints


class TextProbe:
    """The anchors of keywords: texts anywhere in a record.

    A record that is plain ASCII without escapes holds its texts as they are, so its own bytes tell
    what cannot be in them; only then, or for any other record, its values are taken apart.
    """

    def __init__(self, looks: Looks) -> None:
        pairs = [(needle_of(test), bits) for test, bits in looks]
        self._needles = Needles(pairs)
        self._told = all(_is_told(text) for text, _ in pairs)

    def ask(self, view: View) -> int:
        """Return the bits of the keywords that may stand in the record."""
        raw = view.record.groups[_RAW]
        if self._told and raw and raw.isascii() and b"\\" not in raw:
            text = raw.decode("ascii").lower()
        else:
            text = all_lower(view)
        found = 0
        for bits in self._needles.numbers_in(text):
            found |= bits
        return found


def _is_told(text: str) -> bool:
    """Tell whether a text that is in a value of JSON is also in its bytes, as a number may not."""
    return text.isascii() and '"' not in text and not _NUMERIC.issuperset(text)


_NUMERIC = frozenset("0123456789.e+-")
_RAW = 6
