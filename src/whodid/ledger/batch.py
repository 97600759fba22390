"""A batch: what a door hands to the sequencer. Big-endian.

    magic 8B · ledger id 16B · batch id 16B · u32 rows · u16 sources · u16 kek version ·
    wrapped key 80B · u64 frame number · source ids 16B each · rows 80B each ·
    u16 tails · per tail (u32 row · u16 length · bytes) · u32 length · body

Row: u8 type · u8 0 · u16 flags · u16 class · u16 source number · u64 epoch · u64 seq ·
16B identity tag · 32B commitment · 8B content tag: the leaf without order and time, in the clear.
Body: one frame (`frame`), encrypted under the door's own key, AAD = SHA-256 of everything before
its length: who has the write-ahead log but no key cannot alter a row's source, class, flags or
numbers before a checkpoint covers them. The sequencer reads the header and never the body.
"""

import os
import secrets
import struct
import threading
import time
from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import zstandard
from msgspec import Struct

from whodid.errors import InputError, IntegrityError
from whodid.ledger import frame
from whodid.ledger.keys import WRAPPED_BYTES, Kek, PublicKek, unwrap
from whodid.ledger.layout import BATCH, check_magic
from whodid.limits import BATCH_ROWS_MAX, LEAF_TAIL_BYTES_MAX
from whodid.merkle.commitment import commit_rows

_HEADER = struct.Struct(">8s16s16sIHH80sQ")
_ROW = struct.Struct(">BBHHHQQ16s32s8s")
_TAIL = struct.Struct(">IH")
_COUNT = struct.Struct(">H")
_SIZE = struct.Struct(">I")
_DOOR_KEY_S = 3600.0
_DOOR_KEY_FRAMES = 1 << 30
_CONTEXT = b"whodid/door-key/v1"

ROW_DTYPE = np.dtype(
    [
        ("type", "u1"),
        ("zero", "u1"),
        ("flags", ">u2"),
        ("class", ">u2"),
        ("source", ">u2"),
        ("epoch", ">u8"),
        ("seq", ">u8"),
        ("identity_tag", "V16"),
        ("commitment", "V32"),
        ("content_tag", "V8"),
    ]
)


class Row(Struct):
    """One row on its way in: its leaf's parts, its groups, its content tag."""

    type: int
    flags: int
    class_: int
    source_id: bytes
    epoch: int
    seq: int
    identity_tag: bytes
    content_tag: bytes
    groups: tuple[bytes, ...]
    tail: bytes = b""


class Batch(Struct, frozen=True):
    """A parsed batch; `data` is all of it, `table` its rows as ROW_DTYPE."""

    data: bytes
    ledger_id: bytes
    batch_id: bytes
    kek_version: int
    wrapped_key: bytes
    frame_number: int
    sources: tuple[bytes, ...]
    table: "np.ndarray[tuple[int], np.dtype[np.void]]"
    tails: dict[int, bytes]
    body: bytes

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.table)

    def aad(self) -> bytes:
        """Return what the body is bound to."""
        return sha256(self.data[: len(self.data) - _SIZE.size - len(self.body)]).digest()

    def key(self, keks: dict[int, Kek]) -> bytes:
        """Return the door's key. Raises IntegrityError (altered) or LedgerError (no such key)."""
        return unwrap(keks, self.kek_version, self.wrapped_key, _CONTEXT + self.ledger_id)

    def open(self, keks: dict[int, Kek]) -> frame.Rows:
        """Decrypt the body. Raises IntegrityError (altered) or LedgerError (no such key)."""
        return self.open_frame(self.key(keks)).rows()

    def open_frame(self, key: bytes) -> frame.OpenFrame:
        """Decrypt the body with the door's key; its rows are cut when they are asked for.

        Raises IntegrityError (altered).
        """
        plain = frame.decrypt(key, self.frame_number, self.aad(), self.body)
        found = frame.open_frame(plain, with_tags=False)
        if found.count != self.rows:
            raise IntegrityError(f"a batch of {self.rows} rows whose body has {found.count}")
        return found


