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
import threading
from array import array
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger.marked import marked
from whodid.ledger.pieces import Grid
from whodid.limits import BATCH_ROWS_MAX
from whodid.native import native

GROUPS = 8
SEED_BYTES = 16
CONTENT_TAG_BYTES = 8
FRAME_PLAIN_BYTES_MAX = 256 * 1024 * 1024
"""Largest decompressed frame: rows x longest record, with room; a bomb is refused before this."""

_COUNT = struct.Struct(">I")
_BY_GROUP = 1 << 31
_THREAD = threading.local()


class Look(Struct, frozen=True):
    """A question about the bytes of a row.

    `pieces` are lower-case ASCII; one of them stands in the lower case of each group of bytes for
    which it `holds`, where that is ASCII without backslashes. Without any, rows are asked one by
    one.
    """

    holds: Callable[[bytes], bool]
    pieces: tuple[bytes, ...] = ()


class Rows(Struct):
    """Rows of one frame: parallel lists; `groups[i]` are the eight groups of row i."""

    seeds: list[bytes]
    groups: list[tuple[bytes, ...]]
    content_tags: list[bytes]


class Columns(Struct):
    """Rows without an object for each: column g of `groups` is group g; the others are joined.

    There are no content tags where `content_tags` is empty.
    """

    seeds: bytes
    groups: Grid
    content_tags: bytes

    @classmethod
    def of(cls, rows: Rows) -> "Columns":
        """Return the same rows by column."""
        columns = list(zip(*rows.groups, strict=True)) if rows.groups else [()] * GROUPS
        return cls(b"".join(rows.seeds), Grid.of(columns), b"".join(rows.content_tags))

    @property
    def count(self) -> int:
        """Number of rows."""
        return self.groups.rows

    def part(self, rows: "slice | np.ndarray") -> "Columns":
        """Return the rows of a slice, or of an array of numbers."""
        return Columns(
            _picked(self.seeds, SEED_BYTES, rows),
            self.groups.part(rows),
            _picked(self.content_tags, CONTENT_TAG_BYTES, rows),
        )

    @classmethod
    def stacked(cls, parts: Sequence["Columns"]) -> "Columns":
        """Return the rows of all parts, in order, without text that is of none."""
        return cls(
            b"".join([part.seeds for part in parts]),
            Grid.stacked([part.groups for part in parts]),
            b"".join([part.content_tags for part in parts]),
        )


def _picked(joined: bytes, size: int, rows: "slice | np.ndarray") -> bytes:
    if not joined:
        return joined
    table = np.frombuffer(joined, dtype=f"V{size}")
    return table[rows].tobytes()


class OpenFrame(Struct, frozen=True):
    """A decompressed frame: the groups stand in `data` one after the other.

    `bounds` says where each begins, and at last where all end: by row, or `by_group`. Seeds and
    content tags are joined.
    """

    seeds: bytes
    content_tags: bytes
    data: bytes
    bounds: "array[int]"
    by_group: bool

    @property
    def size_bytes(self) -> int:
        """About what it holds in memory."""
        return len(self.data) + 8 * len(self.bounds) + len(self.seeds) + len(self.content_tags)

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.seeds) // SEED_BYTES

    def seed(self, row: int) -> bytes:
        """Return the seed of a row."""
        return self.seeds[SEED_BYTES * row : SEED_BYTES * (row + 1)]

    def content_tag(self, row: int) -> bytes:
        """Return the content tag of a row, empty where the frame has none."""
        return self.content_tags[CONTENT_TAG_BYTES * row : CONTENT_TAG_BYTES * (row + 1)]

    def row_bytes(self, row: int) -> bytes:
        """Return the eight groups of a row, joined without anything between."""
        if self.by_group:
            return b"".join(self.row(row))
        return self.data[self.bounds[GROUPS * row] : self.bounds[GROUPS * (row + 1)]]

    def rows_to_ask(self, look: Look) -> Sequence[int]:
        """Return the rows for which a look may hold, ascending.

        Rows with a backslash or beyond ASCII are among them: what they say is not as it stands.
        """
        if not look.pieces:
            return range(self.count)
        found = marked(self.data, self.bounds, look.pieces)
        if self.by_group:
            rows = found.reshape(GROUPS, self.count).any(axis=0)
        else:
            rows = found.reshape(self.count, GROUPS).any(axis=1)
        numbers: list[int] = np.flatnonzero(rows).tolist()
        return numbers

    def row(self, row: int) -> tuple[bytes, ...]:
        """Return the eight groups of a row."""
        data, bounds, count = self.data, self.bounds, self.count
        if not self.by_group:
            edges = bounds[GROUPS * row : GROUPS * (row + 1) + 1]
            return tuple([data[a:b] for a, b in pairwise(edges)])
        places = range(row, GROUPS * count, count)
        return tuple([data[bounds[place] : bounds[place + 1]] for place in places])

    def rows(self) -> Rows:
        """Return all rows."""
        columns = self.groups(range(GROUPS))
        seeds = _slices(self.seeds, SEED_BYTES)
        return Rows(
            seeds, list(zip(*columns, strict=True)), _slices(self.content_tags, CONTENT_TAG_BYTES)
        )

    def groups(self, wanted: Sequence[int]) -> list[list[bytes]]:
        """Return some groups, each as a list over the rows."""
        data, edges, count = self.data, self.bounds, self.count
        if self.by_group:
            return [_split(data, edges[g * count : (g + 1) * count + 1]) for g in wanted]
        parts = _split(data, edges)
        return [parts[g::GROUPS] for g in wanted]

    def grid(self) -> Grid:
        """Return the groups, a column for each, without an object for each piece."""
        edges = np.frombuffer(self.bounds, dtype=np.int64)
        if self.by_group:
            shape = (GROUPS, self.count)
            return Grid(self.data, edges[:-1].reshape(shape), edges[1:].reshape(shape))
        shape = (self.count, GROUPS)
        return Grid(self.data, edges[:-1].reshape(shape).T, edges[1:].reshape(shape).T)


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
        return pack_columns(columns, 0, len(seeds), compressor)
    flat = [part for row in groups for part in row]
    lengths = np.fromiter(map(len, flat), dtype=">u4", count=len(flat))
    lengths = np.ascontiguousarray(lengths.reshape(-1, GROUPS).T)
    packed = compressor.compress(lengths.tobytes() + b"".join(flat))
    return b"".join((_COUNT.pack(len(seeds)), *seeds, *(content_tags or ()), packed))


