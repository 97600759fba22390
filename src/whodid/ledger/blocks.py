"""A sealed payload block: at most 4,096 rows of one retention class, immutable. Big-endian.

    magic 8B · ledger id 16B · u64 first · u32 span · u16 class · u32 rows · key id 16B · u16 frames
    · per frame (u32 bytes, u16 rows) · per row u16 (its index minus first) · frames

Frames are `frame` with content tags, under one random key per block (nonce = frame number,
AAD = SHA-256 of everything before the first frame); the wrapped key is in keys.db under the key id.
"""

import hashlib
import secrets
import struct
from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import zstandard
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger import frame
from whodid.ledger.layout import BLOCK, check_magic
from whodid.limits import FRAME_ROWS, LOG_SIZE_MAX, UNIT_ROWS

_HEADER = struct.Struct(">8s16sQIHI16sH")
_FRAME = struct.Struct(">IH")
KEY_ID = slice(42, 58)
"""Where the key id stands in the header."""
_SMALL = zstandard.ZstdCompressionParameters(
    window_log=19, chain_log=18, hash_log=18, search_log=2, min_match=7,
    strategy=zstandard.STRATEGY_LAZY, write_content_size=True,
)  # fmt: skip
"""As small as level 6 of zstd makes frames of this size, in a seventh less time."""
_SOON = zstandard.ZstdCompressionParameters(
    window_log=19, chain_log=16, hash_log=16, search_log=1, min_match=6,
    strategy=zstandard.STRATEGY_DFAST, write_content_size=True,
)  # fmt: skip
"""As quick as level 1, and some smaller: 2 µs a row of 600 bytes, where the other takes 7."""
_FRAME_BYTES = frame.FRAME_PLAIN_BYTES_MAX // 4


class Block(Struct, frozen=True):
    """An opened block file: where its frames are; rows are decrypted on demand."""

    data: bytes
    ledger_id: bytes
    first: int
    span: int
    class_: int
    key_id: bytes
    indexes: Sequence[int]
    frames: tuple[tuple[int, int, int], ...]
    """(offset, bytes, rows) of each frame."""
    aad: bytes

    def read_frame(self, number: int, key: bytes) -> frame.Rows:
        """Decrypt one frame. Raises IntegrityError."""
        return self.open_frame(number, key).rows()

    def open_frame(self, number: int, key: bytes) -> frame.OpenFrame:
        """Decrypt one frame; its rows are cut when they are asked for. Raises IntegrityError."""
        offset, size, _ = self.frames[number]
        return self.decrypt(number, key, self.data[offset : offset + size])

    def decrypt(self, number: int, key: bytes, sealed: bytes) -> frame.OpenFrame:
        """Decrypt the bytes of one frame. Raises IntegrityError."""
        rows = self.frames[number][2]
        plain = frame.decrypt(key, number, self.aad, sealed)
        found = frame.open_frame(plain, with_tags=True)
        if found.count != rows:
            raise IntegrityError(f"frame {number} has {found.count} rows, its table says {rows}")
        return found

    def frame_of(self, index: int) -> tuple[int, int]:
        """Return (frame number, row in it) of a log index. Raises KeyError when it is not here."""
        row = bisect_left(self.indexes, index)
        if row == len(self.indexes) or self.indexes[row] != index:
            raise KeyError(index)
        for number, (_, _, rows) in enumerate(self.frames):
            if row < rows:
                return number, row
            row -= rows
        raise KeyError(index)


def encode_block(
    ledger_id: bytes,
    first: int,
    span: int,
    class_: int,
    indexes: Sequence[int] | np.ndarray,
    rows: frame.Columns,
    *,
    soon: bool = False,
) -> tuple[bytes, bytes, bytes]:
    """Return (file bytes, key id, data key) of a block of these rows, small rather than `soon`."""
    key, key_id = secrets.token_bytes(32), secrets.token_bytes(16)
    compressor = zstandard.ZstdCompressor(compression_params=_SOON if soon else _SMALL)
    cuts = _cuts(rows.groups.sizes.sum(axis=0))
    plains = [frame.pack_columns(rows, at, end, compressor) for at, end in cuts]
    tag_bytes = 16
    table = [
        _FRAME.pack(len(plain) + tag_bytes, end - at)
        for plain, (at, end) in zip(plains, cuts, strict=True)
    ]
    offsets = (np.asarray(indexes, dtype=np.int64) - first).astype(">u2").tobytes()
    fixed = _HEADER.pack(BLOCK, ledger_id, first, span, class_, len(indexes), key_id, len(plains))
    header = b"".join((fixed, *table, offsets))
    aad = hashlib.sha256(header).digest()
    sealed = [frame.encrypt(key, number, aad, plain) for number, plain in enumerate(plains)]
    return b"".join((header, *sealed)), key_id, key


def _cuts(sizes: np.ndarray) -> list[tuple[int, int]]:
    """Cut rows into frames: FRAME_ROWS each, fewer large ones, so that none is too large to open.

    A row alone always fits: it came in a frame of the same bound.
    """
    ends = np.cumsum(sizes)
    cuts, start, before, count = [], 0, 0, len(sizes)
    while start < count:
        fits = int(np.searchsorted(ends, before + _FRAME_BYTES, side="right"))
        end = min(max(fits, start + 1), start + FRAME_ROWS, count)
        cuts.append((start, end))
        start, before = end, int(ends[end - 1])
    return cuts


def decode_block(data: bytes, name: object) -> Block:
    """Read a block's header. Raises IntegrityError or FormatError, naming `name`."""
    check_magic(data, BLOCK, name)
    try:
        _, ledger_id, first, span, class_, rows, key_id, frames = _HEADER.unpack_from(data)
        if not 0 < rows <= span <= UNIT_ROWS or first > LOG_SIZE_MAX - span:
            raise IntegrityError(f"{name}: a block of {rows} rows in a span of {span}")
        at = _HEADER.size
        table = [_FRAME.unpack_from(data, at + i * _FRAME.size) for i in range(frames)]
        at += frames * _FRAME.size
        offsets = np.frombuffer(data, dtype=">u2", count=rows, offset=at)
        at += 2 * rows
    except (struct.error, ValueError) as error:
        raise IntegrityError(f"{name}: a block that is cut short") from error
    aad = hashlib.sha256(data[:at]).digest()
    places = []
    for size, count in table:
        places.append((at, size, count))
        at += size
    if at != len(data) or sum(count for _, count in table) != rows:
        raise IntegrityError(f"{name}: a block whose frames do not add up")
    indexes = _indexes(first, offsets.astype(np.int64), name)
    return Block(data, ledger_id, first, span, class_, key_id, indexes, tuple(places), aad)


def _indexes(first: int, offsets: np.ndarray, name: object) -> Sequence[int]:
    """Return the rows' indexes; a range where none is missing, which nearly all blocks are."""
    if np.any(np.diff(offsets) <= 0):
        raise IntegrityError(f"{name}: a block whose rows are out of order")
    least, most = first + int(offsets[0]), first + int(offsets[-1])
    if most - least + 1 == len(offsets):
        return range(least, most + 1)
    return tuple((offsets + first).tolist())
