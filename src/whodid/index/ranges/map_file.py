"""A map on disk: its rows in the order of their keys, encrypted, with what its tree needs.

    magic 8B · ledger id 16B · u8 level · u64 first · u16 kek version · wrapped key 80B ·
    u32 bytes of chunk 0 · chunk 0 · chunks 1, 2, …

As in a segment, each chunk is AES-256-GCM (nonce = its number, AAD = SHA-256 of everything before
chunk 0) of zstd-compressed bytes under a random key of this file. Chunk 0 is msgpack: facts, where
the chunks are, the roots of their subtrees. A chunk has the rows of 128 buckets, byte by byte in
planes (all first bytes, all second ones, …), for what repeats to lie together; of a row's offsets
the second and all others as differences, which are small where neighbours belong together.

Nothing rests on it: a proof is checked against the root in the log, and a file that is gone or
altered is made again.
"""

import hashlib
import os
import secrets
import struct
from collections.abc import Iterable
from itertools import accumulate, pairwise
from pathlib import Path

import msgspec
import numpy as np
import zstandard
from msgspec import Struct

from whodid.errors import IntegrityError, LedgerError
from whodid.index.ranges.range_map import (
    NO_ROWS,
    Facts,
    Rows,
    bucket_edges,
    bucket_hashes,
    encode_rows,
)
from whodid.index.segment import decompress
from whodid.index.whole_file import write_file
from whodid.ledger import frame
from whodid.ledger.keys import Kek, PublicKek, unwrap
from whodid.ledger.layout import check_magic, magic
from whodid.merkle.range_map import INLINE, KEY_BITS, KEY_BYTES, ROW_BYTES, depth_of
from whodid.merkle.tree import pair_up, perfect_root

MAP_FILE = magic(b"M")
_CONTEXT = b"whodid/range-map/v1"
_HEADER = struct.Struct(">8s16sBQH80sI")
_CHUNK_BITS = 7
_CHUNK_BYTES_MAX = 1 << 28
_LEVEL = 1
_U32_MAX = (1 << 32) - 1


class MapError(IntegrityError):
    """A map file cannot be read: gone, torn, altered or foreign."""


class _Contents(Struct, frozen=True):
    """Chunk 0. `sizes` are bytes and rows of the chunks, `roots` 32 bytes each."""

    keys: int
    facts: Facts
    sizes: list[tuple[int, int]]
    roots: bytes


class Head(Struct, frozen=True):
    """What a map file opens with: which range, of which ledger, for which key."""

    level: int
    first: int
    ledger_id: bytes
    kek: PublicKek


class _Body(Struct):
    """The chunks of a map while it is written."""

    key: bytes
    aad: bytes
    chunks: list[bytes] = []
    sizes: list[tuple[int, int]] = []
    roots: list[bytes] = []

    def add(self, rows: Rows, depth: int, first_bucket: int, buckets: int) -> None:
        step = 1 << _CHUNK_BITS
        compressor = zstandard.ZstdCompressor(level=_LEVEL)
        hashes = bucket_hashes(rows, depth, first_bucket, buckets)
        self.roots += [perfect_root(hashes[at : at + step]) for at in range(0, buckets, step)]
        data = encode_rows(msgspec.structs.replace(rows, what=_differences(rows)))
        edges = bucket_edges(rows.keys, depth, first_bucket, buckets)[::step]
        for start, end in pairwise(edges):
            plain = compressor.compress(np.ascontiguousarray(data[start:end].T).tobytes())
            chunk = frame.encrypt(self.key, len(self.chunks) + 1, self.aad, plain)
            self.chunks.append(chunk)
            self.sizes.append((len(chunk), end - start))