class BatchBuilder:
    """Builds the batches of one door process. Safe for threads, and across a fork.

    Holds only the public half of the key-encryption key and a random key of its own, renewed
    after an hour or 2^30 frames, and in a child process. Invariant: no frame number is used twice
    with a key, which AES-GCM does not survive.
    """

    def __init__(self, ledger_id: bytes, kek: PublicKek, level: int = 1) -> None:
        self._ledger_id = ledger_id
        self._kek = kek
        self._compressor = zstandard.ZstdCompressor(level=level, write_content_size=True)
        self._lock = threading.Lock()  # of the compressor too, which crashes under two threads
        self._renew()

    def _renew(self) -> None:
        self._key = secrets.token_bytes(32)
        self._wrapped = self._kek.wrap(self._key, _CONTEXT + self._ledger_id)
        self._frame = 0
        self._born_s = time.monotonic()
        self._pid = os.getpid()

    def build(self, rows: Sequence[Row], batch_id: bytes | None = None) -> bytes:
        """Commit, compress, encrypt. Raises InputError for more than BATCH_ROWS_MAX rows."""
        if not 0 < len(rows) <= BATCH_ROWS_MAX:
            raise InputError(f"a batch of {len(rows)} rows; between 1 and {BATCH_ROWS_MAX}")
        batch_id = batch_id or secrets.token_bytes(16)
        random = secrets.token_bytes(16 * len(rows))
        seeds = [random[i : i + 16] for i in range(0, len(random), 16)]
        groups = [row.groups for row in rows]
        commitments = commit_rows(seeds, groups)
        with self._lock:
            if self._is_old():
                self._renew()
            key, number = self._key, self._frame + 1
            self._frame = number
            header = self._header(rows, commitments, batch_id, number)
            plain = frame.pack_frame(seeds, groups, None, self._compressor)
        body = frame.encrypt(key, number, sha256(header).digest(), plain)
        return b"".join((header, len(body).to_bytes(4, "big"), body))

    def _is_old(self) -> bool:
        aged = time.monotonic() - self._born_s > _DOOR_KEY_S
        return aged or self._frame >= _DOOR_KEY_FRAMES or self._pid != os.getpid()

    def _header(
        self, rows: Sequence[Row], commitments: list[bytes], batch_id: bytes, number: int
    ) -> bytes:
        sources: dict[bytes, int] = {}
        pack = _ROW.pack
        packed = [
            pack(
                row.type, 0, row.flags, row.class_,
                sources.setdefault(row.source_id, len(sources)),
                row.epoch, row.seq, row.identity_tag, commitment, row.content_tag,
            )
            for row, commitment in zip(rows, commitments, strict=True)
        ]  # fmt: skip
        tails = [(i, row.tail) for i, row in enumerate(rows) if row.tail]
        fixed = _HEADER.pack(
            BATCH, self._ledger_id, batch_id, len(rows), len(sources), self._kek.version,
            self._wrapped, number,
        )  # fmt: skip
        parts = [fixed, *sources, *packed, len(tails).to_bytes(2, "big")]
        for index, tail in tails:
            parts += (_TAIL.pack(index, len(tail)), tail)
        return b"".join(parts)


def parse_batch(data: bytes) -> Batch:
    """Read a batch; the body stays sealed. Raises InputError for bytes that are no batch."""
    try:
        fixed = _HEADER.unpack_from(data)
        _, ledger_id, batch_id, rows, source_count, kek_version, wrapped, number = fixed
        check_magic(data, BATCH, "batch")
        if not 0 < rows <= BATCH_ROWS_MAX or not source_count:
            raise InputError(f"a batch of {rows} rows and {source_count} sources")
        at = _HEADER.size
        sources = tuple(data[at + 16 * i : at + 16 * i + 16] for i in range(source_count))
        at += 16 * source_count
        table = np.frombuffer(data, dtype=ROW_DTYPE, count=rows, offset=at)
        at += rows * _ROW.size
        tails, at = _parse_tails(data, at, rows)
        (size,) = _SIZE.unpack_from(data, at)
        body = data[at + _SIZE.size :]
    except (struct.error, ValueError) as error:
        raise InputError(f"a batch that is cut short: {error}") from error
    if size != len(body) or int(table["source"].max()) >= source_count or table["zero"].any():
        raise InputError("a batch whose lengths or sources do not add up")
    return Batch(
        data, ledger_id, batch_id, kek_version, wrapped, number, sources, table, tails, body
    )


def _parse_tails(data: bytes, at: int, rows: int) -> tuple[dict[int, bytes], int]:
    (count,) = _COUNT.unpack_from(data, at)
    at += _COUNT.size
    tails: dict[int, bytes] = {}
    for _ in range(count):
        index, length = _TAIL.unpack_from(data, at)
        at += _TAIL.size
        tail = data[at : at + length]
        at += length
        if index >= rows or len(tail) != length or length > LEAF_TAIL_BYTES_MAX:
            raise InputError("a batch with a broken tail")
        tails[index] = tail
    return tails, at


assert _ROW.size == ROW_DTYPE.itemsize == 80
assert _HEADER.size == 8 + 16 + 16 + 4 + 2 + 2 + WRAPPED_BYTES + 8
