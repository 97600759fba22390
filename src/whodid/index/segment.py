"""A segment: a table on disk, immutable, encrypted. Big-endian header, then chunks.

    magic 8B · ledger id 16B · u64 first · u32 count · u16 kek version · wrapped key 80B ·
    u32 bytes of chunk 0 · chunk 0 · chunks 1, 2, …

Each chunk is AES-256-GCM (nonce = chunk number as u96, AAD = SHA-256 of everything before chunk 0)
of zstd-compressed bytes, under a random key of this segment, wrapped to the key-encryption key.
Chunk 0 is the summary and the table of arrays (msgpack); each other chunk is one array.

A segment is written without fsync: what a power failure tears, its hash in the catalog shows, and
it is made again from the ledger. The public half of the key makes segments, so they prove nothing.
"""

import hashlib
import os
import secrets
import struct
from collections.abc import Callable, Hashable
from pathlib import Path

import msgspec
import numpy as np
import zstandard
from msgspec import Struct

from whodid.errors import IntegrityError, LedgerError
from whodid.index.cache import ArrayCache
from whodid.index.table import Array, MemoryTable, Summary
from whodid.ledger import frame
from whodid.ledger.keys import Kek, PublicKek, unwrap
from whodid.ledger.layout import check_magic, magic

SEGMENT = magic(b"X")
_CONTEXT = b"whodid/index/v1"
_HEADER = struct.Struct(">8s16sQIH80sI")
_CHUNK_BYTES_MAX = 1 << 30
_LEVEL = 1
_DTYPES = frozenset({"|b1", "|u1", "<u2", "<u4", "<u8", "<i8"})


class SegmentError(IntegrityError):
    """A segment cannot be read: merged away since, torn, altered or foreign. `name` is its file."""

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"{path}: {reason}")
        self.name = path.name


class _Chunk(Struct, frozen=True, array_like=True):
    """Where an array is: offset in the file, bytes there, bytes decompressed, type."""

    number: int
    offset: int
    size: int
    raw_size: int
    dtype: str


class _Contents(Struct, frozen=True):
    """Chunk 0."""

    summary: Summary
    chunks: dict[str, _Chunk]


def encode_segment(table: MemoryTable, ledger_id: bytes, kek: PublicKek) -> bytes:
    """Return the bytes of a segment file."""
    key = secrets.token_bytes(32)
    wrapped = kek.wrap(key, _CONTEXT + ledger_id)
    fixed = _HEADER.pack(SEGMENT, ledger_id, table.first, table.count, kek.version, wrapped, 0)
    aad = hashlib.sha256(fixed).digest()
    compress = zstandard.ZstdCompressor(level=_LEVEL).compress
    chunks: dict[str, _Chunk] = {}
    bodies: list[bytes] = []
    at = 0
    for number, (name, array) in enumerate(table.arrays.items(), 1):
        raw = np.ascontiguousarray(array).tobytes()
        body = frame.encrypt(key, number, aad, compress(raw))
        chunks[name] = _Chunk(number, at, len(body), len(raw), array.dtype.str)
        bodies.append(body)
        at += len(body)
    plain = compress(msgspec.msgpack.encode(_Contents(table.summary, chunks)))
    contents = frame.encrypt(key, 0, aad, plain)
    header = fixed[:-4] + len(contents).to_bytes(4, "big")
    return b"".join((header, contents, *bodies))


class Segment:
    """A segment file, opened; arrays are read when they are asked for and kept in the cache.

    Every read opens the file anew, so that a file that was merged away is noticed. Raises
    SegmentError for that and for bytes that the follower never wrote.
    """

    def __init__(
        self, path: Path, ledger_id: bytes, keks: dict[int, Kek], cache: ArrayCache
    ) -> None:
        self._path = path
        self._cache = cache
        try:
            contents = self._open(ledger_id, keks)
        except SegmentError:
            raise
        except (LedgerError, OSError, zstandard.ZstdError, msgspec.DecodeError) as error:
            raise SegmentError(path, error) from error
        self.first, self.count = self._range
        self.summary = contents.summary
        self._chunks = contents.chunks

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
        return msgspec.msgpack.decode(_decompress(plain, _CHUNK_BYTES_MAX), type=_Contents)

    @property
    def end(self) -> int:
        """Index behind the last entry."""
        return self.first + self.count

    def array(self, name: str) -> Array | None:
        """Return an array, None when there is none of this name."""
        chunk = self._chunks.get(name)
        if chunk is None:
            return None
        return self._cache.get((self._key, name), lambda: self._read(chunk))

    def kept(self, key: Hashable, make: Callable[[], Array]) -> Array:
        """Return what was made for this key before, while the cache holds it, or make it."""
        return self._cache.get((self._key, key), make)

    def load(self) -> MemoryTable:
        """Return all of it in memory."""
        arrays = {name: self._read(chunk) for name, chunk in self._chunks.items()}
        return MemoryTable(self.first, arrays, self.summary)

    def _read(self, chunk: _Chunk) -> Array:
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                sealed = os.pread(fd, chunk.size, self._start + chunk.offset)
            finally:
                os.close(fd)
            plain = frame.decrypt(self._key, chunk.number, self._aad, sealed)
            if chunk.dtype not in _DTYPES or chunk.raw_size > _CHUNK_BYTES_MAX:
                raise SegmentError(self._path, "an array of a kind that was never written")
            return np.frombuffer(_decompress(plain, chunk.raw_size), dtype=chunk.dtype)
        except SegmentError:
            raise
        except (LedgerError, OSError, zstandard.ZstdError, ValueError) as error:
            raise SegmentError(self._path, error) from error


def _decompress(data: bytes, size_max: int) -> bytes:
    if not 0 <= zstandard.frame_content_size(data) <= size_max:
        raise zstandard.ZstdError("a chunk of a wrong size")
    return zstandard.ZstdDecompressor().decompress(data, max_output_size=max(size_max, 1))
