"""Grams: five digits in a row, or five letters up to f, wherever they stand in a text.

They find a part of a number, or of a word of few letters: what a lexicon does not have (`words`).
Digits and letters up to f in turn, as in identifiers, are none: they would be most of all, and are
rarely asked for in part.

The number of five digits is what they say, plus 1; of five letters 100,001 plus what they say as
digits to the base of 6. It has 17 bits; 0 is no gram's.
"""

import numpy as np

from whodid.native import native

Array = np.ndarray

GRAM_BITS = 17
IN_A_ROW = 5
_LETTERS = 6
_FIRST_DIGITS, _FIRST_LETTERS = 1, 100_001
_WORD_BITS = 64
_KIND = bytes(
    byte - 0x30 if 0x30 <= byte <= 0x39
    else 16 + (byte | 0x20) - 0x61 if 0x61 <= byte | 0x20 <= 0x66
    else 255
    for byte in range(256)
)  # fmt: skip


class Grams:
    """The grams of some texts while they are added."""

    __slots__ = ("_marked",)

    def __init__(self) -> None:
        self._marked = np.zeros((1 << GRAM_BITS) // _WORD_BITS, dtype="<u8")

    def add(self, text: bytes) -> None:
        """Add those of a searched text."""
        if native is not None:
            native.grams(text, self._marked)
        else:
            _mark(text, self._marked.view(np.uint8))

    def numbers(self) -> Array:
        """Return their numbers (u32), each once, in order."""
        bits = np.unpackbits(self._marked.view(np.uint8), bitorder="little")
        return np.flatnonzero(bits.view(np.bool_)).astype(np.uint32)


def gram_numbers(text: bytes) -> Array:
    """Return the numbers (u32) of the grams of a searched text, each once, in order."""
    grams = Grams()
    grams.add(text)
    return grams.numbers()


def _mark(text: bytes, marked: Array) -> None:
    values = np.frombuffer(text.translate(_KIND), dtype=np.uint8).astype(np.uint32)
    kinds = values >> np.uint32(4)
    for kind, base, first in ((0, 10, _FIRST_DIGITS), (1, _LETTERS, _FIRST_LETTERS)):
        here = kinds == kind
        count = max(len(here) - IN_A_ROW + 1, 0)
        starts = np.flatnonzero(
            np.logical_and.reduce([here[n : n + count] for n in range(IN_A_ROW)])
        )
        numbers = np.full(len(starts), first, dtype=np.uint32)
        for n in range(IN_A_ROW):
            numbers += (values[starts + n] & np.uint32(15)) * np.uint32(base ** (IN_A_ROW - 1 - n))
        bits = np.uint8(1) << (numbers & np.uint32(7)).astype(np.uint8)
        np.bitwise_or.at(marked, numbers >> np.uint32(3), bits)
