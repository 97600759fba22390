"""Replaying ranges: their maps made anew of the events themselves, and compared with the log's.

The index is not read: fields come from the payload, which is what leaves commit to (`verify`).
What agrees here is complete: a map that lists an event too few or too many has another root.
It needs the keys of the ledger and holds the map of one range of the largest level in memory.
"""

import hashlib
from collections.abc import Callable

from msgspec import Struct

from whodid.errors import LedgerError
from whodid.index.build import build_table
from whodid.index.ranges.named import Named, Place, named_in
from whodid.index.ranges.range_map import Facts, Rows, bucket_hashes, build, join, join_facts
from whodid.index.ranges.secrets import MapKeys
from whodid.index.table import MemoryTable
from whodid.ledger.keys import KeyFolder
from whodid.ledger.range_root import FIELDS, RangeRoot
from whodid.ledger.reader import LedgerReader
from whodid.merkle.range_map import CHUNK_LEVEL, FANOUT_BITS, LEVELS, depth_of
from whodid.merkle.tree import perfect_root

Progress = Callable[[int, int], None]
"""(entries replayed, entries there are)."""


class Replayed(Struct):
    """What came of it: the ranges whose map is what their events give; a sentence per fault."""

    size: int
    agreed: list[RangeRoot] = []
    faults: list[str] = []


class _Made(Struct, frozen=True):
    """A map that waits for its neighbours."""

    rows: Rows
    facts: Facts


def replay(
    reader: LedgerReader, keys: KeyFolder, size: int, progress: Progress = lambda *_: None
) -> Replayed:
    """Replay the ranges that the first `size` entries name. Raises LedgerError as reading does."""
    maker = _Replay(reader, MapKeys(reader, keys, make=False), progress)
    return maker.run(size)


class _Replay:
    def __init__(self, reader: LedgerReader, keys: MapKeys, progress: Progress) -> None:
        self._reader = reader
        self._keys = keys
        self._progress = progress
        self._roots: dict[Place, RangeRoot] = {}
        self._waiting: dict[Place, _Made] = {}
        self._named: list[Named] = []

    def run(self, size: int) -> Replayed:
        width = 1 << CHUNK_LEVEL
        for first in range(0, size, width):
            end = min(first + width, size)
            tables = self._tables(first, end)
            for table in tables:
                self._named += named_in(table, self._reader)
            if end - first == width:
                self._made(first, tables)
            self._progress(end, size)
        return self._compared(size)

    def _tables(self, first: int, end: int) -> list[MemoryTable]:
        tables = []
        while first < end:
            tables.append(build_table(self._reader, first, end))
            first = tables[-1].end
        return tables

    def _made(self, first: int, tables: list[MemoryTable]) -> None:
        """Make the map of a range, and those of larger ones that it completes."""
        try:
            keys = self._keys.of(first)
        except LedgerError:
            return  # said once, for each entry that names one of these
        hashes = tuple(hashlib.sha256(keys[field]).digest() for field in FIELDS)
        place = (CHUNK_LEVEL, first)
        rows, facts = build(tables, first, keys)
        while True:
            self._roots[place] = _root(place, rows, facts, hashes)
            self._waiting[place] = _Made(rows, facts)
            level = place[0] + FANOUT_BITS
            end = place[1] + (1 << place[0])
            if level not in LEVELS or end & (1 << level) - 1:
                return
            parts = [(place[0], at) for at in range(end - (1 << level), end, 1 << place[0])]
            if any(part not in self._waiting for part in parts):
                return
            made = [self._waiting.pop(part) for part in parts]
            rows = join([item.rows for item in made], level)
            facts = join_facts([item.facts for item in made], level)
            place = (level, end - (1 << level))

    def _compared(self, size: int) -> Replayed:
        found = Replayed(size)
        for item in self._named:
            made = self._roots.get(item.place)
            where = f"entry {item.index}: the map of entries {item.root.first} to {item.root.end}"
            if item.root.end > size:
                continue
            if made is None:
                found.faults.append(f"{where} cannot be made: its secret is not here")
            elif made.same_map(item.root):
                found.agreed.append(item.root)
            else:
                found.faults.append(f"{where} is not what their events give")
        return found


def _root(place: Place, rows: Rows, facts: Facts, hashes: tuple[bytes, ...]) -> RangeRoot:
    depth = depth_of(place[0])
    root = perfect_root(bucket_hashes(rows, depth, 0, 1 << depth))
    return RangeRoot(
        place[0], place[1], 0, bytes(32), facts.least_us, facts.greatest_us, facts.events,
        len(rows.keys), root, facts.states, hashes,
    )  # fmt: skip
