"""Reading the ledger: every entry with its payload, sealed or not. Takes no lock, writes nothing.

Needs the key folder to open payload. Does not verify the tree (`verify` does), but what it opens
is checked against hashes and keys on the way.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from whodid.errors import IntegrityError, LedgerError, UsageError
from whodid.ledger.batch import Batch
from whodid.ledger.frame import GROUPS, Columns, Look
from whodid.ledger.kept import Kept
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import MANIFEST
from whodid.ledger.leaf import LeafType
from whodid.ledger.leaf_heads import LeafHead
from whodid.ledger.leaves import LeafFile
from whodid.ledger.manifest import Manifest, all_files, read_manifest
from whodid.ledger.opened_record import OpenedRecord
from whodid.ledger.payload import Row, SealedPayload
from whodid.ledger.pieces import Grid
from whodid.ledger.read_memory import USUAL, ReadMemory
from whodid.ledger.sealed import SealedLeaves
from whodid.ledger.stored import FoundRow, GroupRows, HeadedRow, StoredRow
from whodid.ledger.two_threads import TwoThreads
from whodid.ledger.unit import HandedOver, Unit
from whodid.ledger.wal_tail import TailRecord, WalTail
from whodid.limits import UNIT_ROWS

_DOOR_KEYS_MAX = 64
_UNKNOWN = LeafHead(LeafType.EVENT, 0, 0)
_R = TypeVar("_R")


class LedgerReader:
    """A view of DIR that moves forward with `refresh`. Not safe for threads.

    Invariant: entries [0, manifest.sealed) are read from sealed files, the others from the
    write-ahead log; a record that was recycled between two looks is found sealed.
    """

    def __init__(self, directory: Path, keys: KeyFolder, memory: ReadMemory = USUAL) -> None:
        self.memory = memory
        self.directory = directory
        self.keys = keys
        self._vkey = keys.vkey()
        self._keks = keys.keks()
        self._stamp = (0, 0, 0)
        self.manifest = read_manifest(directory, self._vkey)
        threads = TwoThreads()
        self._leaves = SealedLeaves(
            directory, self.manifest, memory.leaf_files, memory.leaf_heads, threads
        )
        self._payload = SealedPayload(directory, keys, memory, threads)
        self._payload.extend(all_files(directory, self.manifest))
        self._tail = WalTail(directory, keys.ledger_id)
        self._door_keys: dict[bytes, bytes] = {}
        self._records: Kept[OpenedRecord] = Kept(memory.records)
        self._handed = HandedOver()
        self._part: tuple[int, Unit] | None = None
        self.refresh()

    @property
    def size(self) -> int:
        """Entries that can be read now (durable or not: the sequencer knows)."""
        return max(self.manifest.sealed, self._tail.end)

    def refresh(self) -> int:
        """Look for new entries and newly sealed files; return `size`."""
        self._follow_manifest()
        self._tail.poll()
        if self._tail.first > self.manifest.sealed:  # sealed and recycled between the two looks
            self._follow_manifest()
        self._tail.forget(self.manifest.sealed)
        return self.size

    def _follow_manifest(self) -> None:
        stat = (self.directory / MANIFEST).stat()
        stamp = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
        if stamp != self._stamp:
            self._reload(read_manifest(self.directory, self._vkey))
            self._stamp = stamp

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
            record = self._opened(at)
            if record is not None:
                yield from record.rows(at, end)
                at = min(end, record.end)

    def groups(self, first: int, end: int, wanted: Sequence[int]) -> Iterator[GroupRows]:
        """Yield entries [first, end) in order, with some groups (0 to 7) only. Raises as `rows`.

        For those who read everything: several times as fast as `rows`.
        """
        at = first
        while at < end:
            kept = self._handed.at(at)
            if kept is not None:
                yield _unit_groups(kept, at, min(end, kept.end), wanted)
                at = min(end, kept.end)
                self._handed.drop(at)
                continue
            if at < self.manifest.sealed:
                stop = min(end, self.manifest.sealed, self._handed.next(at, end))
                for file in self._leaves.files(at, stop):
                    yield from self._sealed_groups(file, at, stop, wanted)
                at = stop
                continue
            record = self._opened(at)
            if record is not None:
                yield record.groups(at, end, wanted)
                at = min(end, record.end)

    def _sealed_groups(
        self, file: LeafFile, first: int, end: int, wanted: Sequence[int]
    ) -> Iterator[GroupRows]:
        at, stop = max(first, file.first), min(end, file.end)
        for indexes, groups in self._payload.groups(at, stop, wanted):
            past = int(indexes[-1]) + 1
            rows = file.table[at - file.first : past - file.first]
            here = np.zeros(len(rows), dtype=np.bool_)
            here[indexes - at] = True
            yield GroupRows(at, rows["type"], rows["flags"].astype(np.uint16), here, groups)
            at = past
        if at < stop:
            rows = file.table[at - file.first : stop - file.first]
            nothing = np.zeros(len(rows), dtype=np.bool_)
            flags = rows["flags"].astype(np.uint16)
            yield GroupRows(at, rows["type"], flags, nothing, Grid.of([[] for _ in wanted]))

    def _door_key(self, batch: Batch) -> bytes:
        key = self._door_keys.get(batch.wrapped_key)
        if key is None:
            if len(self._door_keys) >= _DOOR_KEYS_MAX:
                self._door_keys.clear()
            key = self._door_keys[batch.wrapped_key] = batch.key(self._keks)
        return key

    def row(self, index: int) -> StoredRow:
        """Return one entry. Raises UsageError when the log is shorter."""
        if not 0 <= index < self.size and not 0 <= index < self.refresh():
            raise UsageError(f"entry {index} is not in the log of {self.size} entries")
        if index < self.manifest.sealed:
            row = self._payload.row(index)
            leaf = self._leaves.leaf(index)
            return StoredRow(index, leaf, row[0] if row else None, row[1] if row else None)
        return next(self.rows(index, index + 1))

    def pick(self, indexes: Sequence[int]) -> Iterator[StoredRow]:
        """Yield the entries at these ascending indexes, in some order; several at a time are cheap.

        `groups` is None where the payload is gone or damaged. Raises IntegrityError for a leaf that
        is damaged.
        """
        return self._pick(indexes, None, self._stored)

    def find(self, indexes: Sequence[int], look: Look | None = None) -> Iterator[FoundRow]:
        """Yield the entries at these ascending indexes as `pick` does, of sealed leaves the head.

        One whose leaf is damaged is as one whose payload is.
        With a `look`, entries are left out for which it is false of the bytes of their groups.
        """
        self._leaves.prepare_heads(indexes[: bisect_left(indexes, self.manifest.sealed)])
        return self._pick(indexes, look, self._headed)

    def _stored(self, index: int, row: Row | None) -> StoredRow:
        seed, groups = (None, None) if row is None else row[:2]
        return StoredRow(index, self._leaves.leaf(index), seed, groups)

    def _headed(self, index: int, row: Row | None) -> HeadedRow:
        try:
            head = self._leaves.head(index)
        except IntegrityError:  # without its leaf nobody knows what it is: it cannot be read
            return HeadedRow(index, _UNKNOWN, None)
        return HeadedRow(index, head, None if row is None else row[1])

    def _pick(
        self, indexes: Sequence[int], look: Look | None, made: Callable[[int, Row | None], _R]
    ) -> Iterator[StoredRow | _R]:
        sealed = bisect_left(indexes, self.manifest.sealed)
        for start in range(0, sealed, UNIT_ROWS):
            some = indexes[start : min(start + UNIT_ROWS, sealed)]
            yield from self._pick_sealed(some, look, made)
        at = sealed
        while at < len(indexes):
            index = indexes[at]
            try:
                record = self._opened(index) if index >= self.manifest.sealed else None
            except LedgerError:
                yield StoredRow(index, self.leaf_bytes(index), None, None)
                at += 1
                continue
            if record is None:  # sealed meanwhile
                yield from self._pick_sealed(indexes[at : at + 1], look, made)
                at += 1
                continue
            end = bisect_left(indexes, record.end, at)
            yield from record.pick(indexes[at:end], look)
            at = end

    def _pick_sealed(
        self, indexes: Sequence[int], look: Look | None, made: Callable[[int, Row | None], _R]
    ) -> Iterator[_R]:
        done: set[int] = set()
        try:
            for index, row in self._payload.pick(indexes, look):
                found = made(index, row)
                done.add(index)
                yield found
        except LedgerError:
            if len(indexes) == 1:
                yield made(indexes[0], None)
                return
            for index in indexes:
                if index not in done:
                    yield from self._pick_sealed([index], look, made)

    def leaf_bytes(self, index: int) -> bytes:
        """Return one entry's leaf, without opening its payload. Raises as `row`."""
        if not 0 <= index < self.size:
            raise UsageError(f"entry {index} is not in the log of {self.size} entries")
        if index < self.manifest.sealed:
            return self._leaves.leaf(index)
        record = self._record_of(index)
        sequenced = self._tail.open(record)
        if sequenced is None:
            return self.row(index).leaf_bytes
        return sequenced.leaves()[index - record.first][1:]

    def leaf_tables(self, first: int, end: int) -> Iterator[np.ndarray]:
        """Yield the leaves of entries [first, end) as arrays of LEAF_DTYPE, without their tails.

        Opens no payload. Raises IntegrityError where an entry is unreadable.
        """
        at = first
        while at < end:
            if at < self.manifest.sealed:
                file = self._leaves.file_at(at)
                table, start = file.table, file.first
            else:
                record = self._record_of(at)
                sequenced = self._tail.open(record)
                if sequenced is None:  # recycled: it is sealed by now
                    self.refresh()
                    if at >= self.manifest.sealed:
                        raise IntegrityError(f"entry {at} is not in the write-ahead log any more")
                    continue
                table, start = sequenced.table()[0], record.first
            part = table[at - start : end - start]
            yield part
            at += len(part)

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
        if self._tail.first > index:
            self.refresh()
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

    def _opened(self, index: int) -> OpenedRecord | None:
        """Return the record of an entry that is not sealed; None when it is, by now."""
        item = self._record_of(index)
        kept = self._records.get(item.hash)
        if kept is not None:
            return kept
        sequenced = self._tail.open(item)
        if sequenced is None:  # recycled: it is sealed by now
            self.refresh()
            if index >= self.manifest.sealed:
                raise IntegrityError(f"entry {index} is not readable in the write-ahead log")
            return None
        try:
            frame = sequenced.batch.open_frame(self._door_key(sequenced.batch))
        except IntegrityError:
            frame = None
        opened = OpenedRecord(sequenced, frame)
        return self._records.put(item.hash, opened, opened.size_bytes)

    def unsealed(self, first: int, end: int) -> Unit:
        """Return entries from `first` on, in one record of the write-ahead log, before `end`.

        For sealing. Raises IntegrityError when it is not readable there.
        """
        record = self._record_of(first)
        if self._part is None or self._part[0] != record.lsn:
            self._part = (record.lsn, self._whole(record))
        part, low, high = self._part[1], first - record.first, min(end, record.end) - record.first
        return part if (low, high) == (0, part.count) else part.part(low, high)

    def hand_over(self, bytes_max: int) -> None:
        """From now on keep so many bytes of what `opened` says, for `groups` to give out once."""
        self._handed = HandedOver(bytes_max)

    def opened(self, unit: Unit) -> None:
        """Learn what was opened in order to be sealed."""
        self._handed.add(unit)

    def _whole(self, record: TailRecord) -> Unit:
        sequenced = self._tail.open(record)
        if sequenced is None:
            raise IntegrityError(f"write-ahead record {record.lsn} is not readable")
        table, tails = sequenced.table()
        try:
            opened = sequenced.batch.open_frame(self._door_key(sequenced.batch))
        except IntegrityError:  # as in `_opened`
            nothing = Columns(b"", Grid.of([[]] * GROUPS), b"")
            return Unit(record.first, table, tails, np.zeros(0, dtype=np.int64), nothing)
        rows = Columns(opened.seeds, opened.grid(), b"")
        if len(table) < opened.count:
            rows = rows.part(np.array(sequenced.kept(), dtype=np.intp))
        rows.content_tags = sequenced.content_tags()
        return Unit(record.first, table, tails, np.arange(len(table)), rows)

    def close(self) -> None:
        """Close files."""
        self._tail.close()


def _unit_groups(unit: Unit, at: int, end: int, wanted: Sequence[int]) -> GroupRows:
    part = unit.part(at - unit.first, end - unit.first)
    here = np.zeros(part.count, dtype=np.bool_)
    here[part.opened] = True
    flags = part.table["flags"].astype(np.uint16)
    return GroupRows(at, part.table["type"], flags, here, part.rows.groups.columns(wanted))
