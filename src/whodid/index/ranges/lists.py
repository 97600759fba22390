"""Lists of entries as they are shown: whole, or only in the parts that somebody needs to see."""

from collections.abc import Collection, Iterator
from hashlib import sha256
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from msgspec import Struct

from whodid.merkle.range_map import CHUNK_LEVEL, FANOUT_BITS, LIST_PREFIX, joined_digest

Array = np.ndarray


class Chunk(Struct, frozen=True, tag="chunk", tag_field="of"):
    """The list of a range of level 12: ascending offsets, u16 big-endian."""

    offsets: bytes


class Hidden(Struct, frozen=True, tag="hidden", tag_field="of"):
    """A list of which only the digest is shown."""

    digest: bytes


class Joined(Struct, frozen=True, tag="joined", tag_field="of"):
    """The lists of the ranges below: which of the 16 → list. The others are empty."""

    parts: "dict[int, Shown]"


Shown: TypeAlias = Chunk | Hidden | Joined


def shown(level: int, offsets: Array, chunks: Collection[int] | None = None) -> Shown:
    """Return a list of ascending offsets, open in these chunks of 4,096 only (None: in all)."""
    if level == CHUNK_LEVEL:
        return Chunk(offsets.astype(">u2").tobytes())
    below = level - FANOUT_BITS
    return Joined(
        {
            child: _part(below, part, _within(chunks, child, below))
            for child, part in _parts(level, offsets)
        }
    )


def _parts(level: int, offsets: Array) -> Iterator[tuple[int, Array]]:
    """Yield which of the 16 ranges below have entries, and their offsets there."""
    below = level - FANOUT_BITS
    edges = np.searchsorted(offsets, np.arange(17, dtype=np.uint64) << np.uint64(below)).tolist()
    for child, (start, end) in enumerate(pairwise(edges)):
        if start < end:
            yield child, offsets[start:end] - (child << below)


def _within(chunks: Collection[int] | None, child: int, level: int) -> list[int] | None:
    """Return the chunks that lie in a part, counted from its beginning; None for all."""
    if chunks is None:
        return None
    bits = level - CHUNK_LEVEL
    return [chunk & (1 << bits) - 1 for chunk in chunks if chunk >> bits == child]


def _part(level: int, offsets: Array, chunks: list[int] | None) -> Shown:
    if chunks is not None and not chunks:
        return Hidden(digest_of(level, offsets))
    return shown(level, offsets, chunks)


def digest_of(level: int, offsets: Array) -> bytes:
    """Return the digest of a list of ascending offsets (`merkle.range_map.list_digest`)."""
    if level == CHUNK_LEVEL:
        return sha256(LIST_PREFIX + offsets.astype(">u2").tobytes()).digest()
    below = level - FANOUT_BITS
    return joined_digest(
        [(child, digest_of(below, part)) for child, part in _parts(level, offsets)]
    )
