"""A segment: a table on disk, immutable, encrypted. Big-endian header, then chunks.

    magic 8B · ledger id 16B · u64 first · u32 count · u16 kek version · wrapped key 80B ·
    u32 bytes of chunk 0 · chunk 0 · chunks 1, 2, …

Each chunk is AES-256-GCM (nonce = chunk number as u96, AAD = SHA-256 of everything before chunk 0)
of zstd-compressed bytes, under a random key of this segment, wrapped to the key-encryption key.
Chunk 0 is the summary and the table of arrays (msgpack); each other chunk is one array (`coding`),
or a part of `words`, `hexes` or `grams` (`words/3`): those whose numbers begin alike, so that
looking for a word reads little.

A segment is written without fsync: what a power failure tears, its hash in the catalog shows, and
it is made again from the ledger. The public half of the key makes segments, so they prove nothing.
"""

import hashlib
import os
import secrets
import struct
from collections.abc import Callable, Hashable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Protocol, TypeAlias

import msgspec
import numpy as np
import zstandard
from msgspec import Struct

from whodid.errors import IntegrityError, LedgerError
from whodid.index.cache import ArrayCache
from whodid.index.coding import decode, encode_pairs, encode_steps, encodings, hex_texts
from whodid.index.dictionary import Sought, texts_at
from whodid.index.shared_texts import SharedTexts
from whodid.index.signature import BLOCK_BITS, PAIRED, blocks_of
from whodid.index.table import Array, MemoryTable, Summary
from whodid.ledger import frame
from whodid.ledger.keys import Kek, PublicKek, unwrap
from whodid.ledger.layout import check_magic, magic

INDEX_FORMAT = 4
SEGMENT = magic(b"X")[:-1] + bytes([INDEX_FORMAT])
_CONTEXT = b"whodid/index/v1"
_HEADER = struct.Struct(">8s16sQIH80sI")
_CHUNK_BYTES_MAX = 1 << 30
_LEVEL = 1
_LEVEL_FULL = 6
_PART_PAIRS = 8192
_PART_BITS_MAX = 6
_DTYPES = frozenset({"|b1", "|u1", "<u2", "<u4", "<u8", "<i8"})