def write_map(
    path: Path, head: Head, facts: Facts, parts: Iterable[Rows], count: int = 1
) -> tuple[int, bytes]:
    """Write a map of `count` ascending parts of as many buckets each; return (keys, root).

    Raises OSError.
    """
    key = secrets.token_bytes(32)
    wrapped = head.kek.wrap(key, _CONTEXT + head.ledger_id)
    fixed = _HEADER.pack(
        MAP_FILE, head.ledger_id, head.level, head.first, head.kek.version, wrapped, 0
    )
    body = _Body(key, hashlib.sha256(fixed).digest())
    depth = depth_of(head.level)
    buckets = (1 << depth) // count
    for number, rows in enumerate(parts):
        body.add(rows, depth, number * buckets, buckets)
    keys = sum(rows for _, rows in body.sizes)
    contents = msgspec.msgpack.encode(_Contents(keys, facts, body.sizes, b"".join(body.roots)))
    chunk = frame.encrypt(key, 0, body.aad, zstandard.ZstdCompressor().compress(contents))
    write_file(path, b"".join((fixed[:-4], len(chunk).to_bytes(4, "big"), chunk, *body.chunks)))
    return keys, perfect_root(body.roots)


class MapFile:
    """A map, opened. Raises MapError for what cannot be read, here and in every method."""

    def __init__(self, path: Path, ledger_id: bytes, keks: dict[int, Kek]) -> None:
        self._path = path
        try:
            contents = self._open(ledger_id, keks)
        except MapError:
            raise
        except (LedgerError, OSError, zstandard.ZstdError, msgspec.DecodeError) as error:
            raise MapError(f"{path}: {error}") from error
        self.facts = contents.facts
        self.keys = contents.keys
        self._sizes = contents.sizes
        self._at = list(accumulate((size for size, _ in contents.sizes), initial=self._start))
        self._roots = [contents.roots[at : at + 32] for at in range(0, len(contents.roots), 32)]
        if len(self._roots) != len(self._sizes) or len(self._roots) << _CHUNK_BITS != 1 << (
            self._depth
        ):
            raise MapError(f"{path}: has another number of chunks than its level")
        self._levels: list[list[bytes]] = []

    def _open(self, ledger_id: bytes, keks: dict[int, Kek]) -> _Contents:
        with self._path.open("rb") as file:
            fixed = file.read(_HEADER.size)
            if len(fixed) < _HEADER.size:
                raise MapError(f"{self._path}: cut short")
            check_magic(fixed, MAP_FILE, self._path.name)
            _, ledger, level, first, version, wrapped, size = _HEADER.unpack(fixed)
            if ledger != ledger_id:
                raise MapError(f"{self._path}: belongs to another ledger")
            sealed = file.read(min(size, _CHUNK_BYTES_MAX))
        self.level: int = level
        self.first: int = first
        self._depth = depth_of(level)
        self._key = unwrap(keks, version, wrapped, _CONTEXT + ledger_id)
        self._aad = hashlib.sha256(fixed[:-4] + bytes(4)).digest()
        self._start = _HEADER.size + size
        plain = frame.decrypt(self._key, 0, self._aad, sealed)
        return msgspec.msgpack.decode(decompress(plain, _CHUNK_BYTES_MAX), type=_Contents)

    @property
    def root(self) -> bytes:
        """Root of the map."""
        return self._tree()[-1][0]

    def _tree(self) -> list[list[bytes]]:
        if not self._levels:
            levels = [self._roots]
            while len(levels[-1]) > 1:
                levels.append(pair_up(levels[-1]))
            self._levels = levels
        return self._levels

    def rows(self, low: int = 0, high: int = 1 << KEY_BITS) -> Rows:
        """Return the rows whose keys are in [low, high)."""
        shift = KEY_BITS - self._depth + _CHUNK_BITS
        chunks = range(low >> shift, min(len(self._sizes), (high - 1 >> shift) + 1))
        found = self._chunks(chunks)
        return found if len(chunks) == len(self._sizes) else found.part(low, high)

    def entries(self, key: int) -> list[int] | None:
        """Return the offsets of the entries of a key, None when the row has only their digest."""
        chunk = key >> KEY_BITS - self._depth + _CHUNK_BITS
        (planes,) = self._planes(range(chunk, chunk + 1))
        wanted = key.to_bytes(KEY_BYTES, "big")
        alike = np.flatnonzero(planes[KEY_BYTES - 1] == wanted[-1])  # few: its last byte is random
        for place in alike.tolist():
            row = planes[:, place].tobytes()
            if row.startswith(wanted):
                count = int.from_bytes(row[KEY_BYTES : KEY_BYTES + 4], "big")
                return None if count > INLINE else _offsets(count, row[KEY_BYTES + 4 :])
        return []

    def _chunks(self, chunks: range) -> Rows:
        if not chunks:
            return NO_ROWS
        return _decoded(np.concatenate([planes.T for planes in self._planes(chunks)]))

    def _planes(self, chunks: range) -> "list[np.ndarray]":
        """Return the chunks as they are stored: ROW_BYTES planes of one byte a row."""
        start, end = self._at[chunks.start], self._at[chunks.stop]
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                data = os.pread(fd, end - start, start)
            finally:
                os.close(fd)
            return [self._plain(data, number, start) for number in chunks]
        except (LedgerError, OSError, zstandard.ZstdError, ValueError) as error:
            raise MapError(f"{self._path}: {error}") from error

    def _plain(self, data: bytes, number: int, start: int) -> "np.ndarray":
        at = self._at[number] - start
        sealed = data[at : at + self._sizes[number][0]]
        plain = decompress(
            frame.decrypt(self._key, number + 1, self._aad, sealed), _CHUNK_BYTES_MAX
        )
        return np.frombuffer(plain, dtype=np.uint8).reshape(ROW_BYTES, self._sizes[number][1])

    def prove(self, key: int) -> tuple[int, bytes, list[bytes]]:
        """Return (bucket, its rows as they are hashed, path to the root) of the bucket of a key."""
        depth = self._depth
        bucket = key >> KEY_BITS - depth
        chunk, place = divmod(bucket, 1 << _CHUNK_BITS)
        rows = self._chunks(range(chunk, chunk + 1))
        first = chunk << _CHUNK_BITS
        level = bucket_hashes(rows, depth, first, 1 << _CHUNK_BITS)
        path = []
        while len(level) > 1:
            path.append(level[place ^ 1])
            level, place = pair_up(level), place >> 1
        place = chunk
        for nodes in self._tree()[:-1]:
            path.append(nodes[place ^ 1])
            place >>= 1
        start, end = bucket_edges(rows.keys, depth, bucket, 1)
        return bucket, encode_rows(rows)[start:end].tobytes(), path


