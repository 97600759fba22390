"""A record of the write-ahead log, opened to be read: what is not sealed yet is searched in it."""

from collections.abc import Iterator, Sequence

import numpy as np

from whodid.ledger.frame import Look, OpenFrame
from whodid.ledger.pieces import Grid
from whodid.ledger.sequenced import Sequenced
from whodid.ledger.stored import GroupRows, StoredRow

_LEAF_BYTES = 160
"""What a leaf takes in memory."""
_FEW = 8
"""So few rows are asked one by one."""


class OpenedRecord:
    """The entries [first, end) of one record.

    Without a frame they have no payload: the record is as it was written, the door sent none.
    """

    def __init__(self, sequenced: Sequenced, frame: OpenFrame | None) -> None:
        self.first, self.end = sequenced.first, sequenced.end
        self._table, self._tails = sequenced.table()
        self._places = sequenced.kept()
        self._whole = len(self._places) == sequenced.batch.rows
        self._frame = frame

    @property
    def size_bytes(self) -> int:
        """About what it holds in memory."""
        frame = self._frame.size_bytes if self._frame is not None else 0
        return frame + _LEAF_BYTES * len(self._table)

    def rows(self, first: int, end: int) -> Iterator[StoredRow]:
        """Yield entries [first, end), as far as they are in it."""
        return map(self._row, range(max(first, self.first), min(end, self.end)))

    def _row(self, index: int) -> StoredRow:
        number = index - self.first
        leaf = self._table[number : number + 1].tobytes()[1:] + self._tails.get(number, b"")
        frame = self._frame
        if frame is None:
            return StoredRow(index, leaf, None, None)
        place = self._places[number]
        return StoredRow(index, leaf, frame.seed(place), frame.row(place))

    def pick(self, indexes: Sequence[int], look: Look | None) -> Iterator[StoredRow]:
        """Yield its entries at these indexes; with a `look`, those for which it holds."""
        frame = self._frame
        if frame is None or look is None:
            yield from map(self._row, indexes)
            return
        rows = frame.rows_to_ask(look) if len(indexes) > _FEW else None
        asked = None if rows is None else frozenset(rows)
        for index in indexes:
            place = self._places[index - self.first]
            if (asked is None or place in asked) and look.holds(frame.row_bytes(place)):
                yield self._row(index)

    def groups(self, first: int, end: int, wanted: Sequence[int]) -> GroupRows:
        """Return entries [first, end), as far as they are in it, with some groups (0 to 7)."""
        at, stop = max(first - self.first, 0), min(end, self.end) - self.first
        types, flags = self._table["type"][at:stop], self._table["flags"][at:stop].astype(np.uint16)
        here = np.full(stop - at, self._frame is not None)
        if self._frame is None:
            nothing = Grid.of([[] for _ in wanted])
            return GroupRows(self.first + at, types, flags, here, nothing)
        places = slice(at, stop) if self._whole else np.array(self._places[at:stop], dtype=np.intp)
        chosen = self._frame.grid().columns(wanted).part(places)
        return GroupRows(self.first + at, types, flags, here, chosen)
