"""The distinct texts of a column, as arrays: found by their ends or by a scan of their bytes.

Two arrays for n texts: `at` (u32 x n+1, where each begins) and `blob` (their UTF-8, one after the
other).
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np
from msgspec import Struct

from whodid.ledger.marked import marked
from whodid.ledger.pieces import Pieces
from whodid.native import native
from whodid.query.tree import Term

Array = np.ndarray
_SEPARATOR = "\0"
_FEW = 32
_DIGESTS_MAX = 1 << 14
"""More texts are rather looked through than hashed."""


class Texts(Protocol):
    """The arrays of one dictionary, opened when they are asked for."""

    def at(self) -> Array:
        """Return the offsets."""

    def blob(self) -> Array:
        """Return the bytes."""


class Sought(Struct, frozen=True):
    """What texts are asked: a term, its predicate, and a piece that stands in all that satisfy."""

    term: Term
    holds: Callable[[str], bool]
    piece: str | None


class Hashed(Texts, Protocol):
    """A dictionary whose `digests` are at hand."""

    def digests(self) -> Array:
        """Return the `digests` of all."""


def encode_texts(texts: Sequence[str]) -> tuple[Array, Array]:
    """Return (at, blob) of these texts."""
    return encode_pieces(Pieces.of_texts(texts))


def encode_pieces(pieces: Pieces) -> tuple[Array, Array]:
    """Return (at, blob) of texts that stand one after the other."""
    at = np.zeros(len(pieces) + 1, dtype=np.uint32)
    at[1:] = pieces.end
    return at, np.frombuffer(pieces.data, dtype=np.uint8)


def split_encoded(texts: Sequence[str], *, folded: bool = False) -> list[bytes]:
    """Return the UTF-8 of texts, their case folded when asked for; many at once are cheap."""
    joined = _SEPARATOR.join(texts)
    if joined.count(_SEPARATOR) != max(len(texts) - 1, 0):
        given = [text.casefold() for text in texts] if folded else texts
        return [text.encode("utf-8", "replace") for text in given]
    if not texts:
        return []
    return (joined.casefold() if folded else joined).encode("utf-8", "replace").split(b"\0")


def split_texts(at: Array, blob: Array) -> list[bytes]:
    """Return the UTF-8 of every text."""
    data = blob.tobytes()
    if native is not None:
        return native.split(data, at.astype(np.int64))
    bounds = at.tolist()
    return [data[a:b] for a, b in pairwise(bounds)]


def texts_at(at: Array, blob: Array, numbers: Array) -> Pieces:
    """Return the UTF-8 of the texts with these numbers, copied one after the other."""
    begin, end = at[numbers].astype(np.int64), at[numbers + 1].astype(np.int64)
    if native is None:
        bounds = zip(begin.tolist(), end.tolist(), strict=True)
        return Pieces.of([blob[start:stop].tobytes() for start, stop in bounds])
    ends, once = np.cumsum(end - begin), False
    return Pieces(native.join(b"", blob, begin, end, b"", once), ends - (end - begin), ends)


def equal_to(texts: Hashed, value: str, predicate: Callable[[str], bool]) -> Array:
    """Return the numbers (u32) of the texts that satisfy a predicate.

    Only texts equal to `value`, case apart, can.
    """
    folded = value.casefold().encode("utf-8", "replace")
    at, blob = texts.at(), texts.blob()
    if len(at) <= _DIGESTS_MAX:
        asked = np.flatnonzero(texts.digests() == digests(Pieces.of([folded])))
    else:
        asked = _may_equal(at, blob, folded)
    found = [number for number in asked.tolist() if predicate(_text(texts, number))]
    return np.array(found, dtype=np.uint32)


def digests(texts: Pieces) -> Array:
    """Return a number (u32) of each text, equal for texts that are equal, case apart."""
    if texts.data.isascii():
        folded = Pieces(texts.data.lower(), texts.begin, texts.end)
    else:
        folded = Pieces.of(split_encoded(texts.texts(), folded=True))
    return np.frombuffer(folded.hashed(b""), dtype=np.uint32)[::8].copy()


def _may_equal(at: Array, blob: Array, folded: bytes) -> Array:
    """Return the numbers of the texts that may be equal; those outside ASCII always may."""
    sizes = np.diff(at)
    high = np.flatnonzero(blob >= 0x80)
    others = np.zeros(0, dtype=np.int64)
    if len(high):
        edges = np.searchsorted(high, at)
        others = np.flatnonzero(edges[1:] > edges[:-1])
    if not folded.isascii():
        return others
    few = np.flatnonzero(sizes == len(folded))
    for place in range(len(folded) - 1, -1, -1):
        if len(few) <= _FEW:
            break
        byte = folded[place]
        here = blob[at[few].astype(np.int64) + place]
        few = few[(here == byte) | (here == ord(chr(byte).upper()))]
    return np.union1d(few, others)


def containing(texts: Texts, piece: str, predicate: Callable[[str], bool]) -> Array:
    """Return which texts satisfy a predicate that only texts containing `piece` can.

    `piece` is case-folded ASCII. Texts outside ASCII are always asked: the Kelvin sign folds to k.
    """
    at, blob = texts.at(), texts.blob()
    asked = marked(blob, at.astype(np.int64), (piece.encode(),)).copy()
    for number in np.flatnonzero(asked).tolist():
        text = blob[at[number] : at[number + 1]].tobytes()
        asked[number] = predicate(text.decode("utf-8", "replace"))
    return asked


def satisfying(texts: Texts, predicate: Callable[[str], bool]) -> Array:
    """Return which texts satisfy a predicate, each asked once."""
    parts = split_texts(texts.at(), texts.blob())
    return np.fromiter(
        (predicate(part.decode("utf-8", "replace")) for part in parts), np.bool_, count=len(parts)
    )


def _text(texts: Texts, number: int) -> str:
    start, end = texts.at()[number : number + 2].tolist()
    return texts.blob()[start:end].tobytes().decode("utf-8", "replace")
