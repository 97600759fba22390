"""A sealed payload block: at most 4,096 rows of one retention class, immutable. Big-endian.

    magic 8B · ledger id 16B · u64 first · u32 span · u16 class · u32 rows · key id 16B · u16 frames
    · per frame (u32 bytes, u16 rows) · per row u16 (its index minus first)
    · per frame its SHA-256 · frames

Frames are `frame` with content tags, under one random key per block (nonce = frame number,
AAD = SHA-256 of everything before the hashes); the wrapped key is in keys.db under the key id.
What stands before the frames is the head: the manifest has its hash, so that one frame can be read
and believed alone. Blocks of format 1 have no hashes of frames.
"""

import hashlib
import secrets
import struct
from bisect import bisect_left
from collections.abc import Sequence

import msgspec
import numpy as np
import zstandard
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger import frame
from whodid.ledger.layout import BLOCK, BLOCK_1, check_magic
from whodid.limits import FRAME_ROWS, LOG_SIZE_MAX, UNIT_ROWS

_HEADER = struct.Struct(">8s16sQIHI16sH")
_FRAME = struct.Struct(">IH")
_DIGEST_BYTES = 32
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
    digests: tuple[bytes, ...]
    """SHA-256 of each frame; none in a block of format 1."""
    head: bytes
    """SHA-256 of everything before the first frame."""

    def read_frame(self, number: int, key: bytes) -> frame.Rows:
        """Decrypt one frame. Raises IntegrityError."""
        return self.open_frame(number, key).rows()

    def open_frame(self, number: int, key: bytes) -> frame.OpenFrame:
        """Decrypt one frame; its rows are cut when they are asked for. Raises IntegrityError."""
        offset, size, _ = self.frames[number]
        sealed = self.data[offset : offset + size]
        if not self.has_digest(number, sealed):
            raise IntegrityError(altered_frame(number))
        return self.decrypt(number, key, sealed)

    def decrypt(self, number: int, key: bytes, sealed: bytes) -> frame.OpenFrame:
        """Decrypt the bytes of one frame that has its digest. Raises IntegrityError."""
        rows = self.frames[number][2]
        plain = frame.decrypt(key, number, self.aad, sealed)
        found = frame.open_frame(plain, with_tags=True)
        if found.count != rows:
            raise IntegrityError(f"frame {number} has {found.count} rows, its table says {rows}")
        return found

    def has_digest(self, number: int, sealed: bytes) -> bool:
        """Tell whether these are the bytes of a frame, as far as the block says."""
        return not self.digests or hashlib.sha256(sealed).digest() == self.digests[number]

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
    digests = [hashlib.sha256(data).digest() for data in sealed]
    return b"".join((header, *digests, *sealed)), key_id, key


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
    """Read a block's head. Raises IntegrityError or FormatError, naming `name`."""
    return msgspec.structs.replace(decode_head(data, len(data), name), data=data)


def head_bytes(data: bytes, name: object) -> int:
    """Return how long the head is of a block that begins so. Raises as `decode_block`."""
    check_magic(data, BLOCK, name, BLOCK_1)
    if len(data) < _HEADER.size:
        raise _cut_short(name)
    *_, rows, _, frames = _HEADER.unpack_from(data)
    digests = 0 if data.startswith(BLOCK_1) else _DIGEST_BYTES * frames
    return int(_HEADER.size + _FRAME.size * frames + 2 * rows + digests)


def decode_head(data: bytes, size_bytes: int, name: object) -> Block:
    """Read the head of a block of so many bytes, without its data. Raises as `decode_block`."""
    end = head_bytes(data, name)
    _, ledger_id, first, span, class_, rows, key_id, frames = _HEADER.unpack_from(data)
    if not 0 < rows <= span <= UNIT_ROWS or first > LOG_SIZE_MAX - span:
        raise IntegrityError(f"{name}: a block of {rows} rows in a span of {span}")
    if len(data) < end:
        raise _cut_short(name)
    at = _HEADER.size
    table = [_FRAME.unpack_from(data, at + i * _FRAME.size) for i in range(frames)]
    at += frames * _FRAME.size
    offsets = np.frombuffer(data, dtype=">u2", count=rows, offset=at)
    at += 2 * rows
    digests = tuple(data[i : i + _DIGEST_BYTES] for i in range(at, end, _DIGEST_BYTES))
    places = []
    start = end
    for size, count in table:
        places.append((start, size, count))
        start += size
    if start != size_bytes or sum(count for _, count in table) != rows:
        raise IntegrityError(f"{name}: a block whose frames do not add up")
    return Block(
        b"", ledger_id, first, span, class_, key_id,
        _indexes(first, offsets.astype(np.int64), name), tuple(places),
        hashlib.sha256(data[:at]).digest(), digests, hashlib.sha256(data[:end]).digest(),
    )  # fmt: skip


def altered_frame(number: int) -> str:
    """Return what is said of a frame that its block has another hash of."""
    return f"frame {number} is altered (its SHA-256 is not its block's)"


def _cut_short(name: object) -> IntegrityError:
    return IntegrityError(f"{name}: a block that is cut short")


def _indexes(first: int, offsets: np.ndarray, name: object) -> Sequence[int]:
    """Return the rows' indexes; a range where none is missing, which nearly all blocks are."""
    if np.any(np.diff(offsets) <= 0):
        raise IntegrityError(f"{name}: a block whose rows are out of order")
    least, most = first + int(offsets[0]), first + int(offsets[-1])
    if most - least + 1 == len(offsets):
        return range(least, most + 1)
    return tuple((offsets + first).tolist())
