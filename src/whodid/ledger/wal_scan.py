"""Reading the write-ahead log: the chain of records, and every byte that is not part of it.

Rules (docs/explanation/format.md):
1. Files in order of generation; each record continues the LSN and hash of the one before.
2. Behind the last record of the chain there are only zeros.
3. The durable mark is the greatest `durable_lsn` of any valid record anywhere.
4. A break at or below the mark is a fault; beyond it, in the last file, it is a torn tail.

It writes nothing; recovery (`wal`) zeroes a torn tail.
"""

import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from whodid.errors import WhodidError
from whodid.ledger.layout import WAL
from whodid.ledger.wal_record import (
    FILE_HEADER_BYTES,
    RECORD_MAGIC,
    FileHeader,
    Record,
    parse_file_header,
    parse_record,
)

_NAME = re.compile(r"\d{16}")
_CHUNK = 1 << 20
_TORN_MAX = 16
"""Most record headers without their record that one write can leave; more were put there."""


class Break(Struct, frozen=True):
    """Where the chain ends before the zeros do."""

    path: Path
    offset: int
    expected_lsn: int
    reason: str


class WalFile(Struct):
    """One file of the chain, as found. `end` is the offset behind its last chained record."""

    path: Path
    header: FileHeader
    end: int = FILE_HEADER_BYTES
    first_lsn: int = 0
    last_lsn: int = 0
    last_hash: bytes = b""


class WalScan:
    """One pass over the write-ahead files of DIR.

    Iterate `records()` to its end; then `files`, `breaks`, `durable_lsn` and `last_lsn` hold.
    At most one file is mapped at a time.
    """

    def __init__(self, directory: Path, ledger_id: bytes) -> None:
        self.folder = directory / WAL
        self.ledger_id = ledger_id
        self.files: list[WalFile] = []
        self.breaks: list[Break] = []
        self.durable_lsn = 0
        self.last_lsn = 0
        self.last_hash = b""
        self.doubtful: dict[Path, int] = {}
        """Per file, the offset of its first record that no later one knows to be on disk."""

    def paths(self) -> list[Path]:
        """Return the files in order of generation."""
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if _NAME.fullmatch(path.name))

    def records(self) -> Iterator[Record]:
        """Yield the records of the chain in order."""
        for path in self.paths():
            with path.open("rb") as file:
                if file.seek(0, 2) == 0:
                    self.breaks.append(Break(path, 0, self.last_lsn + 1, "an empty file"))
                    continue
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                    yield from self._file(path, mapped)

    def _file(self, path: Path, mapped: mmap.mmap) -> Iterator[Record]:
        try:
            header = parse_file_header(mapped[:FILE_HEADER_BYTES], path)
        except WhodidError as error:
            self._broken(path, mapped, 0, str(error))
            return
        place = self._misplaced(path, header)
        if place:
            self._broken(path, mapped, 0, place)
            return
        current = WalFile(path, header, FILE_HEADER_BYTES, header.first_lsn, header.first_lsn - 1)
        current.last_hash = header.previous_hash
        self.files.append(current)
        if not self.last_lsn:
            self.last_lsn, self.last_hash = header.first_lsn - 1, header.previous_hash
        view = memoryview(mapped)
        try:
            while record := self._next(view, current):
                yield record
        finally:
            view.release()
        self._rest(path, mapped, current.end)

    def _misplaced(self, path: Path, header: FileHeader) -> str | None:
        if header.ledger_id != self.ledger_id:
            return "belongs to another ledger"
        if int(path.name) != header.generation:
            return f"is generation {header.generation} under another name"
        if self.files:
            last = self.files[-1].header.generation
            if header.generation != last + 1:
                return f"follows generation {last}: a file between them is missing"
            if (header.first_lsn, header.previous_hash) != (self.last_lsn + 1, self.last_hash):
                return "does not continue the chain of the file before"
        elif self.breaks:
            return "comes after a broken file"
        return None

    def _next(self, view: memoryview, current: WalFile) -> Record | None:
        record = parse_record(view, current.end)
        if (
            record is None
            or record.ledger_id != self.ledger_id
            or record.generation != current.header.generation
            or record.lsn != self.last_lsn + 1
            or record.previous_hash != self.last_hash
        ):
            return None
        current.end = record.end
        current.last_lsn = self.last_lsn = record.lsn
        current.last_hash = self.last_hash = record.hash
        if record.durable_lsn > self.durable_lsn:
            self.durable_lsn = record.durable_lsn
            if record.durable_lsn >= record.lsn - 1:  # the first of its group
                self.doubtful = {}
        self.doubtful.setdefault(current.path, record.offset)
        return record

    def _rest(self, path: Path, mapped: mmap.mmap, start: int) -> None:
        at = first_nonzero(mapped, start)
        if at is not None:
            self._broken(path, mapped, start, f"non-zero byte at offset {at} outside of the chain")

    def _broken(self, path: Path, mapped: mmap.mmap, offset: int, reason: str) -> None:
        self.breaks.append(Break(path, offset, self.last_lsn + 1, reason))
        # Rule 3: what still stands behind the break may say how far the disk had come.
        torn = 0
        at = mapped.find(RECORD_MAGIC + self.ledger_id, offset)
        while at >= 0:
            with memoryview(mapped) as view:
                record = parse_record(view, at)
            if record is not None:
                self.durable_lsn = max(self.durable_lsn, record.durable_lsn)
            else:
                torn += 1
                if torn > _TORN_MAX:  # to hash behind each of them would take for ever
                    self.durable_lsn = max(self.durable_lsn, self.last_lsn + 1)
                    return
            at = mapped.find(RECORD_MAGIC + self.ledger_id, record.end if record else at + 4)


def first_nonzero(mapped: mmap.mmap, start: int) -> int | None:
    """Return the offset of the first non-zero byte from `start` on, None if there is none."""
    for at in range(start, len(mapped), _CHUNK):
        chunk = mapped[at : at + _CHUNK]
        if chunk.count(0) != len(chunk):
            return at + len(chunk) - len(chunk.lstrip(b"\0"))
    return None
