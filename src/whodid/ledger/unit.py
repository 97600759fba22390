"""Entries on their way into sealed files: their leaves, and by column the payload that opens.

It does not know where they come from (`reader`) or what becomes of them (`sealer`).
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from msgspec import Struct

from whodid.ledger.frame import GROUPS, Columns
from whodid.ledger.leaf import LEAF_BYTES
from whodid.merkle.commitment import commit_rows

_COMMITMENT = slice(LEAF_BYTES + 1 - 32, LEAF_BYTES + 1)
_CLASS = slice(5, 7)
_ENTRY_BYTES = 640
"""What an entry takes in memory beside its payload: ten objects and their places in lists."""


class Unit(Struct):
    """Consecutive entries from `first` on.

    `leaves` stand behind the 0x00 of RFC 6962; `opened` says which of them `rows` are, ascending;
    the others have no payload, or none that opens.
    """

    first: int
    leaves: list[bytes]
    opened: Sequence[int]
    rows: Columns

    @classmethod
    def joined(cls, parts: Sequence["Unit"]) -> "Unit":
        """Return adjacent parts as one."""
        if len(parts) == 1:
            return parts[0]
        rows = Columns([], [[] for _ in range(GROUPS)], [])
        leaves: list[bytes] = []
        opened: list[int] = []
        for part in parts:
            opened += [len(leaves) + row for row in part.opened]
            leaves += part.leaves
            rows.seeds += part.rows.seeds
            rows.content_tags += part.rows.content_tags
            for whole, more in zip(rows.groups, part.rows.groups, strict=True):
                whole.extend(more)
        return cls(parts[0].first, leaves, opened, rows)

    @property
    def end(self) -> int:
        """Index behind the last entry."""
        return self.first + len(self.leaves)

    def size_bytes(self) -> int:
        """Return the bytes of the payload."""
        return sum(sum(map(len, column)) for column in self.rows.groups)

    def until(self, size_bytes: int) -> "Unit":
        """Return the entries to the one with which the payload passes a size, inclusive."""
        sizes = self.rows.lengths().sum(axis=0, dtype="i8").tolist()
        past = bisect_right(list(accumulate(sizes)), size_bytes)
        if past >= len(sizes):
            return self
        opened = self.opened[: past + 1]
        rows = self.rows.picked(range(past + 1))
        return Unit(self.first, self.leaves[: opened[-1] + 1], opened, rows)

    def classes(self) -> list[bytes]:
        """Return the retention classes (u16) of the entries whose payload opens."""
        leaves = self.leaves
        return sorted({leaves[row][_CLASS] for row in self.opened})

    def of_class(self, class_: bytes) -> tuple[list[int], Columns]:
        """Return the indexes and the rows of one class."""
        leaves = self.leaves
        chosen = [n for n, row in enumerate(self.opened) if leaves[row][_CLASS] == class_]
        indexes = [self.first + self.opened[n] for n in chosen]
        whole = len(chosen) == len(self.opened)
        return indexes, self.rows if whole else self.rows.picked(chosen)

    def mismatches(self) -> list[int]:
        """Return the indexes of the entries whose payload is not what their leaf commits to."""
        leaves = self.leaves
        computed = commit_rows(self.rows.seeds, zip(*self.rows.groups, strict=True))
        right = {
            row
            for row, commitment in zip(self.opened, computed, strict=True)
            if leaves[row][_COMMITMENT] == commitment
        }
        if len(right) == len(leaves):
            return []
        return [self.first + row for row in range(len(leaves)) if row not in right]


class HandedOver:
    """What was opened to be sealed and is to be indexed next, by the same process: bounded.

    Entries never change, so a unit says the same as the files that are made of it.
    """

    def __init__(self, bytes_max: int = 0) -> None:
        self._bytes_max = bytes_max
        self._units: list[tuple[Unit, int]] = []

    def add(self, unit: Unit) -> None:
        """Keep a unit; older ones go when there is no room."""
        size = unit.size_bytes() + _ENTRY_BYTES * len(unit.leaves)
        self._units = [item for item in self._units if item[0].first != unit.first]
        self._units.append((unit, size))
        while sum(each for _, each in self._units) > self._bytes_max:
            self._units.pop(0)

    def at(self, index: int) -> Unit | None:
        """Return the unit that holds an entry, None when it is not kept."""
        for unit, _ in self._units:
            if unit.first <= index < unit.end:
                return unit
        return None

    def next(self, index: int, end: int) -> int:
        """Return where the first kept unit after an entry begins, `end` when there is none."""
        return min((unit.first for unit, _ in self._units if unit.first > index), default=end)

    def drop(self, index: int) -> None:
        """Drop the units that end at an entry or before."""
        self._units = [item for item in self._units if item[0].end > index]
