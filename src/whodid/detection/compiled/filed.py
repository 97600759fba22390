"""Looks at one field, filed by what they ask for, so that a new value finds those that it passes.

Equal texts, beginnings and ends are tables; bounds of numbers stand in their order; of regexes one
that stands for many is asked first.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from whodid.detection.compiled.anchors import needle_of
from whodid.detection.compiled.fields import text_of
from whodid.detection.compiled.needles import Needles
from whodid.detection.compiled.passes import COMPARES, Passes, number_of, text_fits
from whodid.detection.regex import finder
from whodid.detection.rule import Test
from whodid.errors import InputError
from whodid.limits import RULE_REGEX_CHARS_MAX

Finds = Callable[[str], bool]

_UNION_MAX = 32
_REGEXES_ALONE = 2


def is_text(test: Test) -> bool:
    """Tell whether a look compares a whole value with texts, in small letters."""
    if test.part is not None or test.cased:
        return False
    if test.op == "equals":
        return isinstance(test.value, str | bool)
    return test.op in ("startswith", "endswith", "contains", "pattern")


def is_compare(test: Test) -> bool:
    """Tell whether a look compares a number with a bound."""
    return test.part is None and test.op in COMPARES and math.isfinite(test.value)


class Texts:
    """Looks at texts in small letters."""

    def __init__(self, looks: Sequence[tuple[Test, int]]) -> None:
        self._equal: dict[str, int] = {}
        starts: dict[str, int] = {}
        ends: dict[str, int] = {}
        needles: list[tuple[str, int]] = []
        self._patterns: list[tuple[Passes, int]] = []
        self._filed: dict[int, list[tuple[Passes, int]]] = {}
        patterns: list[tuple[str, int]] = []
        for test, bits in looks:
            if test.op == "pattern":
                self._pattern(test, bits, patterns)
                continue
            said = text_of(test.value).lower()
            if test.op == "equals":
                _join(self._equal, said, bits)
            elif test.op == "startswith":
                _join(starts, said, bits)
            elif test.op == "endswith":
                _join(ends, said, bits)
            else:
                needles.append((said, bits))
        self._starts, self._ends = _by_length(starts), _by_length(ends)
        self._needles = Needles(needles)
        self._parts = Needles(patterns)

    def _pattern(self, test: Test, bits: int, patterns: list[tuple[str, int]]) -> None:
        """File a pattern under its longest piece, so that few are tried in full."""
        needle, entry = needle_of(test), (text_fits(test), bits)
        if not needle:
            self._patterns.append(entry)
            return
        number = len(self._filed)
        self._filed[number] = [entry]
        patterns.append((needle, number))

    def bits_of(self, text: str) -> int:
        """Return the bits of the looks that a text passes."""
        found = self._equal.get(text, 0)
        for length, heads in self._starts:
            found |= heads.get(text[:length], 0)
        for length, tails in self._ends:
            found |= tails.get(text[-length:] if length else "", 0)
        if self._needles:
            for bits in self._needles.numbers_in(text):
                found |= bits
        if self._parts:
            for number in self._parts.numbers_in(text):
                found |= passed(self._filed[number], text)
        return found | passed(self._patterns, text) if self._patterns else found


def passed(looks: Iterable[tuple[Passes, int]], value: Any) -> int:
    """Return the bits of those looks, asked one by one, that a value passes."""
    found = 0
    for passes, bits in looks:
        if passes(value):
            found |= bits
    return found


def _join(table: dict[str, int], text: str, bits: int) -> None:
    table[text] = table.get(text, 0) | bits


def _by_length(table: dict[str, int]) -> list[tuple[int, dict[str, int]]]:
    """File texts by their length: a beginning is then one look-up for each length."""
    found: dict[int, dict[str, int]] = {}
    for text, bits in table.items():
        found.setdefault(len(text), {})[text] = bits
    return sorted(found.items())


class Numbers:
    """Looks at numbers: the bounds in their order, and the bits between and at each of them."""

    def __init__(self, looks: Sequence[tuple[Test, int]]) -> None:
        self._bounds: list[int | float] = sorted({test.value for test, _ in looks})
        self._bits = [0] * (2 * len(self._bounds) + 1)
        for test, bits in looks:
            at = 2 * bisect_left(self._bounds, test.value) + 1
            for place in range(len(self._bits)):
                if COMPARES[test.op](place, at):
                    self._bits[place] |= bits

    def bits_of(self, value: Any) -> int:
        """Return the bits of the looks that a value passes."""
        number = number_of(value)
        if number is None:
            return 0
        at = bisect_left(self._bounds, number)
        is_bound = at < len(self._bounds) and self._bounds[at] == number
        return self._bits[2 * at + is_bound]


class Regexes:
    """Looks by regexes; most texts are decided by a regex that stands for many."""

    def __init__(self, looks: Sequence[tuple[Test, int]]) -> None:
        self._parts: list[tuple[Finds | None, list[tuple[Finds, int]]]] = []
        for some in _portions(looks):
            entries = [(finder(str(test.value)), bits) for test, bits in some]
            self._parts.append((_union([str(test.value) for test, _ in some]), entries))

    def bits_of(self, text: str) -> int:
        """Return the bits of the looks that a text passes."""
        found = 0
        for finds, entries in self._parts:
            if finds is None or finds(text):
                found |= passed(entries, text)
        return found


def _portions(looks: Sequence[tuple[Test, int]]) -> list[list[tuple[Test, int]]]:
    found: list[list[tuple[Test, int]]] = [[]]
    chars = 0
    for look in looks:
        chars += len(str(look[0].value)) + 5
        if chars > RULE_REGEX_CHARS_MAX or len(found[-1]) >= _UNION_MAX:
            found.append([])
            chars = len(str(look[0].value)) + 5
        found[-1].append(look)
    return found


def _union(patterns: list[str]) -> Finds | None:
    """Return what finds any of the patterns, None where it would not be worth it or as one."""
    if len(patterns) < _REGEXES_ALONE:
        return None
    try:
        return finder("|".join(f"(?:{it})" for it in patterns))
    except InputError:  # too large together
        return None
