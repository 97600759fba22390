"""Making many segments at once, in several processes: when an index is made anew.

Each process opens the ledger for itself and writes whole segments of sealed entries; the follower,
which waits for them, is the one who names them in the catalog.
"""

import hashlib
import os
import secrets
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from msgspec import Struct

from whodid.index.build import build_table
from whodid.index.catalog import Entry
from whodid.index.segment import encode_segment
from whodid.index.table import MemoryTable
from whodid.index.whole_file import write_file
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import INDEX
from whodid.ledger.reader import LedgerReader
from whodid.ledger.verification.workers import Workers
from whodid.limits import INDEX_REBUILD_PROCESSES_MAX

Range = tuple[int, int]
"""Entries [first, end)."""


class _Job(Struct, frozen=True):
    directory: str
    keys: str
    ledger_id: bytes
    first: int
    end: int
    segment_rows: int


class Rebuilder:
    """Processes that make segments. They live from the first call to `close`."""

    def __init__(self, directory: Path, keys: KeyFolder, segment_rows: int) -> None:
        self._directory = directory
        self._keys = keys
        self._segment_rows = segment_rows
        self.processes = min(os.cpu_count() or 1, INDEX_REBUILD_PROCESSES_MAX)
        self._workers: Workers | None = None

    def build(self, ranges: Sequence[Range]) -> list[Entry]:
        """Make a segment of each range, of its beginning where the fields are long.

        None when a process was killed (for its memory, say): from then on there is one only.
        Raises LedgerError as reading does, OSError when a file cannot be written.
        """
        self._workers = self._workers or Workers(self.processes)
        jobs = [
            _Job(
                str(self._directory), str(self._keys.path.parent), self._keys.ledger_id, first, end,
                self._segment_rows,
            )
            for first, end in ranges
        ]  # fmt: skip
        try:
            return list(self._workers.in_order(_build, jobs))
        except BrokenProcessPool:
            self.close()
            self.processes = 1
            return []

    def close(self) -> None:
        """End the processes."""
        if self._workers is not None:
            self._workers.__exit__(None, None, None)
            self._workers = None


_readers: dict[str, LedgerReader] = {}
"""The reader of a process that does nothing but `_build`."""


def _build(job: _Job) -> Entry:
    directory = Path(job.directory)
    keys = KeyFolder(job.ledger_id, Path(job.keys))
    reader = _readers.get(job.directory)
    if reader is None:
        reader = _readers[job.directory] = LedgerReader(directory, keys)
    else:
        reader.refresh()
    table = build_table(reader, job.first, job.end, signed=True)
    lasting = table.count == job.segment_rows
    return write_segment(directory / INDEX, table, reader, keys, lasting=lasting)


def write_segment(
    folder: Path, table: MemoryTable, reader: LedgerReader, keys: KeyFolder, *, lasting: bool
) -> Entry:
    """Write a table as a segment; return its line of the catalog. Raises OSError."""
    data = encode_segment(table, keys.ledger_id, keys.public_kek(), lasting=lasting)
    entry = Entry(
        f"{table.first:016d}-{table.count:06d}-{secrets.token_hex(4)}",
        len(data),
        hashlib.sha256(data).hexdigest(),
        table.first,
        table.count,
        hashlib.sha256(reader.leaf_bytes(table.end - 1)).hexdigest(),
    )
    write_file(folder / entry.name, data)
    return entry
