"""Which ranges the log names: its type-4 entries, found by the types of a table's rows."""

import contextlib
from collections.abc import Iterable

import numpy as np
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.index.table import Table
from whodid.ledger.leaf import LEAF_BYTES, LeafType
from whodid.ledger.range_root import RangeRoot, parse_range_root
from whodid.ledger.reader import LedgerReader
from whodid.merkle.range_map import LEVELS

Place = tuple[int, int]
"""(level, first) of a range."""


class Named(Struct, frozen=True):
    """A range as an entry of the log names it."""

    index: int
    root: RangeRoot

    @property
    def place(self) -> Place:
        """Which range it is."""
        return self.root.level, self.root.first


def named_in(table: Table, reader: LedgerReader, first: int = 0) -> list[Named]:
    """Return the ranges that entries of a table name, those from `first` on.

    Raises LedgerError when a leaf cannot be read; one that does not decode is left to `verify`.
    """
    types = table.array("type")
    assert types is not None
    rows = np.flatnonzero(types == LeafType.RANGE_ROOT) + table.first
    return named_at(reader, rows[rows >= first].tolist())


def named_at(reader: LedgerReader, entries: Iterable[int]) -> list[Named]:
    """Return the ranges that these entries name; what names none is left out.

    Raises LedgerError when a leaf cannot be read.
    """
    found = []
    for index in entries:
        leaf = reader.leaf_bytes(index)
        with contextlib.suppress(IntegrityError):
            if leaf[1] == LeafType.RANGE_ROOT:
                found.append(Named(index, parse_range_root(leaf[LEAF_BYTES:])))
    return found


def cover(named: Iterable[Named], size: int) -> list[Named]:
    """Return the largest ranges that follow each other from entry 0 on, named before `size`."""
    known: dict[Place, Named] = {}
    for item in named:
        if item.index < size:
            known.setdefault(item.place, item)
    chosen: list[Named] = []
    at = 0
    while True:
        found = next(
            (
                known[(level, at)]
                for level in reversed(LEVELS)
                if not at & (1 << level) - 1 and (level, at) in known
            ),
            None,
        )
        if found is None:
            return chosen
        chosen.append(found)
        at = found.root.end