def _decoded(data: "np.ndarray") -> Rows:
    keys = np.zeros((len(data), 8), dtype=np.uint8)
    keys[:, 2:] = data[:, :KEY_BYTES]
    counts = np.ascontiguousarray(data[:, KEY_BYTES : KEY_BYTES + 4]).view(">u4")[:, 0]
    counts = counts.astype(np.uint32)
    what = _sums(counts, np.ascontiguousarray(data[:, KEY_BYTES + 4 :]))
    return Rows(keys.view(">u8")[:, 0].astype(np.uint64), counts, what)


def _offsets(count: int, stored: bytes) -> list[int]:
    """Return the offsets of one row, as `_sums` does of many."""
    steps = struct.unpack_from(f">{count}I", stored)
    return [offset & _U32_MAX for offset in accumulate(steps)]


def _differences(rows: Rows) -> "np.ndarray":
    """Return `what` as it is stored: offsets behind the first as differences."""
    words = np.ascontiguousarray(rows.what).view(">u4").astype(np.uint32)
    out = words.copy()
    for place in range(1, INLINE):
        chosen = (rows.counts > place) & (rows.counts <= INLINE)
        out[chosen, place] -= words[chosen, place - 1]
    return out.astype(">u4").view(np.uint8)


def _sums(counts: "np.ndarray", stored: "np.ndarray") -> "np.ndarray":
    """Return what `_differences` stored."""
    words = stored.view(">u4").astype(np.uint32)
    for place in range(1, INLINE):
        chosen = (counts > place) & (counts <= INLINE)
        words[chosen, place] += words[chosen, place - 1]
    return words.astype(">u4").view(np.uint8)
