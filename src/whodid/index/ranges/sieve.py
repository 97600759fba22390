"""What maps of ranges say of an exact value before any segment is opened: in which ranges it is.

A value that is rare stands in few of the segments, and most are left out by one look at a map. What
a map says is used when it is the one whose root the log names; one that cannot be read is asked for
again, and says nothing until then.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import reduce

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
from whodid.merkle.range_map import SPAN_LEVEL, key_of
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.provable import MAPPED, value_of
from whodid.query.tree import And, Node, Or, Term

_OF_COLUMN = {column: mapped for mapped, columns in MAPPED.items() for column in columns}
_VALUES_KEPT = 64
_NOWHERE = np.zeros(0, dtype=np.int64)

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
        self._last: tuple[tuple[int, str, bytes], int] | None = None

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
        mapped = _mapped(columns)
        if mapped is None or not self._ranges:
            return tables
        asked = value_of(mapped, value)
        known = self._known(mapped, asked)
        entries: list[int] = []
        unsaid: list[Named] = []
        for number in self._numbers(tables):
            found = self._found(known, number, mapped, asked)
            if found is None:
                unsaid.append(self._ranges[number])
            else:
                entries += found.tolist()
        entries.sort()
        return [table for table in tables if self._may_hold(table, entries, unsaid)]

    def _may_hold(self, table: Table, entries: list[int], unsaid: list[Named]) -> bool:
        """Tell whether a table has some of these entries, or some of which the maps do not say."""
        first, end = table.first, table.first + table.count
        return (
            end > self._end
            or bisect_left(entries, first) < bisect_left(entries, end)
            or any(item.root.first < end and first < item.root.end for item in unsaid)
        )

    def _numbers(self, tables: Sequence[Table]) -> list[int]:
        """Return the numbers of the ranges that have entries of these tables, ascending."""
        return sorted({number for table in tables for number in self._over(table)})

    def _over(self, table: Table) -> range:
        """Return the numbers of the ranges that have entries of a table."""
        first = bisect_right(self._firsts, table.first) - 1
        return range(first, bisect_left(self._firsts, table.first + table.count))

    def covers(self, table: Table) -> bool:
        """Tell whether all entries of a table are in ranges that have maps."""
        return table.first + table.count <= self._end

    def listed(self, tables: Sequence[Table], node: Node) -> Array | None:
        """Return the entries (ascending) of tables it covers that may match a resolved tree.

        None when the maps do not say, or list too many of some value in one range.
        """
        covered = [table for table in tables if self.covers(table)]
        found = self._of_node(node, self._numbers(covered))
        if found is None or not len(found):
            return found
        spans = [(found >= table.first) & (found < table.first + table.count) for table in covered]
        inside: Array = found[np.logical_or.reduce(spans)]
        return inside

    def _of_node(self, node: Node, numbers: list[int]) -> Array | None:
        """Return the entries of these ranges that may match, None when the maps do not say."""
        match node:
            case And():
                parts = [self._of_node(item, numbers) for item in node.items]
                said = [part for part in parts if part is not None]
                both: Array | None = reduce(np.intersect1d, said) if said else None
                return both
            case Or():
                each = [self._of_node(item, numbers) for item in node.items]
                said = [part for part in each if part is not None]
                if len(said) < len(each):
                    return None
                either: Array = np.unique(np.concatenate(said))
                return either
            case Term():
                value = exact_value(node)
                mapped = _mapped(SEARCH_FIELDS[node.field].columns)
                return None if value is None or mapped is None else self._of(mapped, value, numbers)
        return None

    def _of(self, mapped: str, text: str, numbers: Iterable[int]) -> Array | None:
        """Return the entries of these ranges that may have a value."""
        asked = value_of(mapped, text)
        known = self._known(mapped, asked)
        parts = []
        for number in numbers:
            part = self._found(known, number, mapped, asked)
            if part is None:
                return None
            parts.append(part)
        return np.concatenate(parts) if parts else _NOWHERE

    def entries(self, column: str, value: str, first: int, end: int) -> Array | None:
        """Return the entries of [first, end) that may have a value in a column, case apart.

        None when the maps do not say, or list many.
        """
        mapped = _OF_COLUMN.get(column)
        if mapped is None or end > self._end:
            return None
        numbers = range(bisect_right(self._firsts, first) - 1, bisect_left(self._firsts, end))
        found = self._of(mapped, value, numbers)
        if found is None or not len(found):
            return found
        return found[(found >= first) & (found < end)]

    def _known(self, mapped: str, value: bytes) -> "_Found":
        """Return what is known of a value, by range."""
        known = self._values.get((mapped, value))
        if known is None:
            known = self._values[mapped, value] = {}
            while len(self._values) > _VALUES_KEPT:
                self._values.popitem(last=False)
        return known

    def _found(self, known: "_Found", number: int, mapped: str, value: bytes) -> Array | None:
        if number not in known:
            known[number] = self._look(self._ranges[number], mapped, value)
        return known[number]

    def _look(self, item: Named, mapped: str, value: bytes) -> Array | None:
        try:
            opened = self._folder.map(item.place)
            if opened.root != item.root.map_root:
                return None  # the maker is about to make it again
            offsets = opened.entries(self._key(item.root.first, mapped, value))
        except MapError:
            self._folder.mark(item.place)
            return None
        except LedgerError:  # its secret is gone
            return None
        if not offsets:
            return _NOWHERE if offsets is not None else None
        return np.array(offsets, dtype=np.int64) + item.root.first

    def _key(self, first: int, mapped: str, value: bytes) -> int:
        """Return the key of a value in the range that begins there: the same in a whole span."""
        asked = (first >> SPAN_LEVEL, mapped, value)
        if self._last is None or self._last[0] != asked:
            self._last = (asked, key_of(self._keys.of(first)[mapped], mapped, value))
        return self._last[1]


def _mapped(columns: Sequence[str]) -> str | None:
    """Return the field of a map in which all values of these columns stand."""
    fields = {_OF_COLUMN.get(column) for column in columns}
    return fields.pop() if len(fields) == 1 else None
