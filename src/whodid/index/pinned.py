"""A table as it was when the log was shorter: its later rows are no events."""

from collections.abc import Callable, Hashable, Sequence

import numpy as np

from whodid.index.dictionary import Sought
from whodid.index.table import Array, Summary, Table, summarize

_SUMMED = ("type", "at", "received", "source", "source@", "source$", "id.high")


class PinnedTable:
    """The table, of which only the first entries are live: those below `end`.

    Nothing but `live` and the summary tells what is an event, so nothing else differs.
    """

    def __init__(self, table: Table, end: int) -> None:
        self._table = table
        self.first = table.first
        self.count = table.count
        live = table.array("live")
        assert live is not None
        self._live = live & (np.arange(self.count) < end - self.first)
        self.summary = self._summary(end)

    def _summary(self, end: int) -> Summary:
        kept = end - self.first
        arrays = {name: found for name in _SUMMED if (found := self._table.array(name)) is not None}
        rows = {n: a[:kept] if n[-1] not in "@$" else a for n, a in arrays.items()}
        return summarize({**rows, "live": self._live[:kept]})

    def array(self, name: str) -> Array | None:
        """Return an array (see `Table`)."""
        return self._live if name == "live" else self._table.array(name)

    def once(self, name: str) -> Array | None:
        """Return an array for once (see `Table`)."""
        return self._live if name == "live" else self._table.once(name)

    def blocks(self, name: str, number: int) -> Array | None:
        """Return which blocks may have a number (see `Table`)."""
        return self._table.blocks(name, number)

    def at_hand(self, name: str) -> bool:
        """Tell whether an array is in memory (see `Table`)."""
        return name == "live" or self._table.at_hand(name)

    def texts(self, column: str, numbers: Array) -> list[bytes]:
        """Return texts of a dictionary (see `Table`)."""
        return self._table.texts(column, numbers)

    def listed(self, column: str, value: str) -> Array | None:
        """Return the few rows that may have a value (see `Table`)."""
        return self._table.listed(column, value)

    def matching(self, column: str, sought: Sought) -> Array | None:
        """Return the texts that satisfy a pattern (see `Table`)."""
        return self._table.matching(column, sought)

    def is_numbered(self, column: str) -> bool:
        """Tell whether `matching` answers without a look at the dictionary (see `Table`)."""
        return self._table.is_numbered(column)

    def kept(self, key: Hashable, make: Callable[[], Array]) -> Array:
        """Return what was made for a key (see `Table`)."""
        return self._table.kept(key, make)


def pinned(tables: Sequence[Table], end: int) -> list[Table]:
    """Return the tables of the first `end` entries alone."""
    return [
        table if table.first + table.count <= end else PinnedTable(table, end)
        for table in tables
        if table.first < end
    ]