class SegmentError(IntegrityError):
    """A segment cannot be read: merged away since, torn, altered or foreign. `name` is its file."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"{path}: {reason}")
        self.name = path.name


class _Chunk(Struct, frozen=True, array_like=True):
    """Where an array is: offset in the file, bytes there and decompressed, its coding and type."""

    number: int
    offset: int
    size: int
    raw_size: int
    coding: str
    dtype: str
    count: int


class _Contents(Struct, frozen=True):
    """Chunk 0."""

    summary: Summary
    chunks: dict[str, _Chunk]
    part_bits: dict[str, int]


def encode_segment(
    table: MemoryTable, ledger_id: bytes, kek: PublicKek, *, lasting: bool = False
) -> bytes:
    """Return the bytes of a segment file; for one that lasts, small rather than soon."""
    key = secrets.token_bytes(32)
    wrapped = kek.wrap(key, _CONTEXT + ledger_id)
    fixed = _HEADER.pack(SEGMENT, ledger_id, table.first, table.count, kek.version, wrapped, 0)
    aad = hashlib.sha256(fixed).digest()
    compressor = zstandard.ZstdCompressor(level=_LEVEL_FULL if lasting else _LEVEL)
    chunks: dict[str, _Chunk] = {}
    bodies: list[bytes] = []
    at = 0
    bits = {name: _part_bits(table.arrays[name]) for name in PAIRED if name in table.arrays}
    for number, (name, array, ways) in enumerate(_written(table, bits), 1):
        packed = [(compressor.compress(data), coding, len(data)) for coding, data in ways]
        data, coding, raw_size = min(packed, key=lambda way: len(way[0]))
        body = frame.encrypt(key, number, aad, data)
        chunks[name] = _Chunk(number, at, len(body), raw_size, coding, array.dtype.str, len(array))
        bodies.append(body)
        at += len(body)
    plain = compressor.compress(msgspec.msgpack.encode(_Contents(table.summary, chunks, bits)))
    contents = frame.encrypt(key, 0, aad, plain)
    header = fixed[:-4] + len(contents).to_bytes(4, "big")
    return b"".join((header, contents, *bodies))


_Written: TypeAlias = tuple[str, Array, list[tuple[str, bytes]]]


def _written(table: MemoryTable, bits: dict[str, int]) -> Iterator[_Written]:
    """Yield (name, array, the ways to write it) of every chunk."""
    for name, array in table.arrays.items():
        if name not in bits:
            yield name, array, encodings(name, table.arrays)
            continue
        shift = np.uint64(PAIRED[name] + BLOCK_BITS - bits[name])
        edges = np.arange(1 << bits[name], dtype=np.uint64) << shift
        cuts = np.searchsorted(array, edges.astype(np.uint32)).tolist()
        for number, (start, end) in enumerate(pairwise([*cuts, len(array)])):
            part = array[start:end]
            way = (
                ("steps", encode_steps(part)) if name == "grams" else ("pairs", encode_pairs(part))
            )
            yield f"{name}/{number}", part, [way]


def _part_bits(pairs: Array) -> int:
    return min(_PART_BITS_MAX, max(len(pairs) // _PART_PAIRS, 1).bit_length() - 1)


class Listing(Protocol):
    """Knows of exact values which entries have them, without a look at a segment."""

    def entries(self, column: str, value: str, first: int, end: int) -> Array | None:
        """Return those of [first, end), None when they are many or not known."""


class Segment:
    """A segment file, opened; arrays are read when they are asked for and kept in the cache.

    Every read opens the file anew, so that a file that was merged away is noticed. Raises
    SegmentError for that and for bytes that the follower never wrote.
    """

    def __init__(
        self,
        path: Path,
        ledger_id: bytes,
        keks: dict[int, Kek],
        cache: ArrayCache,
        listing: Listing | None = None,
        shared: SharedTexts | None = None,
    ) -> None:
        self._path = path
        self._cache = cache
        self._listing = listing
        self._shared = shared
        try:
            contents = self._open(ledger_id, keks)
        except SegmentError:
            raise
        except (LedgerError, OSError, zstandard.ZstdError, msgspec.DecodeError) as error:
            raise SegmentError(path, error) from error
        self.first, self.count = self._range
        self.summary = contents.summary
        self._chunks = contents.chunks
        self._bits = contents.part_bits

    def _open(self, ledger_id: bytes, keks: dict[int, Kek]) -> _Contents:
        with self._path.open("rb") as file:
            fixed = file.read(_HEADER.size)
            if len(fixed) < _HEADER.size:
                raise SegmentError(self._path, "cut short")
            check_magic(fixed, SEGMENT, self._path.name)
            _, ledger, first, count, version, wrapped, size = _HEADER.unpack(fixed)
            if ledger != ledger_id:
                raise SegmentError(self._path, "belongs to another ledger")
            sealed = file.read(min(size, _CHUNK_BYTES_MAX))
        self._key = unwrap(keks, version, wrapped, _CONTEXT + ledger_id)
        self._aad = hashlib.sha256(fixed[:-4] + bytes(4)).digest()
        self._start = _HEADER.size + size
        self._range: tuple[int, int] = (first, count)
        plain = frame.decrypt(self._key, 0, self._aad, sealed)
        return msgspec.msgpack.decode(decompress(plain, _CHUNK_BYTES_MAX), type=_Contents)

    @property
    def end(self) -> int:
        """Index behind the last entry."""
        return self.first + self.count

    @property
    def key(self) -> Hashable:
        """What names these bytes, in caches: no other segment has it."""
        return self._key

    def array(self, name: str) -> Array | None:
        """Return an array, None when there is none of this name."""
        bits = self._bits.get(name)
        if bits is not None:
            return np.concatenate([self._needed(f"{name}/{n}") for n in range(1 << bits)])
        chunk = self._chunks.get(name)
        if chunk is None:
            return None
        return self._cache.get((self._key, name), lambda: self._read(chunk))

    def once(self, name: str) -> Array | None:
        """Return an array as `array` does; it is not kept in the cache for it."""
        chunk = self._chunks.get(name)
        if chunk is None:
            return self.array(name)
        known = self._cache.known((self._key, name))
        return self._read(chunk) if known is None else known

    def _needed(self, name: str) -> Array:
        array = self.array(name)
        if array is None:
            raise SegmentError(self._path, f"without the array {name}")
        return array

    def blocks(self, name: str, number: int) -> Array | None:
        """Return which blocks may have this number (see `Table`)."""
        bits = self._bits.get(name)
        if bits is None:
            return None
        part = number >> (PAIRED[name] - bits)
        found = blocks_of(self._needed(f"{name}/{part}"), number)
        if not part:
            return found
        everywhere: Array = self.kept((name, 0), lambda: blocks_of(self._needed(f"{name}/0"), 0))
        both: Array = found | everywhere
        return both

    def at_hand(self, name: str) -> bool:
        """Tell whether an array is in the cache (see `Table`)."""
        return self._cache.known((self._key, name)) is not None

    def texts(self, column: str, numbers: Array) -> list[bytes]:
        """Return texts of a dictionary (see `Table`), only those decoded where that can be."""
        chunk = self._chunks.get(f"{column}$")
        if chunk is not None and chunk.coding == "hex" and not self.at_hand(f"{column}$"):
            return hex_texts(self._plain(chunk), numbers.tolist())
        at, blob = self._needed(f"{column}@"), self._needed(f"{column}$")
        return list(texts_at(at, blob, numbers))

    def listed(self, column: str, value: str) -> Array | None:
        """Return the few rows that may have a value (see `Table`)."""
        if self._listing is None:
            return None
        found = self._listing.entries(column, value, self.first, self.end)
        return None if found is None else found - self.first

    def matching(self, column: str, sought: Sought) -> Array | None:
        """Return the texts of a dictionary that satisfy a pattern (see `Table`)."""
        if self._shared is None or f"{column}@" not in self._chunks:
            return None
        return self._shared.matching(column, _Dictionary(self, column), sought)

    def is_numbered(self, column: str) -> bool:
        """Tell whether `matching` answers without a look at the dictionary (see `Table`)."""
        return self._shared is not None and self._shared.has_numbers(column, self._key)

    def size_of(self, name: str) -> int:
        """Return how many items an array has."""
        return self._chunks[name].count

    def kept(self, key: Hashable, make: Callable[[], Array]) -> Array:
        """Return what was made for this key before, while the cache holds it, or make it."""
        return self._cache.get((self._key, key), make)

    def load(self) -> MemoryTable:
        """Return all of it in memory."""
        names = [*self._bits, *(name for name in self._chunks if "/" not in name)]
        return MemoryTable(self.first, {name: self._needed(name) for name in names}, self.summary)

    def _read(self, chunk: _Chunk) -> Array:
        data = self._plain(chunk)
        try:
            return decode(chunk.coding, data, chunk.dtype, chunk.count)
        except ValueError as error:
            raise SegmentError(self._path, error) from error

    def _plain(self, chunk: _Chunk) -> bytes:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                sealed = os.pread(fd, chunk.size, self._start + chunk.offset)
            finally:
                os.close(fd)
            plain = frame.decrypt(self._key, chunk.number, self._aad, sealed)
            if chunk.dtype not in _DTYPES or chunk.raw_size > _CHUNK_BYTES_MAX:
                raise SegmentError(self._path, "an array of a kind that was never written")
            return decompress(plain, chunk.raw_size)
        except SegmentError:
            raise
        except (LedgerError, OSError, zstandard.ZstdError, ValueError) as error:
            raise SegmentError(self._path, error) from error


class _Dictionary:
    """The dictionary of a column (see `shared_texts`)."""

    def __init__(self, segment: Segment, column: str) -> None:
        self._segment = segment
        self._column = column

    @property
    def texts(self) -> int:
        return self._segment.size_of(f"{self._column}@") - 1

    @property
    def table(self) -> Hashable:
        return self._segment.key

    def read(self) -> tuple[Array, Array]:
        at, blob = (self._segment.once(f"{self._column}{end}") for end in "@$")
        assert at is not None
        assert blob is not None
        return at, blob


def decompress(data: bytes, size_max: int) -> bytes:
    """Return a chunk decompressed. Raises ZstdError for one that is none, or of another size."""
    if not 0 <= zstandard.frame_content_size(data) <= size_max:
        raise zstandard.ZstdError("a chunk of a wrong size")
    return frame.decompressor().decompress(data, max_output_size=max(size_max, 1))
