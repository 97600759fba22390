"""The maker of range maps: behind the index, one map a step, smaller ones first.

1. A range of level 12 that the index covers: its map is built of the columns, and written.
2. Sixteen of a level: their maps are joined to one of the level above; their files then go.
3. A range that the log does not name yet: its root is appended as an entry of type 4. One that it
   names must be the same; if not, the map is not used and a finding says so, since either the log
   or the payload is not what it was.

After a crash between 2 and 3 nothing is lost: the file is there, the entry is appended at the next
start. Two entries that say the same of a range do no harm.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from whodid.index.follower import Follower
from whodid.index.ranges.folder import MapFolder
from whodid.index.ranges.map_file import Head, MapError, write_map
from whodid.index.ranges.named import Named, Place, cover, named_in
from whodid.index.ranges.range_map import Facts, Rows, build, join, join_facts
from whodid.index.ranges.secrets import MapKeys
from whodid.index.segment import SegmentError
from whodid.index.watch import mark_damaged
from whodid.ledger.batch import BatchBuilder, Row
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import CHECKPOINT, INDEX
from whodid.ledger.leaf import LeafFlag, LeafType
from whodid.ledger.port import SequencerPort
from whodid.ledger.range_root import FIELDS, RangeRoot
from whodid.ledger.reader import LedgerReader
from whodid.ledger.state_db import OWN_SOURCE
from whodid.merkle.checkpoint import Checkpoint, parse_body, verify_note
from whodid.merkle.range_map import CHUNK_LEVEL, FANOUT_BITS, KEY_BITS, LEVELS

_SLICES = {12: 1, 16: 1, 20: 16}
"""How many parts a map is joined in: what is in memory at once."""


class RangeMaker:
    """Keeps the maps of ranges. One owner: the process that has the follower."""

    def __init__(
        self, directory: Path, keys: KeyFolder, reader: LedgerReader, follower: Follower,
        port: SequencerPort,
    ) -> None:  # fmt: skip
        self._directory = directory
        self._keys = keys
        self._reader = reader
        self._follower = follower
        self._port = port
        self._map_keys = MapKeys(reader, keys, make=True)
        self._folder = MapFolder(directory, keys)
        self._builder = BatchBuilder(keys.ledger_id, keys.public_kek())
        self._named: dict[Place, Named] = {}
        self._refused: set[Place] = set()
        self._kept: list[Place] = []
        self._scanned = 0
        self._swept = False
        self._at = 0
        self.findings: list[str] = []

    def step(self) -> bool:
        """Make at most one map; tell whether there was one to make.

        Raises LedgerError when the ledger cannot be read, RefusedError and StoppedError when the
        log takes no entry.
        """
        try:
            return self._step(self._follower.covered())
        except SegmentError as error:  # the follower makes it again
            mark_damaged(self._directory / INDEX / error.name)
            return False

    def _step(self, covered: int) -> bool:
        self._scan(covered)
        if not self._swept:
            self._sweep()
        self._look()
        place = self._next(covered)
        if place is None:
            return False
        head = self._head()
        if head.size < place[1] + (1 << place[0]):
            return False
        self._make(place, head)
        return True

    def _scan(self, covered: int) -> None:
        """Learn of the ranges that entries [scanned, covered) name."""
        if self._scanned >= covered:
            return
        for segment in self._follower.segments(self._scanned, covered):
            for item in named_in(segment, self._reader, self._scanned):
                self._named.setdefault(item.place, item)
        self._scanned = covered

    def _sweep(self) -> None:
        """Drop what a crash left: maps of ranges in a larger one that is done."""
        self._swept = True
        for level, first in list(self._folder.places()):
            above = [(up, first >> up << up) for up in LEVELS if up > level]
            if any(self._done(place) for place in above):
                self._folder.drop((level, first))
        if self._folder.path.is_dir():
            self._folder.write_entries(self._with_maps())

    def _look(self) -> None:
        """Go back to the beginning when a map that was made is gone or damaged."""
        lost = [place for place in self._kept if not self._folder.there(place)]
        for place in lost:
            self.findings.append(f"{self._folder.file(place)}: missing or damaged; made again")
            self._folder.drop(place)
        if lost:
            self._at, self._kept = 0, []

    def _next(self, covered: int) -> Place | None:
        """Return the range to make next; `_at` moves behind those that are done."""
        at = self._at
        while True:
            level = self._level_done(at)
            if level is None:
                ready = at + (1 << CHUNK_LEVEL) <= covered
                return (CHUNK_LEVEL, at) if ready else None
            at = (at >> level) + 1 << level
            for larger in LEVELS:
                place = (larger, at - (1 << larger))
                if larger > level and not at & (1 << larger) - 1 and not self._done(place):
                    return place
            self._at = at

    def _level_done(self, at: int) -> int | None:
        """Return the level of the largest range with this entry that is done, None for none."""
        return next(
            (level for level in reversed(LEVELS) if self._done((level, at >> level << level))), None
        )

    def _done(self, place: Place) -> bool:
        if place in self._refused:
            return True
        named = self._named.get(place)
        if named is None:
            return False
        try:
            return self._folder.map(place).root == named.root.map_root
        except MapError:
            return False

    def _head(self) -> Checkpoint:
        note = (self._directory / CHECKPOINT).read_text()
        return parse_body(verify_note(note, self._keys.vkey()))

    def _make(self, place: Place, head: Checkpoint) -> None:
        level, first = place
        parts = _parts(place)
        if not self._refused.isdisjoint(parts):
            self._refused.add(place)
            return
        self._folder.path.mkdir(parents=True, exist_ok=True)
        keys = self._map_keys.of(first)
        try:
            facts, count, map_root = self._write(place, keys)
        except MapError as error:  # of a part: it is made again
            self.findings.append(f"{error}; made again")
            self._go_back(place)
            return
        hashes = tuple(hashlib.sha256(keys[field]).digest() for field in FIELDS)
        root = RangeRoot(
            level, first, head.size, head.root, facts.least_us, facts.greatest_us, facts.events,
            count, map_root, facts.states, hashes,
        )  # fmt: skip
        named = self._named.get(place)
        if named is None:
            self._named[place] = Named(self._append(root), root)
        elif not named.root.same_map(root):
            self._refused.add(place)
            self._folder.drop(place)
            self.findings.append(
                f"entry {named.index}: names another map of the entries from {first} to "
                f"{root.end} than they give now"
            )
        self._folder.write_entries(self._with_maps())
        for part in parts:
            self._folder.drop(part)

    def _with_maps(self) -> list[int]:
        """Return the entries of the ranges to prove with, largest first."""
        named = [item for item in self._named.values() if item.place not in self._refused]
        chosen = cover(named, 1 << 62)
        self._kept = [item.place for item in chosen if self._done(item.place)]
        return [item.index for item in chosen]

    def _go_back(self, place: Place) -> None:
        """Drop the parts of a range that cannot be read, and go back to its beginning."""
        for part in _parts(place):
            try:
                self._folder.map(part).rows()
            except MapError:
                self._folder.drop(part)
        self._at = place[1]

    def _write(self, place: Place, keys: dict[str, bytes]) -> tuple[Facts, int, bytes]:
        level, first = place
        head = Head(level, first, self._keys.ledger_id, self._keys.public_kek())
        path = self._folder.file(place)
        if level == CHUNK_LEVEL:
            segments = self._follower.segments(first, first + (1 << level))
            rows, facts = build(segments, first, keys)
            return facts, *write_map(path, head, facts, [rows])
        maps = [self._folder.map(part) for part in _parts(place)]
        facts = join_facts([item.facts for item in maps], level)
        count = _SLICES[level]
        step = (1 << KEY_BITS) // count

        def parts() -> Iterator[Rows]:
            for low in range(0, 1 << KEY_BITS, step):
                yield join([item.rows(low, low + step) for item in maps], level)

        return facts, *write_map(path, head, facts, parts(), count)

    def _append(self, root: RangeRoot) -> int:
        """Append the entry of a range; return its index."""
        said = {"op": "range", "level": root.level, "first": root.first, "keys": root.keys}
        groups = (b"", b"", b"", b"", b"", b"", msgspec.json.encode(said), b"")
        source_id = self._port.sources()[OWN_SOURCE].source_id
        row = Row(
            int(LeafType.RANGE_ROOT), int(LeafFlag.NO_IDENTITY), 0, source_id, 0, 0, bytes(16),
            bytes(8), groups, root.encode(),
        )  # fmt: skip
        return self._port.submit(self._builder.build([row])).first


def _parts(place: Place) -> list[Place]:
    """Return the sixteen ranges below one, in order; none of the smallest."""
    level, first = place
    if level == CHUNK_LEVEL:
        return []
    below = level - FANOUT_BITS
    return [(below, first + (number << below)) for number in range(1 << FANOUT_BITS)]
