"""A frame: rows of payload, compressed and encrypted together. Bodies of batches and blocks.

A row is its 16-byte seed and its eight serialised groups (`merkle.commitment`). Plaintext:

    u32 rows · seeds 16B x rows · content tags 8B x rows (blocks only) · zstd( u32 lengths, eight a
    row, group by group · the bytes, row by row )

With the highest bit of `rows` set, the bytes too stand group by group, and of the lengths first all
highest bytes, then the next: that compresses better. Blocks are written so, batches not; both are
read.

Seeds and tags are random and stay outside of the compressor. No trained dictionary: it would leak
values of other rows. AES-256-GCM, nonce = frame number as u96: a key never sees a number twice.
"""

import struct
from array import array
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.limits import BATCH_ROWS_MAX
from whodid.native import native

GROUPS = 8
SEED_BYTES = 16
CONTENT_TAG_BYTES = 8
FRAME_PLAIN_BYTES_MAX = 256 * 1024 * 1024
"""Largest decompressed frame: rows x longest record, with room; a bomb is refused before this."""

_COUNT = struct.Struct(">I")
_BY_GROUP = 1 << 31
_RAW = 6


Look = Callable[[bytes], bool]
"""A question about the bytes of a row, or of a frame of rows."""


class Rows(Struct):
    """Rows of one frame: parallel lists; `groups[i]` are the eight groups of row i."""

    seeds: list[bytes]
    groups: list[tuple[bytes, ...]]
    content_tags: list[bytes]


class Columns(Struct):
    """Rows of one retention class: parallel lists; `groups[g][i]` is group g of row i."""

    seeds: list[bytes]
    groups: list[list[bytes]]
    content_tags: list[bytes]

    @classmethod
    def of(cls, rows: Rows) -> "Columns":
        """Return the same rows by column."""
        columns = zip(*rows.groups, strict=True) if rows.groups else [()] * GROUPS
        groups: list[list[bytes]] = [list(column) for column in columns]
        return cls(rows.seeds, groups, rows.content_tags)

    def lengths(self) -> np.ndarray:
        """Return the length of each group, a line for each of the eight."""
        count = len(self.seeds)
        each = [np.fromiter(map(len, column), np.uint32, count=count) for column in self.groups]
        return np.array(each)

    def picked(self, rows: Sequence[int]) -> "Columns":
        """Return some of the rows."""
        return Columns(
            [self.seeds[row] for row in rows],
            [[column[row] for row in rows] for column in self.groups],
            [self.content_tags[row] for row in rows],
        )


class OpenFrame(Struct, frozen=True):
    """A decompressed frame: the groups stand in `data` one after the other.

    `bounds` says where each begins, and at last where all end: by row, or `by_group`.
    """

    seeds: list[bytes]
    content_tags: list[bytes]
    data: bytes
    bounds: "array[int]"
    by_group: bool

    @property
    def size_bytes(self) -> int:
        """About what it holds in memory."""
        return len(self.data) + 8 * len(self.bounds) + 120 * len(self.seeds)

    def row_bytes(self, row: int) -> bytes:
        """Return the eight groups of a row, joined without anything between."""
        if self.by_group:
            return b"".join(self.row(row))
        return self.data[self.bounds[GROUPS * row] : self.bounds[GROUPS * (row + 1)]]

    def all_bytes(self) -> bytes:
        """Return the groups of all rows; a word of one is a word here too.

        Groups are JSON objects, only raw records may begin and end in the midst of a word.
        """
        if not self.by_group:
            return self.data[self.bounds[0] :]
        count = len(self.seeds)
        start, end = self.bounds[_RAW * count], self.bounds[(_RAW + 1) * count]
        raw = self.groups((_RAW,))[0]
        return b"\n".join((self.data[self.bounds[0] : start], *raw, self.data[end:]))

    def none_has(self, look: Look) -> bool:
        """Tell whether one look at all rows shows that none has it; escapes are seen row by row."""
        data = self.all_bytes()
        return b"\\" not in data and not look(data)

    def row(self, row: int) -> tuple[bytes, ...]:
        """Return the eight groups of a row."""
        data, bounds, count = self.data, self.bounds, len(self.seeds)
        if not self.by_group:
            edges = bounds[GROUPS * row : GROUPS * (row + 1) + 1]
            return tuple([data[a:b] for a, b in pairwise(edges)])
        places = range(row, GROUPS * count, count)
        return tuple([data[bounds[place] : bounds[place + 1]] for place in places])

    def rows(self) -> Rows:
        """Return all rows."""
        columns = self.groups(range(GROUPS))
        return Rows(self.seeds, list(zip(*columns, strict=True)), self.content_tags)

    def groups(self, wanted: Sequence[int]) -> list[list[bytes]]:
        """Return some groups, each as a list over the rows."""
        data, edges, count = self.data, self.bounds, len(self.seeds)
        if self.by_group:
            return [_split(data, edges[g * count : (g + 1) * count + 1]) for g in wanted]
        parts = _split(data, edges)
        return [parts[g::GROUPS] for g in wanted]


