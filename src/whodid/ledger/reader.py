"""Reading the ledger: every entry with its payload, sealed or not. Takes no lock, writes nothing.

Needs the key folder to open payload. Does not verify the tree (`verify` does), but what it opens
is checked against hashes and keys on the way.
"""

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from whodid.errors import IntegrityError, UsageError
from whodid.event import Event, decode_groups
from whodid.ledger.keys import KeyFolder
from whodid.ledger.leaf import Leaf, LeafType, decode_leaf
from whodid.ledger.manifest import Manifest, all_files, read_manifest
from whodid.ledger.payload import SealedPayload
from whodid.ledger.sealed import SealedLeaves
from whodid.ledger.wal_tail import TailRecord, WalTail


class StoredRow(Struct, frozen=True):
    """One entry: its index, its leaf (94 B and tail), and its payload (None when erased)."""

    index: int
    leaf_bytes: bytes
    seed: bytes | None
    groups: tuple[bytes, ...] | None

    def leaf(self) -> Leaf:
        """Return the decoded leaf."""
        return decode_leaf(self.leaf_bytes)

    @property
    def type(self) -> int:
        """Return the entry's type (`LeafType`)."""
        return self.leaf_bytes[1]

    def event(self) -> Event | None:
        """Return the event; None for other types of entry and for erased payload."""
        if self.type != LeafType.EVENT or self.groups is None:
            return None
        return decode_groups(self.groups)


class LedgerReader:
    """A view of DIR that moves forward with `refresh`. Not safe for threads.

    Invariant: entries [0, manifest.sealed) are read from sealed files, the others from the
    write-ahead log; a record that was recycled between two looks is found sealed.
    """

    def __init__(self, directory: Path, keys: KeyFolder) -> None:
        self.directory = directory
        self.keys = keys
        self._vkey = keys.vkey()
        self._keks = keys.keks()
        self._stamp: tuple[int, int] = (0, 0)
        self.manifest = read_manifest(directory, self._vkey)
        self._leaves = SealedLeaves(directory, self.manifest)
        self._payload = SealedPayload(directory, keys)
        self._payload.extend(all_files(directory, self.manifest))
        self._tail = WalTail(directory, keys.ledger_id)
        self._cached: tuple[int, list[StoredRow]] = (0, [])
        self.refresh()

    @property
    def size(self) -> int:
        """Entries that can be read now (durable or not: the sequencer knows)."""
        return max(self.manifest.sealed, self._tail.end)

    def refresh(self) -> int:
        """Look for new entries and newly sealed files; return `size`."""
        path = self.directory / "manifest"
        stat = path.stat()
        stamp = (stat.st_mtime_ns, stat.st_ino)
        if stamp != self._stamp:
            self._reload(read_manifest(self.directory, self._vkey))
            self._stamp = stamp
        self._tail.poll()
        self._tail.forget(self.manifest.sealed)
        return self.size

    def _reload(self, manifest: Manifest) -> None:
        if manifest.chapters == self.manifest.chapters:
            new = list(manifest.files)
        else:
            new = list(all_files(self.directory, manifest))
        self.manifest = manifest
        self._leaves.extend(iter(new))
        self._payload.extend(new)

    def rows(self, first: int, end: int) -> Iterator[StoredRow]:
        """Yield entries [first, end) in order. Raises IntegrityError where one is unreadable."""
        at = first
        while at < end:
            if at < self.manifest.sealed:
                stop = min(end, self.manifest.sealed)
                yield from self._sealed_rows(at, stop)
                at = stop
                continue
            record = self._record_of(at)
            rows = self._open(record)
            if rows is None:  # recycled: it is sealed by now
                self.refresh()
                if at >= self.manifest.sealed:
                    raise IntegrityError(f"entry {at} is not readable in the write-ahead log")
                continue
            yield from rows[at - record.first : end - record.first]
            at = min(end, record.end)

    def row(self, index: int) -> StoredRow:
        """Return one entry. Raises UsageError when the log is shorter."""
        if not 0 <= index < self.size and not 0 <= index < self.refresh():
            raise UsageError(f"entry {index} is not in the log of {self.size} entries")
        if index < self.manifest.sealed:
            row = self._payload.row(index)
            leaf = self._leaves.leaf(index)
            return StoredRow(index, leaf, row[0] if row else None, row[1] if row else None)
        return next(self.rows(index, index + 1))

    def tail_records(self) -> list[TailRecord]:
        """Return the unsealed records, oldest first."""
        return list(self._tail.records)

    def _sealed_rows(self, first: int, end: int) -> Iterator[StoredRow]:
        payload = iter(self._payload.rows(first, end))
        ahead = next(payload, None)
        for file in self._leaves.files(first, end):
            for index, leaf in enumerate(file.leaves(), file.first):
                if not first <= index < end:
                    continue
                seed, groups = None, None
                if ahead is not None and ahead[0] == index:
                    seed, groups, _ = ahead[1]
                    ahead = next(payload, None)
                yield StoredRow(index, leaf[1:], seed, groups)

    def _record_of(self, index: int) -> TailRecord:
        low, high = 0, len(self._tail.records)
        records = self._tail.records
        while low < high:
            middle = (low + high) // 2
            if records[middle].end <= index:
                low = middle + 1
            else:
                high = middle
        if low == len(records) or records[low].first > index:
            raise IntegrityError(f"entry {index} is neither sealed nor in the write-ahead log")
        return records[low]

    def _open(self, record: TailRecord) -> list[StoredRow] | None:
        if self._cached[0] == record.lsn:
            return self._cached[1]
        sequenced = self._tail.open(record)
        if sequenced is None:
            return None
        opened = sequenced.batch.open(self._keks)
        kept = sequenced.kept()
        rows = [
            StoredRow(record.first + i, leaf[1:], opened.seeds[row], opened.groups[row])
            for i, (row, leaf) in enumerate(zip(kept, sequenced.leaves(), strict=True))
        ]
        self._cached = (record.lsn, rows)
        return rows

    def content_tags(self, first: int, end: int) -> list[bytes]:
        """Return the content tags of unsealed entries [first, end), for sealing."""
        tags: list[bytes] = []
        for record in self._tail.records:
            if record.end <= first or record.first >= end:
                continue
            sequenced = self._tail.open(record)
            if sequenced is None:
                raise IntegrityError(f"write-ahead record {record.lsn} is not readable")
            column = sequenced.batch.table["content_tag"]
            all_tags = [column[row].tobytes() for row in sequenced.kept()]
            tags += all_tags[max(first - record.first, 0) : end - record.first]
        return tags

    def close(self) -> None:
        """Close files."""
        self._tail.close()