def pack_columns(rows: Columns, at: int, end: int, compressor: zstandard.ZstdCompressor) -> bytes:
    """Serialise and compress rows [at, end) group by group."""
    groups = rows.groups.part(slice(at, end))
    planes = groups.sizes.astype(">u4").reshape(-1).view(np.uint8).reshape(-1, 4).T
    packed = compressor.compress(groups.all().joined(head=planes.tobytes()))
    count = _COUNT.pack(end - at | _BY_GROUP)
    seeds = rows.seeds[SEED_BYTES * at : SEED_BYTES * end]
    tags = rows.content_tags[CONTENT_TAG_BYTES * at : CONTENT_TAG_BYTES * end]
    return b"".join((count, seeds, tags, packed))


def open_frame(plain: bytes, *, with_tags: bool) -> OpenFrame:
    """Read a frame. Raises IntegrityError for bytes that `pack_frame` never wrote."""
    try:
        (said,) = _COUNT.unpack_from(plain)
        count, by_group = said & ~_BY_GROUP, bool(said & _BY_GROUP)
        at = _COUNT.size
        if count > BATCH_ROWS_MAX:
            raise IntegrityError(f"a frame of {count} rows; at most {BATCH_ROWS_MAX}")
        seeds = _taken(plain, at, count * SEED_BYTES)
        at += len(seeds)
        tags = _taken(plain, at, count * CONTENT_TAG_BYTES) if with_tags else b""
        at += len(tags)
        data = _decompress(memoryview(plain)[at:])
        bounds = _bounds(data, count, by_group)
    except (struct.error, ValueError, zstandard.ZstdError) as error:
        raise IntegrityError(f"a frame that does not decode: {error}") from error
    if bounds[-1] != len(data):
        raise IntegrityError("a frame whose lengths do not add up")
    return OpenFrame(seeds, tags, data, bounds, by_group)


def _bounds(data: bytes, count: int, by_group: bool) -> "array[int]":
    """Return the bounds of a frame from the lengths that it begins with."""
    bounds = array("q")
    if native is not None:
        bounds.frombytes(native.bounds(data, count, GROUPS, by_group))
        return bounds
    size = 4 * GROUPS * count
    if by_group:
        planes = np.frombuffer(data, dtype=np.uint8, count=size).reshape(4, size // 4)
        order = np.ascontiguousarray(planes.T).view(">u4").reshape(GROUPS, count)
    else:
        order = np.frombuffer(data, dtype=">u4", count=size // 4).reshape(GROUPS, count).T
    bounds.append(size)
    bounds.frombytes((np.cumsum(order.reshape(-1), dtype=np.int64) + size).tobytes())
    return bounds


def unpack_frame(plain: bytes, *, with_tags: bool) -> Rows:
    """Read all rows of a frame. Raises IntegrityError as `open_frame` does."""
    return open_frame(plain, with_tags=with_tags).rows()


def _split(data: bytes, edges: "array[int]") -> list[bytes]:
    """Return the pieces between neighbours of these edges."""
    if native is not None:
        return native.split(data, edges)
    return [data[a:b] for a, b in pairwise(edges)]


def _taken(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise IntegrityError("a frame that is cut short")
    return data[at : at + size]


def _slices(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def _decompress(packed: memoryview) -> bytes:
    size = zstandard.frame_content_size(packed)
    if not 0 <= size <= FRAME_PLAIN_BYTES_MAX:
        raise IntegrityError(f"a frame that would decompress to {size} bytes")
    return decompressor().decompress(packed, max_output_size=FRAME_PLAIN_BYTES_MAX)


def decompressor() -> zstandard.ZstdDecompressor:
    """Return the decompressor of this thread: to make one takes long, and two share none."""
    try:
        found: zstandard.ZstdDecompressor = _THREAD.decompressor
    except AttributeError:
        found = _THREAD.decompressor = zstandard.ZstdDecompressor()
    return found


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
