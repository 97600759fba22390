"""The follower: writes segments after the ledger. One process does; its cursor is the catalog.

A step fills the first range that no segment covers (when many full ones are missing, several at
once, in other processes), then joins neighbours: a small segment that is
not twice as long as the one after it, and all of an aligned range of INDEX_SEGMENT_ROWS once it is
full. So there are few segments, and an entry is written few times.

What it finds wrong (missing, altered, foreign, of another history), at its first look and in every
step (`watch`), it drops and makes again; each such finding is a sentence in `findings`. It never
touches the ledger.
"""

import hashlib
import re
import time
from collections.abc import Callable
from pathlib import Path

from whodid.errors import LedgerError
from whodid.index.build import build_table
from whodid.index.cache import ArrayCache
from whodid.index.catalog import (
    Entry,
    catalog_path,
    encode_catalog,
    gaps,
    is_older,
    read_catalog,
)
from whodid.index.merge import merge
from whodid.index.rebuild import Rebuilder, write_segment
from whodid.index.segment import Segment, SegmentError
from whodid.index.table import MemoryTable
from whodid.index.watch import Watch
from whodid.index.whole_file import write_file
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import INDEX
from whodid.ledger.reader import LedgerReader
from whodid.limits import (
    INDEX_HANDED_BYTES_MAX,
    INDEX_MAPPED_BYTES_MAX,
    INDEX_REBUILD_RANGES_MIN,
    INDEX_SEGMENT_BYTES_MAX,
    INDEX_SEGMENT_ROWS,
    INDEX_STEP_ROWS_MIN,
    INDEX_STEP_S,
)

_OURS = re.compile(r"[0-9]{16}-[0-9]{6}-[0-9a-f]{8}(\.tmp|\.damaged)?|catalog\.tmp")
_READ_BYTES = 1 << 20


