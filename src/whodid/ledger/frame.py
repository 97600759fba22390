"""A frame: rows of payload, compressed and encrypted together. Bodies of batches and blocks.

A row is its 16-byte seed and its eight serialised groups (`merkle.commitment`). Plaintext:

    u32 rows · seeds 16B x rows · content tags 8B x rows (blocks only) · zstd( u32 lengths, eight a
    row, group by group · the bytes, row by row )

Seeds and tags are random and stay outside of the compressor. No trained dictionary: it would leak
values of other rows. AES-256-GCM, nonce = frame number as u96: a key never sees a number twice.
"""

import struct
from itertools import pairwise

import numpy as np
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.limits import BATCH_ROWS_MAX

GROUPS = 8
SEED_BYTES = 16
CONTENT_TAG_BYTES = 8
FRAME_PLAIN_BYTES_MAX = 256 * 1024 * 1024
"""Largest decompressed frame: rows x longest record, with room; a bomb is refused before this."""

_COUNT = struct.Struct(">I")


class Rows(Struct):
    """Rows of one frame: parallel lists; `groups[i]` are the eight groups of row i."""

    seeds: list[bytes]
    groups: list[tuple[bytes, ...]]
    content_tags: list[bytes]


def pack_frame(
    seeds: list[bytes],
    groups: list[tuple[bytes, ...]],
    content_tags: list[bytes] | None,
    compressor: zstandard.ZstdCompressor,
) -> bytes:
    """Serialise and compress rows; what `unpack_frame` reads."""
    flat = [part for row in groups for part in row]
    lengths = np.fromiter(map(len, flat), dtype=">u4", count=len(flat))
    lengths = np.ascontiguousarray(lengths.reshape(-1, GROUPS).T)
    packed = compressor.compress(lengths.tobytes() + b"".join(flat))
    return b"".join((_COUNT.pack(len(seeds)), *seeds, *(content_tags or ()), packed))


def unpack_frame(plain: bytes, *, with_tags: bool) -> Rows:
    """Read a frame. Raises IntegrityError for bytes that `pack_frame` never wrote."""
    try:
        (count,) = _COUNT.unpack_from(plain)
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
        lengths = np.frombuffer(data, dtype=">u4", count=GROUPS * count).reshape(GROUPS, count)
    except (struct.error, ValueError, zstandard.ZstdError) as error:
        raise IntegrityError(f"a frame that does not decode: {error}") from error
    ends = np.cumsum(lengths.T.reshape(-1), dtype=np.int64) + size
    if count and int(ends[-1]) != len(data):
        raise IntegrityError("a frame whose lengths do not add up")
    bounds = [size, *ends.tolist()]
    flat = [data[a:b] for a, b in pairwise(bounds)]
    rows = iter(flat)
    return Rows(seeds, list(zip(*([rows] * GROUPS), strict=True)), tags)


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
