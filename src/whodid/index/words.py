"""Words of stored bytes, as numbers: what a word search looks for, vectorised.

A word is a run of ASCII letters and digits of case-folded text; its number (22 bits) is a hash of
its length, its first and its last eight bytes. Numbers of different words may be equal, and words
beyond ASCII are cut where they leave it: what is found by them is a candidate, never an answer.

`keys` are the numbers of (field, value): they stand beside those of words. 0 is no word's number.
A lexicon has the words themselves, for a search for a part of one: those with a letter beyond f,
so that the digits of identifiers and hashes, new in every event, are none. Nor are digits and a z:
so times end, and they are new in every event too.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import repeat
from zlib import crc32

import numpy as np
from msgspec import Struct

from whodid.ledger.pieces import Pieces
from whodid.native import native
from whodid.query.words import unescape

Array = np.ndarray

NUMBER_BITS = 22
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
_WORDS = re.compile(rb"(?<![0-9a-z])(?![0-9]*z(?![0-9a-z]))[0-9a-z]*[g-z][0-9a-z]*")
_BITS_3, _BITS_4 = np.uint64(24), np.uint64(32)
_ABOVE_F, _HIGH, _LETTER = (np.uint64(0x01010101 * byte) for byte in (0x19, 0x80, 0x40))
_SEEN = 1 << 16
"""How many words the compiled part remembers (u64 each) not to look them up in a lexicon again."""
_KEPT = np.array([(1 << 8 * n) - 1 for n in range(9)], dtype=np.uint64)


class Cut(Struct, frozen=True):
    """The distinct words of a text.

    `short` has those of up to eight bytes (u64, the first byte lowest, 0 may be in it for none),
    `long` the numbers of the longer ones.
    """

    short: Array
    long: Array


def searched(parts: Pieces) -> bytes:
    """Return these texts as one, equal ones once; where escapes hide letters, undone once more too.

    Case is folded beyond ASCII; within it, the functions below do that.
    """
    joined = parts.joined(b"\n", once=True)
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
        return Cut(distinct(first & _KEPT[sizes]), np.zeros(0, dtype=np.uint32))
    sizes_long, head, last = sizes[long], first[long], windows[ends[long] - 8]
    first &= _KEPT[np.minimum(sizes, 8)]
    first[long] = 0
    tail = last * _M2 + sizes_long.astype(np.uint64) * _M3
    return Cut(distinct(first), distinct(_numbers((head * _M1 ^ tail) * _M4)))


class Lexicon:
    """The words with a letter beyond f of many texts, but for ends of times (see `lexical`)."""

    __slots__ = ("_seen", "words")

    def __init__(self) -> None:
        self.words: set[bytes] = set()
        self._seen = np.zeros(_SEEN if native is not None else 1, dtype=np.uint64)

    def cut(self, text: bytes) -> Cut:
        """Return the words of a searched text, in some order, and learn them."""
        if native is not None:
            return _compiled(native.cut(text, self.words, self._seen))
        self.words.update(lexical(text))
        return cut(text)


def cut_some(text: bytes) -> Cut:
    """Return the words of a searched text, in some order."""
    if native is not None:
        return _compiled(native.cut(text, None, np.zeros(1, dtype=np.uint64)))
    return cut(text)


def _compiled(found: tuple[bytes, bytes]) -> Cut:
    numbers = np.frombuffer(found[1], dtype="<u8").astype(np.uint32)
    return Cut(np.frombuffer(found[0], dtype="<u8"), numbers)


def lexical(text: bytes) -> list[bytes]:
    """Return the words of a searched text that a lexicon has; a word may come twice."""
    return _WORDS.findall(text.translate(_APART))


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


def key_numbers(field: str, folded: Iterable[bytes]) -> Array:
    """Return the numbers (u32) of values, given folded, in a field."""
    start = crc32(field.encode() + b"\0")
    sums = np.fromiter(map(crc32, folded, repeat(start)), dtype=np.uint64)
    return _numbers(sums * _M1)


@lru_cache(maxsize=256)
def key_number(field: str, value: str) -> int:
    """Return the number of one value in a field."""
    return int(key_numbers(field, [value.casefold().encode("utf-8", "replace")])[0])
