"""Words and letters of stored bytes, as numbers: what a word search looks for, vectorised.

A word is a run of ASCII letters and digits of case-folded text; its number (22 bits) is a hash of
its length, its first and its last eight bytes. Numbers of different words may be equal, and words
beyond ASCII are cut where they leave it: what is found by them is a candidate, never an answer.

`keys` are the numbers of (field, value): they stand beside those of words. 0 is no word's number.
The number of three letters in a row is their places in the alphabet, five bits each.
"""

import re
from collections.abc import Iterable, Sequence
from zlib import crc32

import numpy as np

from whodid.query.words import unescape

Array = np.ndarray

NUMBER_BITS = 22
LETTERS = 1 << 15
"""Numbers of three letters are less than this."""

_APART = bytes(
    ord(chr(byte).lower()) if byte < 0x80 and chr(byte).isalnum() else 0x20 for byte in range(256)
)
_PLACES = bytes(
    ord(chr(byte).lower()) - 0x60 if byte < 0x80 and chr(byte).isalpha() else 0
    for byte in range(256)
)
_ESCAPED = re.compile(rb"\\[0-9A-Za-z]")
_M1, _M2, _M3, _M4 = (
    np.uint64(number)
    for number in (
        0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93,
    )
)  # fmt: skip
_TAIL = b" " * 16
_ABOVE_F, _HIGH, _LETTER = (np.uint64(0x01010101 * byte) for byte in (0x19, 0x80, 0x40))
_TEN, _FIVE = np.uint16(10), np.uint16(5)
_GIVEN = np.arange(32) > 0
_THREE = (_GIVEN[:, None, None] & _GIVEN[:, None] & _GIVEN).reshape(-1)
_KEPT = np.array([(1 << 8 * n) - 1 for n in range(9)], dtype=np.uint64)


def searched(parts: Sequence[bytes]) -> bytes:
    """Return these texts as one; where escapes hide letters, undone once more too.

    Case is folded beyond ASCII; within it, the functions below do that.
    """
    joined = b"\n".join(parts)
    if _ESCAPED.search(joined) is not None:
        found = [part for part in parts if _ESCAPED.search(part)]
        joined = b"\n".join(
            (joined, *(unescape(part).encode("utf-8", "replace") for part in found))
        )
    if joined.isascii():
        return joined
    return joined.decode("utf-8", "replace").casefold().encode("utf-8", "replace")


def word_numbers(text: bytes) -> tuple[Array, Array]:
    """Return the numbers (u32) of the words of a searched text, each once, in order.

    Apart: all others, and those like `4f3a`: four hexadecimal digits, not all decimal and not all
    letters. UUIDs are full of the latter.
    """
    padded = b"".join((b" ", text.translate(_APART), _TAIL))
    inside = np.frombuffer(padded, dtype=np.uint8) != 0x20
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    starts, ends = edges[0::2] + 1, edges[1::2] + 1
    sizes = ends - starts
    windows: Array = np.ndarray(shape=(len(padded) - 7,), dtype="<u8", buffer=padded, strides=(1,))
    first = windows[starts] & _KEPT[np.minimum(sizes, 8)]
    mixed = first * _M1
    long = np.flatnonzero(sizes > 8)
    tail = windows[ends[long] - 8] * _M2 + sizes[long].astype(np.uint64) * _M3
    mixed[long] = (mixed[long] ^ tail) * _M4
    numbers = _numbers(mixed)
    four = np.flatnonzero(sizes == 4)
    chars = first[four]
    letters = chars & _LETTER
    four = four[((chars + _ABOVE_F) & _HIGH == 0) & (letters != _LETTER) & (letters != 0)]
    others = np.ones(len(numbers), dtype=np.bool_)
    others[four] = False
    return distinct(numbers[others]), distinct(numbers[four])


def _numbers(mixed: Array) -> Array:
    return np.maximum((mixed >> np.uint64(64 - NUMBER_BITS)).astype(np.uint32), np.uint32(1))


def distinct(numbers: Array) -> Array:
    """Return numbers in order, each once; a multiple faster than `np.unique`."""
    numbers = np.sort(numbers)
    if len(numbers) < 2:
        return numbers
    return numbers[np.concatenate(([True], numbers[1:] != numbers[:-1]))]


def letter_flags(text: bytes) -> Array:
    """Return for each number of three letters whether they stand in a searched text."""
    places = np.frombuffer(text.translate(_PLACES), dtype=np.uint8).astype(np.uint16)
    numbers = places[:-2] << _TEN | places[1:-1] << _FIVE | places[2:]
    flags = np.zeros(LETTERS, dtype=np.bool_)
    flags[numbers.astype(np.intp)] = True
    return flags & _THREE


def key_numbers(field: str, folded: Iterable[bytes]) -> Array:
    """Return the numbers (u32) of values, given folded, in a field."""
    start = crc32(field.encode() + b"\0")
    sums = np.fromiter((crc32(value, start) for value in folded), dtype=np.uint64)
    return _numbers(sums * _M1)


def key_number(field: str, value: str) -> int:
    """Return the number of one value in a field."""
    return int(key_numbers(field, [value.casefold().encode("utf-8", "replace")])[0])
