"""Entries on their way into sealed files: their leaves, and by column the payload that opens.

It does not know where they come from (`reader`) or what becomes of them (`sealer`).
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from whodid.ledger.frame import Columns
from whodid.ledger.leaf import LEAF_DTYPE, encode_leaves
from whodid.merkle.batch import sha256_each, sha256_rows
from whodid.merkle.commitment import commit_columns

Array = np.ndarray
_ENTRY_BYTES = 256
"""What an entry takes in memory beside its payload: its leaf, seed and tag, places of groups."""


class Unit(Struct):
    """Consecutive entries from `first` on.

    `table` is of LEAF_DTYPE and `tails` by row; `opened` (i64) says which of them `rows` are,
    ascending; the others have no payload, or none that opens.
    """

    first: int
    table: Array
    tails: dict[int, bytes]
    opened: Array
    rows: Columns

    @classmethod
    def joined(cls, parts: Sequence["Unit"]) -> "Unit":
        """Return adjacent parts as one, which holds no more than it needs."""
        opened: list[Array] = []
        tails: dict[int, bytes] = {}
        count = 0
        for part in parts:
            opened.append(part.opened + count)
            tails |= {count + row: tail for row, tail in part.tails.items()}
            count += len(part.table)
        leaves = b"".join([part.table.tobytes() for part in parts])  # concatenate turns bytes round
        return cls(
            parts[0].first,
            np.frombuffer(leaves, dtype=LEAF_DTYPE),
            tails,
            np.concatenate(opened),
            Columns.stacked([part.rows for part in parts]),
        )

    @property
    def count(self) -> int:
        """Number of entries."""
        return len(self.table)

    @property
    def end(self) -> int:
        """Index behind the last entry."""
        return self.first + len(self.table)

    def leaves(self) -> list[bytes]:
        """Return the leaves, each behind the 0x00 of RFC 6962."""
        return encode_leaves(self.table, self.tails)

    def leaf_hashes(self) -> bytes:
        """Return the leaf hashes, joined."""
        if self.tails:
            return b"".join(sha256_each(self.leaves()))
        return sha256_rows(self.table.tobytes(), LEAF_DTYPE.itemsize)

    def size_bytes(self) -> int:
        """Return the bytes of the payload."""
        return int(self.rows.groups.sizes.sum())

    def part(self, low: int, high: int) -> "Unit":
        """Return the entries [low, high), counted from the first; they share what they hold."""
        start, stop = np.searchsorted(self.opened, (low, high)).tolist()
        return Unit(
            self.first + low,
            self.table[low:high],
            {row - low: tail for row, tail in self.tails.items() if low <= row < high},
            self.opened[start:stop] - low,
            self.rows.part(slice(start, stop)),
        )

    def until(self, size_bytes: int) -> "Unit":
        """Return the entries to the one with which the payload passes a size, inclusive."""
        sizes = np.cumsum(self.rows.groups.sizes.sum(axis=0))
        past = int(np.searchsorted(sizes, size_bytes, side="right"))
        return self if past >= len(sizes) else self.part(0, int(self.opened[past]) + 1)

    def classes(self) -> list[int]:
        """Return the retention classes of the entries whose payload opens, ascending."""
        classes: list[int] = np.unique(self.table["class"][self.opened]).tolist()
        return classes

    def of_class(self, class_: int) -> tuple[Array, Columns]:
        """Return the indexes (i64) and the rows of one class."""
        chosen = np.flatnonzero(self.table["class"][self.opened] == class_)
        indexes = self.first + self.opened[chosen]
        whole = len(chosen) == len(self.opened)
        return indexes, self.rows if whole else self.rows.part(chosen)

    def mismatches(self) -> list[int]:
        """Return the indexes of the entries whose payload is not what their leaf commits to."""
        groups = self.rows.groups
        computed = commit_columns(self.rows.seeds, groups.data, groups.begin, groups.end)
        given = self.table["commitment"][self.opened].tobytes()
        if computed == given and len(self.opened) == len(self.table):
            return []
        same = np.frombuffer(computed, np.uint8) == np.frombuffer(given, np.uint8)
        wrong = np.ones(len(self.table), dtype=np.bool_)
        wrong[self.opened[same.reshape(-1, 32).all(axis=1)]] = False
        found: list[int] = (self.first + np.flatnonzero(wrong)).tolist()
        return found


class HandedOver:
    """What was opened to be sealed and is to be indexed next, by the same process: bounded.

    Entries never change, so a unit says the same as the files that are made of it.
    """

    def __init__(self, bytes_max: int = 0) -> None:
        self._bytes_max = bytes_max
        self._units: list[tuple[Unit, int]] = []

    def add(self, unit: Unit) -> None:
        """Keep a unit; older ones go when there is no room."""
        size = len(unit.rows.groups.data) + _ENTRY_BYTES * unit.count
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