class Follower:
    """Keeps index/ current. Invariant: a file is complete before the catalog names it."""

    def __init__(
        self,
        directory: Path,
        keys: KeyFolder,
        reader: LedgerReader,
        *,
        segment_rows: int = INDEX_SEGMENT_ROWS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._folder = directory / INDEX
        self._keys = keys
        self._reader = reader
        reader.hand_over(INDEX_HANDED_BYTES_MAX)
        self._segment_rows = segment_rows
        self._monotonic = monotonic
        self._waits_until_s = float("-inf")
        self._rebuilder = Rebuilder(directory, keys, segment_rows)
        self._watch = Watch(self._folder, monotonic)
        self._entries: list[Entry] | None = None
        self._cache = ArrayCache(INDEX_MAPPED_BYTES_MAX)
        self._opened: dict[str, Segment] = {}
        self.findings: list[str] = []

    def close(self) -> None:
        """End the processes that make segments, if there are any."""
        self._rebuilder.close()

    def behind(self, limit: int) -> int:
        """Return how many entries below `limit` are in no segment yet."""
        return sum(end - first for first, end in gaps(self._adopted(), limit))

    def covered(self) -> int:
        """Return up to which entry segments cover the log without a gap."""
        return next((first for first, _ in gaps(self._adopted(), 1 << 62)), 0)

    def segments(self, first: int, end: int) -> list[Segment]:
        """Return the segments that hold entries of [first, end), in order."""
        found = [entry for entry in self._adopted() if entry.first < end and entry.end > first]
        names = {entry.name for entry in found}
        for name in self._opened.keys() - names:
            del self._opened[name]
        for entry in found:
            if entry.name not in self._opened:
                self._opened[entry.name] = self._open(entry, self._cache)
        return [self._opened[entry.name] for entry in found]

    def step(self, limit: int) -> int:
        """Index entries below `limit` (known durable), at most one segment; return how many.

        0 means current, or that the few new entries wait a little for more of them: searches read
        those from the ledger. Raises LedgerError when the ledger cannot be read.
        """
        reader = self._reader
        limit = min(limit, reader.refresh())
        self._drop_bad()
        missing = gaps(self._adopted(), limit)
        if not missing:
            return 0
        many = self._many(missing)
        if many:
            entries = self._rebuilder.build(many)
            if entries:
                self._name(entries, [])
                return sum(entry.count for entry in entries)
        self._rebuilder.close()
        first, end = missing[0]
        if end == limit and not self._due(limit - first):
            return 0
        end = min(end, (first // self._segment_rows + 1) * self._segment_rows)
        table = build_table(reader, first, end, signed=True)
        self._replace([], table)
        self._join(first)
        return table.count

    def _many(self, missing: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return whole ranges to be made at once, none while few are missing."""
        rows = self._segment_rows
        sealed = self._reader.manifest.sealed
        whole = [
            (at, at + rows)
            for first, end in missing
            for at in range(-(-first // rows) * rows, min(end, sealed) - rows + 1, rows)
        ]
        if self._rebuilder.processes < 2 or len(whole) < INDEX_REBUILD_RANGES_MIN:
            return []
        return whole[: self._rebuilder.processes]

    def _due(self, count: int) -> bool:
        """Tell whether so many new entries are worth a segment now: small ones are rare."""
        if count >= INDEX_STEP_ROWS_MIN:
            return True
        now_s = self._monotonic()
        due = now_s >= self._waits_until_s
        if due:
            self._waits_until_s = now_s + INDEX_STEP_S
        return due

    def _adopted(self) -> list[Entry]:
        """Return the catalog; at the first look every segment is checked against it."""
        if self._entries is not None:
            return self._entries
        self._folder.mkdir(exist_ok=True)
        listed = read_catalog(self._directory, self._keys.ledger_id)
        if not listed and catalog_path(self._directory).exists():
            older = is_older(self._directory)
            reason = "of an older format" if older else "not readable"
            self.findings.append(f"index/catalog: {reason}; the index is made again")
        kept = [entry for entry in listed if self._sound(entry)]
        for entry in kept:
            self._watch.know(entry.name)
        while kept and not self._same_history(kept[-1]):
            gone = kept.pop()
            self.findings.append(f"index/{gone.name}: of another history of this ledger")
        self._write_catalog(kept)
        return kept

    def _sound(self, entry: Entry, *, thoroughly: bool = False) -> bool:
        digest = hashlib.sha256()
        try:
            with (self._folder / entry.name).open("rb") as file:
                while data := file.read(_READ_BYTES):
                    digest.update(data)
        except OSError:
            self.findings.append(f"index/{entry.name}: missing; made again")
            return False
        if digest.hexdigest() == entry.sha256:
            try:
                segment = self._open(entry)
                if thoroughly:
                    segment.load()
                return True
            except SegmentError as error:
                self.findings.append(f"{error}; made again")
                return False
        self.findings.append(f"index/{entry.name}: altered; made again")
        return False

    def _same_history(self, entry: Entry) -> bool:
        try:
            return entry.belongs_to(self._reader)
        except LedgerError:
            return True  # its leaf cannot be read; `verify` says so

    def _drop_bad(self) -> None:
        """Drop what was removed or altered behind our back, and what the ledger no longer holds."""
        entries = self._adopted()
        self._folder.mkdir(exist_ok=True)
        suspects = set(self._watch.suspects([entry.name for entry in entries]))
        kept = []
        for entry in entries:
            if entry.end > self._reader.size:
                self.findings.append(f"index/{entry.name}: the ledger is shorter; dropped")
            elif entry.name not in suspects or self._sound(entry, thoroughly=True):
                kept.append(entry)
                if entry.name in suspects:
                    self._watch.know(entry.name)
        catalog = catalog_path(self._directory)
        altered = self._watch.changed(catalog.name) and self._differs(catalog, entries)
        if altered and catalog.exists():
            self.findings.append("index/catalog: altered; written again")
        if altered or len(kept) < len(entries):
            self._write_catalog(kept)

    def _differs(self, catalog: Path, entries: list[Entry]) -> bool:
        """Tell whether the catalog is not what it should be; if it is, know it as it is now."""
        self._watch.know(catalog.name)
        try:
            return catalog.read_bytes() != encode_catalog(self._keys.ledger_id, entries)
        except OSError:
            return True

    def _replace(self, gone: list[Entry], table: MemoryTable) -> Entry:
        lasting = table.count == self._segment_rows
        entry = write_segment(self._folder, table, self._reader, self._keys, lasting=lasting)
        self._name([entry], gone)
        return entry

    def _name(self, new: list[Entry], gone: list[Entry]) -> None:
        for entry in new:
            self._watch.know(entry.name)
        kept = [item for item in self._adopted() if item not in gone]
        self._write_catalog(sorted([*kept, *new], key=lambda item: item.first))

    def _join(self, index: int) -> None:
        """Join neighbours in the aligned range of `index` as long as the rule asks for it."""
        number = index // self._segment_rows
        while True:
            here = [e for e in self._adopted() if e.first // self._segment_rows == number]
            run = _complete(here, self._segment_rows) or _mergeable(here)
            if not run:
                return
            self._replace(run, merge([self._open(entry).load() for entry in run]))

    def _open(self, entry: Entry, cache: ArrayCache | None = None) -> Segment:
        path = self._folder / entry.name
        return Segment(path, self._keys.ledger_id, self._keys.keks(), cache or ArrayCache(0))

    def _write_catalog(self, entries: list[Entry]) -> None:
        data = encode_catalog(self._keys.ledger_id, entries)
        catalog = catalog_path(self._directory)
        write_file(catalog, data)
        self._watch.know(catalog.name)
        self._entries = entries
        named = {entry.name for entry in entries}
        self._watch.forget_others([*named, catalog.name])
        for path in self._folder.iterdir():
            if path.name not in named and _OURS.fullmatch(path.name):
                path.unlink(missing_ok=True)


def _complete(entries: list[Entry], rows: int) -> list[Entry]:
    """Return all segments of an aligned range when they fill it and may be one."""
    size = sum(entry.size_bytes for entry in entries)
    full = sum(entry.count for entry in entries) == rows
    return entries if full and len(entries) > 1 and size <= INDEX_SEGMENT_BYTES_MAX else []


def _mergeable(entries: list[Entry]) -> list[Entry]:
    """Return the last run of neighbours to be joined, empty when none is."""
    for at in range(len(entries) - 1, 0, -1):
        before, after = entries[at - 1], entries[at]
        size = before.size_bytes + after.size_bytes
        if (
            before.end == after.first
            and before.count < min(2 * after.count, INDEX_STEP_ROWS_MIN)
            and size <= INDEX_SEGMENT_BYTES_MAX
        ):
            return [before, after]
    return []
