"""What maps of ranges say of an exact value before any segment is opened: in which ranges it is.

A value that is rare stands in few of the segments, and most are left out by one look at a map. What
a map says is used when it is the one whose root the log names; one that cannot be read is asked for
again, and says nothing until then.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from whodid.errors import LedgerError
from whodid.index.evaluate import exact_value
from whodid.index.ranges.folder import MapFolder
from whodid.index.ranges.map_file import MapError
from whodid.index.ranges.named import Named, cover, named_at
from whodid.index.ranges.secrets import MapKeys
from whodid.index.table import Array, Table
from whodid.ledger.keys import KeyFolder
from whodid.ledger.reader import LedgerReader
from whodid.merkle.range_map import key_of
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.provable import MAPPED, value_of
from whodid.query.tree import And, Node, Term

_OF_COLUMN = {column: mapped for mapped, columns in MAPPED.items() for column in columns}
_VALUES_KEPT = 64

_Found = dict[int, Array | None]
"""Number of a range → the entries that its map lists; None: more than it says, or not known."""


class Sieve:
    """Looks into the maps of one ledger. Not safe for threads."""

    def __init__(self, reader: LedgerReader, keys: KeyFolder) -> None:
        self._reader = reader
        self._folder = MapFolder(reader.directory, keys)
        self._keys = MapKeys(reader, keys, make=False)
        self._stamp: tuple[int, ...] = ()
        self._ranges: list[Named] = []
        self._firsts: list[int] = []
        self._end = 0
        self._values: OrderedDict[tuple[str, bytes], _Found] = OrderedDict()

    def refresh(self, size: int) -> None:
        """Learn which ranges have maps, of those that entries below `size` name.

        Raises LedgerError when a leaf cannot be read.
        """
        stamp = self._folder.stamp()
        if stamp == self._stamp:
            return
        entries = self._folder.entries()
        known = [index for index in entries if index < size]
        self._ranges = cover(named_at(self._reader, known), size)
        self._firsts = [item.root.first for item in self._ranges]
        self._end = self._ranges[-1].root.end if self._ranges else 0
        self._values.clear()
        self._stamp = stamp if len(known) == len(entries) else ()

    def near(self, tables: Sequence[Table], node: Node) -> list[Table]:
        """Return the tables that may hold what matches a resolved tree; the others do not."""
        left = list(tables)
        for item in node.items if isinstance(node, And) else (node,):
            value = exact_value(item) if isinstance(item, Term) else None
            if value is not None and isinstance(item, Term):
                left = self._holding(left, SEARCH_FIELDS[item.field].columns, value)
        return left

    def _holding(self, tables: list[Table], columns: tuple[str, ...], value: str) -> list[Table]:
        """Return the tables that may have a value in one of these columns."""
        fields = {_OF_COLUMN.get(column) for column in columns}
        if None in fields or len(fields) != 1 or not self._ranges:
            return tables
        (mapped,) = fields
        assert mapped is not None
        asked = value_of(mapped, value)
        known = self._known(mapped, asked)
        places: list[int] = []
        open_to_all: list[bool] = []
        for number, item in enumerate(self._ranges):
            found = self._found(known, number, item, mapped, asked)
            open_to_all.append(found is None)
            places += [] if found is None else found.tolist()
        kept = []
        for table in tables:
            end = table.first + table.count
            first, last = (bisect_right(self._firsts, at) - 1 for at in (table.first, end - 1))
            if (
                end > self._end
                or any(open_to_all[first : last + 1])
                or bisect_left(places, table.first) < bisect_left(places, end)
            ):
                kept.append(table)
        return kept

    def entries(self, column: str, value: str, first: int, end: int) -> Array | None:
        """Return the entries of [first, end) that may have a value in a column, case apart.

        None when the maps do not say, or list many.
        """
        mapped = _OF_COLUMN.get(column)
        if mapped is None or end > self._end:
            return None
        asked = value_of(mapped, value)
        known = self._known(mapped, asked)
        parts = []
        for number in range(bisect_right(self._firsts, first) - 1, len(self._firsts)):
            if self._firsts[number] >= end:
                break
            part = self._found(known, number, self._ranges[number], mapped, asked)
            if part is None:
                return None
            parts.append(part)
        found = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return found[(found >= first) & (found < end)] if len(found) else found

    def _known(self, mapped: str, value: bytes) -> "_Found":
        """Return what is known of a value, by range."""
        known = self._values.get((mapped, value))
        if known is None:
            known = self._values[mapped, value] = {}
            while len(self._values) > _VALUES_KEPT:
                self._values.popitem(last=False)
        return known

    def _found(
        self, known: "_Found", number: int, item: Named, mapped: str, value: bytes
    ) -> Array | None:
        if number not in known:
            known[number] = self._look(item, mapped, value)
        return known[number]

    def _look(self, item: Named, mapped: str, value: bytes) -> Array | None:
        try:
            opened = self._folder.map(item.place)
            if opened.root != item.root.map_root:
                return None  # the maker is about to make it again
            key = key_of(self._keys.of(item.root.first)[mapped], mapped, value)
            offsets = opened.entries(key)
        except MapError:
            self._folder.mark(item.place)
            return None
        except LedgerError:  # its secret is gone
            return None
        return None if offsets is None else np.array(offsets, dtype=np.int64) + item.root.first
