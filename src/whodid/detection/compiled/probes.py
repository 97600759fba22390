"""What single values decide: which looks at a field they pass, as the bits of their rules.

Values repeat, so what was found for one is remembered, within bounds.
"""

from collections.abc import Callable, Iterable
from operator import attrgetter
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
        self._ints = memory.of(lambda number: self._look(number, repr(number)))

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
            return self._ints[value]
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


class EventProbes:
    """Probes of fields of the Event, group by group; a field that is missing may be elsewhere."""

    def __init__(self) -> None:
        self._groups: dict[int, list[tuple[EventPlace, Probe]]] = {}
        self._ready: list[tuple[int, Callable[[Any], Any], list[_Asked]]] = []
        self._heads: set[str] = set()

    def add(self, place: EventPlace, probe: Probe) -> None:
        """File the probe of a field."""
        some = self._groups.setdefault(place.group, [])
        some.append((place, probe))
        self._heads |= place.heads or set()
        names = [it.attribute for it, _ in some]
        get = attrgetter(names[0], *(names[1:] or names))  # of one name it gives no tuple
        self._ready = [it for it in self._ready if it[0] != place.group]
        asked = [(it, place.heads, place.otherwise) for place, it in some]
        self._ready.append((place.group, get, asked))

    def ask(self, view: View) -> int:
        """Return the bits of all looks that the record's values pass."""
        found = 0
        record = view.record
        native = self._heads & view.native.keys()
        for number, get, probes in self._ready:
            values = get(record.group(number))
            for value, (probe, heads, otherwise) in zip(values, probes, strict=False):
                if value.__class__ is str:
                    bits = probe.texts[value]
                elif value is None or value == ():
                    if otherwise is None or (heads is not None and heads.isdisjoint(native)):
                        continue
                    bits = probe.bits_of_all(otherwise(view))
                elif value.__class__ is tuple:
                    bits = probe.bits_of_all(value)
                else:
                    bits = probe.bits_of(value)
                if bits:
                    found |= bits
        return found


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