def pack_frame(
    seeds: list[bytes],
    groups: list[tuple[bytes, ...]],
    content_tags: list[bytes] | None,
    compressor: zstandard.ZstdCompressor,
    *,
    by_group: bool = False,
) -> bytes:
    """Serialise and compress rows; what `unpack_frame` reads."""
    if by_group:
        columns = Columns.of(Rows(seeds, groups, content_tags or []))
        return pack_columns(columns, columns.lengths(), 0, len(seeds), compressor)
    flat = [part for row in groups for part in row]
    lengths = np.fromiter(map(len, flat), dtype=">u4", count=len(flat))
    lengths = np.ascontiguousarray(lengths.reshape(-1, GROUPS).T)
    packed = compressor.compress(lengths.tobytes() + b"".join(flat))
    return b"".join((_COUNT.pack(len(seeds)), *seeds, *(content_tags or ()), packed))


def pack_columns(
    rows: Columns, lengths: np.ndarray, at: int, end: int, compressor: zstandard.ZstdCompressor
) -> bytes:
    """Serialise and compress rows [at, end) group by group; `lengths` are those of all rows."""
    planes = lengths[:, at:end].astype(">u4").reshape(-1).view(np.uint8).reshape(-1, 4).T
    parts = [part for column in rows.groups for part in column[at:end]]
    packed = compressor.compress(planes.tobytes() + b"".join(parts))
    count = _COUNT.pack(end - at | _BY_GROUP)
    return b"".join((count, *rows.seeds[at:end], *rows.content_tags[at:end], packed))


def open_frame(plain: bytes, *, with_tags: bool) -> OpenFrame:
    """Read a frame. Raises IntegrityError for bytes that `pack_frame` never wrote."""
    try:
        (said,) = _COUNT.unpack_from(plain)
        count, by_group = said & ~_BY_GROUP, bool(said & _BY_GROUP)
        at = _COUNT.size
        if count > BATCH_ROWS_MAX:
            raise IntegrityError(f"a frame of {count} rows; at most {BATCH_ROWS_MAX}")
        seeds = _slices(plain, at, count, SEED_BYTES)
        at += count * SEED_BYTES
        tags: list[bytes] = []
        if with_tags:
            tags = _slices(plain, at, count, CONTENT_TAG_BYTES)
            at += count * CONTENT_TAG_BYTES
        data = _decompress(plain[at:])
        size = 4 * GROUPS * count
        if by_group:
            planes = np.frombuffer(data, dtype=np.uint8, count=size).reshape(4, size // 4)
            lengths = np.ascontiguousarray(planes.T).view(">u4").reshape(GROUPS, count)
        else:
            lengths = np.frombuffer(data, dtype=">u4", count=size // 4).reshape(GROUPS, count)
    except (struct.error, ValueError, zstandard.ZstdError) as error:
        raise IntegrityError(f"a frame that does not decode: {error}") from error
    order = lengths if by_group else lengths.T
    ends = np.cumsum(order.reshape(-1), dtype=np.int64) + size
    if count and int(ends[-1]) != len(data):
        raise IntegrityError("a frame whose lengths do not add up")
    bounds = array("q", (size,))
    bounds.frombytes(ends.tobytes())
    return OpenFrame(seeds, tags, data, bounds, by_group)


def unpack_frame(plain: bytes, *, with_tags: bool) -> Rows:
    """Read all rows of a frame. Raises IntegrityError as `open_frame` does."""
    return open_frame(plain, with_tags=with_tags).rows()


def _split(data: bytes, edges: "array[int]") -> list[bytes]:
    """Return the pieces between neighbours of these edges."""
    if native is not None:
        return native.split(data, edges)
    return [data[a:b] for a, b in pairwise(edges)]


def _slices(data: bytes, at: int, count: int, size: int) -> list[bytes]:
    end = at + count * size
    if end > len(data):
        raise IntegrityError("a frame that is cut short")
    return [data[i : i + size] for i in range(at, end, size)]


def _decompress(packed: bytes) -> bytes:
    size = zstandard.frame_content_size(packed)
    if not 0 <= size <= FRAME_PLAIN_BYTES_MAX:
        raise IntegrityError(f"a frame that would decompress to {size} bytes")
    return zstandard.ZstdDecompressor().decompress(packed, max_output_size=FRAME_PLAIN_BYTES_MAX)


def encrypt(key: bytes, number: int, aad: bytes, plain: bytes) -> bytes:
    """Encrypt frame `number` under `key` (32 B); the caller never repeats a number with a key."""
    return AESGCM(key).encrypt(number.to_bytes(12, "big"), plain, aad)


def decrypt(key: bytes, number: int, aad: bytes, sealed: bytes) -> bytes:
    """Decrypt; raises IntegrityError when a byte of the frame, its place or its key is wrong."""
    try:
        return AESGCM(key).decrypt(number.to_bytes(12, "big"), sealed, aad)
    except InvalidTag as error:
        raise IntegrityError(
            "a frame that does not decrypt (altered bytes or wrong key)"
        ) from error
