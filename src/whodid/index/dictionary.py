"""The distinct texts of a column, as arrays: found by hash or by a scan of their bytes.

Three arrays for n texts: `crc` (u32 x n, CRC-32 of the case-folded UTF-8, so stable across
processes), `at` (u32 x n+1, where each begins) and `blob` (their UTF-8, one after the other).
"""

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import Protocol
from zlib import crc32

import numpy as np

Array = np.ndarray
_SEPARATOR = "\0"


class Texts(Protocol):
    """The arrays of one dictionary, opened when they are asked for."""

    def crc(self) -> Array:
        """Return the hashes."""

    def at(self) -> Array:
        """Return the offsets."""

    def blob(self) -> Array:
        """Return the bytes."""


def encode_texts(texts: Sequence[str]) -> tuple[Array, Array, Array]:
    """Return (crc, at, blob) of these texts."""
    joined = _SEPARATOR.join(texts)
    if joined.count(_SEPARATOR) == max(len(texts) - 1, 0):
        folded = joined.casefold().encode("utf-8", "replace").split(b"\0") if texts else []
        parts = joined.encode("utf-8", "replace").split(b"\0") if texts else []
    else:
        folded = [text.casefold().encode("utf-8", "replace") for text in texts]
        parts = [text.encode("utf-8", "replace") for text in texts]
    at = np.fromiter(accumulate(map(len, parts), initial=0), dtype=np.uint32, count=len(parts) + 1)
    crc = np.fromiter(map(crc32, folded), dtype=np.uint32, count=len(folded))
    return crc, at, np.frombuffer(b"".join(parts), dtype=np.uint8)


def split_texts(at: Array, blob: Array) -> list[bytes]:
    """Return the UTF-8 of every text."""
    data = blob.tobytes()
    bounds = at.tolist()
    return [data[a:b] for a, b in pairwise(bounds)]


def equal_to(texts: Texts, value: str, predicate: Callable[[str], bool]) -> Array:
    """Return which texts satisfy a predicate that only texts equal to `value`, case apart, can."""
    crc = texts.crc()
    found: Array = crc == np.uint32(crc32(value.casefold().encode("utf-8", "replace")))
    for number in np.flatnonzero(found).tolist():
        found[number] = predicate(_text(texts, number))
    return found


def containing(texts: Texts, piece: str, predicate: Callable[[str], bool]) -> Array:
    """Return which texts satisfy a predicate that only texts containing `piece` can.

    `piece` is case-folded ASCII. Texts outside ASCII are always asked: the Kelvin sign folds to k.
    """
    at, blob = texts.at(), texts.blob()
    data = blob.tobytes()
    asked = np.zeros(len(at) - 1, dtype=np.bool_)
    if not data.isascii():
        high = np.concatenate(([0], np.cumsum(blob >= 128, dtype=np.int64)))
        asked |= high[at[1:]] > high[at[:-1]]
    asked[_entries_with(data.lower(), piece.encode(), at)] = True
    bounds = at.tolist()
    for number in np.flatnonzero(asked).tolist():
        text = data[bounds[number] : bounds[number + 1]]
        asked[number] = predicate(text.decode("utf-8", "replace"))
    return asked


def _entries_with(data: bytes, needle: bytes, at: Array) -> list[int]:
    found: list[int] = []
    size = len(needle)
    start = data.find(needle)
    while start >= 0:
        number = int(np.searchsorted(at, start, side="right")) - 1
        end = int(at[number + 1])
        if start + size <= end:
            found.append(number)
            start = end - 1
        start = data.find(needle, start + 1)
    return found


def satisfying(texts: Texts, predicate: Callable[[str], bool]) -> Array:
    """Return which texts satisfy a predicate, each asked once."""
    parts = split_texts(texts.at(), texts.blob())
    return np.fromiter(
        (predicate(part.decode("utf-8", "replace")) for part in parts), np.bool_, count=len(parts)
    )


def _text(texts: Texts, number: int) -> str:
    start, end = texts.at()[number : number + 2].tolist()
    return texts.blob()[start:end].tobytes().decode("utf-8", "replace")
