"""The bytes of the write-ahead log. Big-endian.

File: header 128B, records, zeros to its end.
    magic 8B · ledger id 16B · u64 generation · u64 first LSN · 32B hash before it · zeros ·
    32B SHA-256 of the 96 bytes before
Record: header 112B, body.
    `WREC` · ledger id 16B · u64 generation · u64 LSN · u64 durable LSN · u32 length ·
    32B hash of the record before · 32B SHA-256 of these 80 bytes and the body

`durable LSN` is the last record known to be on disk when this one was written.
"""

import hashlib
import struct

from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger.layout import WAL_FILE, check_magic

FILE_HEADER_BYTES = 128
_FILE = struct.Struct(">8s16sQQ32s24x")
_RECORD = struct.Struct(">4s16sQQQI32s")
RECORD_MAGIC = b"WREC"
RECORD_HEADER_BYTES = _RECORD.size + 32
NO_HASH = bytes(32)


class FileHeader(Struct, frozen=True):
    """What opens a write-ahead file: its place in the chain."""

    ledger_id: bytes
    generation: int
    first_lsn: int
    previous_hash: bytes

    def encode(self) -> bytes:
        """Return the 128 bytes."""
        fixed = _FILE.pack(
            WAL_FILE, self.ledger_id, self.generation, self.first_lsn, self.previous_hash
        )
        return fixed + hashlib.sha256(fixed).digest()


def parse_file_header(data: bytes, name: object) -> FileHeader:
    """Read a file header. Raises FormatError or IntegrityError."""
    fixed = bytes(data[: _FILE.size])
    check_magic(fixed, WAL_FILE, name)
    if hashlib.sha256(fixed).digest() != data[_FILE.size : FILE_HEADER_BYTES]:
        raise IntegrityError(f"{name}: the file header is altered")
    _, ledger_id, generation, first_lsn, previous_hash = _FILE.unpack(fixed)
    return FileHeader(ledger_id, generation, first_lsn, previous_hash)


class Record(Struct, frozen=True):
    """One record and where it stands (`offset` in its file, in bytes)."""

    ledger_id: bytes
    generation: int
    lsn: int
    durable_lsn: int
    previous_hash: bytes
    hash: bytes
    body: bytes
    offset: int

    @property
    def end(self) -> int:
        """Offset behind the record."""
        return self.offset + RECORD_HEADER_BYTES + len(self.body)


def encode_record(
    ledger_id: bytes, generation: int, lsn: int, durable_lsn: int, previous_hash: bytes, body: bytes
) -> tuple[bytes, bytes]:
    """Return (header, hash) of a record."""
    fixed = _RECORD.pack(
        RECORD_MAGIC, ledger_id, generation, lsn, durable_lsn, len(body), previous_hash
    )
    digest = hashlib.sha256(fixed)
    digest.update(body)
    own = digest.digest()
    return fixed + own, own


def parse_record(data: memoryview, offset: int) -> Record | None:
    """Read the record at `offset`, None where there is none that is whole and unaltered.

    Says nothing about its place in the chain.
    """
    head = data[offset : offset + RECORD_HEADER_BYTES]
    if len(head) < RECORD_HEADER_BYTES or head[:4] != RECORD_MAGIC:
        return None
    _, ledger_id, generation, lsn, durable, length, previous = _RECORD.unpack_from(head)
    start = offset + RECORD_HEADER_BYTES
    body = bytes(data[start : start + length])
    if len(body) != length:
        return None
    digest = hashlib.sha256(head[: _RECORD.size])
    digest.update(body)
    own = bytes(head[_RECORD.size :])
    if digest.digest() != own:
        return None
    return Record(ledger_id, generation, lsn, durable, previous, own, body, offset)
