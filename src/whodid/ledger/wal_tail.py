"""Following the write-ahead log while it is written: what is not sealed yet. Read-only.

A reader sees a record once all its bytes are there and its hash is right; whether it is durable
is the sequencer's to say (`limit` of the callers).
"""

import os
from pathlib import Path

from msgspec import Struct

from whodid.errors import WhodidError
from whodid.ledger.layout import WAL
from whodid.ledger.sequenced import Sequenced, parse_sequenced
from whodid.ledger.wal_record import (
    FILE_HEADER_BYTES,
    RECORD_HEADER_BYTES,
    Record,
    parse_file_header,
    parse_record,
)
from whodid.limits import WAL_FILE_BYTES

_AGAIN, _WAIT, _LOST = range(3)


class TailRecord(Struct, frozen=True):
    """Where a record stands and which entries it holds."""

    lsn: int
    hash: bytes
    first: int
    end: int
    appended_us: int
    path: Path
    offset: int
    size: int


class WalTail:
    """The records that hold entries from some index on, in order.

    Invariant: `records` is a contiguous part of the chain. `poll` continues it; when the files
    it stood in were recycled meanwhile, it begins again at the oldest file that is there, once.
    """

    def __init__(self, directory: Path, ledger_id: bytes) -> None:
        self._folder = directory / WAL
        self._ledger_id = ledger_id
        self._restart()

    def _restart(self) -> None:
        self.records: list[TailRecord] = []
        self._path: Path | None = None
        self._fd = -1
        self._offset = 0
        self._lsn = 0
        self._hash = b""

    @property
    def end(self) -> int:
        """Index behind the last entry that was seen, 0 before any."""
        return self.records[-1].end if self.records else 0

    @property
    def first(self) -> int:
        """Index of the first entry that is held, 0 when there is none."""
        return self.records[0].first if self.records else 0

    def poll(self) -> int:
        """Read what was appended since; return the number of new records."""
        before = len(self.records)
        restarts = 0
        if self._path is None and not self._open_oldest():
            return 0
        while True:
            record = self._read()
            if record is not None:
                self._add(record)
                continue
            step = self._next_file()
            if step == _AGAIN:
                continue
            if step == _WAIT or restarts:  # lost twice: the chain itself is broken
                return len(self.records) - before
            restarts += 1
            before = 0
            self.close()
            self._restart()
            if not self._open_oldest():
                return 0

    def forget(self, index: int) -> None:
        """Drop records whose entries all lie below `index` (they are sealed)."""
        keep = 0
        while keep < len(self.records) and self.records[keep].end <= index:
            keep += 1
        del self.records[:keep]

    def open(self, item: TailRecord) -> Sequenced | None:
        """Read a record again; None when its file was recycled meanwhile."""
        try:
            with item.path.open("rb") as file:
                file.seek(item.offset)
                data = file.read(item.size)
        except OSError:
            return None
        record = parse_record(memoryview(data), 0)
        if record is None or record.hash != item.hash:
            return None
        return parse_sequenced(record.body)

    def close(self) -> None:
        """Close the file it stands in."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _files(self) -> list[Path]:
        return sorted(p for p in self._folder.iterdir() if p.name.isdigit())

    def _open_oldest(self) -> bool:
        files = self._files()
        return bool(files) and self._enter(files[0], check=False) == _AGAIN

    def _enter(self, path: Path, *, check: bool) -> int:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return _LOST
        head = os.pread(fd, FILE_HEADER_BYTES, 0)
        if not any(head):  # the writer has taken it, but written nothing yet
            os.close(fd)
            return _WAIT
        try:
            header = parse_file_header(head, path)
        except WhodidError:
            os.close(fd)
            return _LOST
        if check and (header.first_lsn, header.previous_hash) != (self._lsn + 1, self._hash):
            os.close(fd)
            return _LOST
        self.close()
        self._path, self._fd, self._offset = path, fd, FILE_HEADER_BYTES
        self._lsn, self._hash = header.first_lsn - 1, header.previous_hash
        return _AGAIN

    def _next_file(self) -> int:
        """Return _AGAIN (read on), _WAIT (nothing more yet) or _LOST (recycled under our feet)."""
        assert self._path is not None
        following = self._path.with_name(f"{int(self._path.name) + 1:016d}")
        if following.exists():
            # The writer never goes back to a file that it left, so this one ends here.
            record = self._read()
            if record is not None:
                self._add(record)
                return _AGAIN
            return self._enter(following, check=True)
        return _WAIT if self._path.exists() else _LOST

    def _read(self) -> Record | None:
        head = os.pread(self._fd, RECORD_HEADER_BYTES, self._offset)
        if len(head) < RECORD_HEADER_BYTES or head[:4] != b"WREC":
            return None
        length = int.from_bytes(head[44:48], "big")
        if length > WAL_FILE_BYTES * 2:
            return None
        data = os.pread(self._fd, RECORD_HEADER_BYTES + length, self._offset)
        record = parse_record(memoryview(data), 0)
        if (
            record is None
            or record.lsn != self._lsn + 1
            or record.previous_hash != self._hash
            or record.ledger_id != self._ledger_id
        ):
            return None
        return record

    def _add(self, record: Record) -> None:
        assert self._path is not None
        s = parse_sequenced(record.body)
        size = RECORD_HEADER_BYTES + len(record.body)
        self.records.append(
            TailRecord(
                record.lsn, record.hash, s.first, s.end, s.appended_us, self._path,
                self._offset, size,
            )
        )  # fmt: skip
        self._offset += size
        self._lsn, self._hash = record.lsn, record.hash
