"""Words and letters of stored bytes, as numbers: what a word search looks for, vectorised.

A word is a run of ASCII letters and digits of case-folded text; its number (22 bits) is a hash of
its length, its first and its last eight bytes. Numbers of different words may be equal, and words
beyond ASCII are cut where they leave it: what is found by them is a candidate, never an answer.

`keys` are the numbers of (field, value): they stand beside those of words. 0 is no word's number.
The number of three letters in a row is their places in the alphabet, five bits each.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import repeat
from zlib import crc32

import numpy as np
from msgspec import Struct

from whodid.native import native
from whodid.query.words import unescape

Array = np.ndarray

NUMBER_BITS = 22
LETTERS = 1 << 15
"""Numbers of three letters are less than this."""

_APART = bytes(
    ord(chr(byte).lower()) if byte < 0x80 and chr(byte).isalnum() else 0x20 for byte in range(256)
)
_ESCAPED = re.compile(rb"\\[0-9A-Za-z]")
_M1, _M2, _M3, _M4 = (
    np.uint64(number)
    for number in (
        0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93,
    )
)  # fmt: skip
_TAIL = b" " * 16
_NO_CHUNKS = np.zeros(0, dtype=np.uint64)
_BITS_3, _BITS_4 = np.uint64(24), np.uint64(32)
_BEFORE_A, _FIVE_BITS = np.uint8(0x60), np.uint8(31)
_ABOVE_F, _HIGH, _LETTER = (np.uint64(0x01010101 * byte) for byte in (0x19, 0x80, 0x40))
_TEN, _FIVE = np.uint16(10), np.uint16(5)
_GIVEN = np.arange(32) > 0
_THREE = (_GIVEN[:, None, None] & _GIVEN[:, None] & _GIVEN).reshape(-1)
_KEPT = np.array([(1 << 8 * n) - 1 for n in range(9)], dtype=np.uint64)


class Cut(Struct, frozen=True):
    """The distinct words of a text. Exact where letters are taken from them: no hash in between.

    `short` has those of up to eight bytes (u64, the first byte lowest, 0 may be in it for none),
    `long` the numbers of the longer ones, `chunks` eight bytes each of these, which overlap so that
    any three bytes in a row stand in one.
    """

    short: Array
    long: Array
    chunks: Array

    def letters(self) -> Array:
        """Return for each number of three letters whether they stand in the text."""
        return letter_flags(np.concatenate((self.short, self.chunks)))


def searched(parts: Sequence[bytes]) -> bytes:
    """Return these texts as one; where escapes hide letters, undone once more too.

    Case is folded beyond ASCII; within it, the functions below do that.
    """
    joined = b"\n".join(parts)
    if b"\\" in joined and _ESCAPED.search(joined) is not None:
        found = [part for part in parts if _ESCAPED.search(part)]
        joined = b"\n".join(
            (joined, *(unescape(part).encode("utf-8", "replace") for part in found))
        )
    if joined.isascii():
        return joined
    return joined.decode("utf-8", "replace").casefold().encode("utf-8", "replace")


def cut(text: bytes) -> Cut:
    """Return the words of a searched text."""
    padded = b"".join((b" ", text.translate(_APART), _TAIL))
    inside = np.frombuffer(padded, dtype=np.uint8) != 0x20
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = edges[0::2] + 1, edges[1::2] + 1
    sizes = ends - starts
    windows: Array = np.ndarray(shape=(len(padded) - 7,), dtype="<u8", buffer=padded, strides=(1,))
    first = windows[starts]
    long = np.flatnonzero(sizes > 8)
    if not len(long):
        return Cut(distinct(first & _KEPT[sizes]), np.zeros(0, dtype=np.uint32), _NO_CHUNKS)
    sizes_long, head, last = sizes[long], first[long], windows[ends[long] - 8]
    first &= _KEPT[np.minimum(sizes, 8)]
    first[long] = 0
    tail = last * _M2 + sizes_long.astype(np.uint64) * _M3
    numbers = distinct(_numbers((head * _M1 ^ tail) * _M4))
    within = _within(windows, starts[long], sizes_long)
    return Cut(distinct(first), numbers, distinct(np.concatenate((head, last, within))))


def cut_marking(text: bytes, marks: bytearray) -> Cut:
    """Return the words of a searched text, in some order and without chunks.

    Sets the bytes of `marks` (LETTERS of them) at the numbers of the letters that stand in it.
    """
    if native is not None:
        short, long = native.cut(text, marks)
        numbers = np.frombuffer(long, dtype="<u8").astype(np.uint32)
        return Cut(np.frombuffer(short, dtype="<u8"), numbers, _NO_CHUNKS)
    words = cut(text)
    flags = np.frombuffer(marks, dtype=np.bool_)
    flags |= words.letters()
    return Cut(words.short, words.long, _NO_CHUNKS)


def _within(windows: Array, starts: Array, sizes: Array) -> Array:
    """Return the eight bytes at every sixth place of words, between their first and last eight."""
    more = sizes > 14
    counts = (sizes[more] - 9) // 6
    nth = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    within: Array = windows[np.repeat(starts[more], counts) + 6 * (nth + 1)]
    return within


def word_numbers(text: bytes) -> tuple[Array, Array]:
    """Return the numbers (u32) of the words of a searched text, each once, in order.

    Apart: all others, and those like `4f3a` (see `numbers_of`).
    """
    words = cut(text)
    others, hexes = numbers_of(words.short)
    return distinct(np.concatenate((others, words.long))), hexes


def numbers_of(short: Array) -> tuple[Array, Array]:
    """Return the numbers (u32) of distinct short words, in order; those like `4f3a` apart.

    They are four hexadecimal digits, not all decimal and not all letters: UUIDs are full of them.
    """
    short = short[short != 0]
    numbers = _numbers(short * _M1)
    letters = short & _LETTER
    four = (short >> _BITS_3 != 0) & (short >> _BITS_4 == 0)
    hexes = four & ((short + _ABOVE_F) & _HIGH == 0) & (letters != _LETTER) & (letters != 0)
    return distinct(numbers[~hexes]), distinct(numbers[hexes])


def _numbers(mixed: Array) -> Array:
    return np.maximum((mixed >> np.uint64(64 - NUMBER_BITS)).astype(np.uint32), np.uint32(1))


def distinct(numbers: Array) -> Array:
    """Return numbers in order, each once; a multiple faster than `np.unique`."""
    numbers = np.sort(numbers)
    if len(numbers) < 2:
        return numbers
    return numbers[np.concatenate(([True], numbers[1:] != numbers[:-1]))]


def letter_flags(chunks: Array) -> Array:
    """Return for each number of three letters whether they stand in a word, or a part of one."""
    chars = chunks.astype("<u8").view(np.uint8).reshape(-1, 8)
    places = np.where(chars > _BEFORE_A, chars & _FIVE_BITS, 0).astype(np.uint16)
    numbers = places[:, :-2] << _TEN | places[:, 1:-1] << _FIVE | places[:, 2:]
    flags = np.zeros(LETTERS, dtype=np.bool_)
    flags[numbers.reshape(-1).astype(np.intp)] = True
    return flags & _THREE


def key_numbers(field: str, folded: Iterable[bytes]) -> Array:
    """Return the numbers (u32) of values, given folded, in a field."""
    start = crc32(field.encode() + b"\0")
    sums = np.fromiter(map(crc32, folded, repeat(start)), dtype=np.uint64)
    return _numbers(sums * _M1)


@lru_cache(maxsize=256)
def key_number(field: str, value: str) -> int:
    """Return the number of one value in a field."""
    return int(key_numbers(field, [value.casefold().encode("utf-8", "replace")])[0])
