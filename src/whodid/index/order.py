"""The order of answers: newest first by (time, index), over tables that overlap in time."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from whodid.index.evaluate import masks, own_rows
from whodid.index.needles import NO, YES
from whodid.index.page import Cursor
from whodid.index.table import Array, Table
from whodid.query.tree import Node

_ROWS_FIRST = 1024
_ROWS_MAX = 4096


class Candidates(Struct, frozen=True):
    """Rows as parallel arrays: time, index, whether they match for certain, whether ours."""

    at: Array
    index: Array
    sure: Array
    own: Array

    def take(self, rows: Array | slice) -> "Candidates":
        """Return some of them."""
        return Candidates(self.at[rows], self.index[rows], self.sure[rows], self.own[rows])

    def newest_first(self) -> "Candidates":
        """Return them in the order of answers."""
        return self.take(np.lexsort((self.index, self.at))[::-1])

    def cursor(self, row: int) -> Cursor:
        """Return the place of one of them."""
        return Cursor(int(self.at[row]), int(self.index[row]))


def newest_tables(tables: Sequence[Table]) -> list[Table]:
    """Return the tables that hold events, by their newest time, newest first."""
    having = [table for table in tables if table.summary.events]
    return sorted(having, key=lambda table: table.summary.at_max, reverse=True)


def candidates(table: Table, sure: Any, maybe: Any) -> Candidates | None:
    """Return the rows of a table that may match, in order of index; None when there are none."""
    if not maybe.any():
        return None
    at = table.array("at")
    assert at is not None
    rows = np.flatnonzero(_every(live_rows(table) & maybe, table))
    return Candidates(
        at[rows],
        rows + table.first,
        _every(sure, table)[rows],
        _every(own_rows(table), table)[rows],
    )


def count(table: Table, sure: Any, maybe: Any, *, hide: bool) -> tuple[int, int] | None:
    """Return how many events match, and how many more that are ours when those are hidden.

    None when columns do not tell. It opens no column that says when they happened.
    """
    if not maybe.any():
        return 0, 0
    if sure is YES:
        hidden = table.summary.own if hide else 0
        return table.summary.events - hidden, hidden
    if sure is not maybe and bool((live_rows(table) & maybe & ~sure).any()):
        return None
    live = live_rows(table)
    found = _every(sure if live is YES else live & sure, table)
    own = own_rows(table) if hide else NO
    hidden = 0 if own is NO else int(np.count_nonzero(found & own))
    return int(np.count_nonzero(found)) - hidden, hidden


def live_rows(table: Table) -> Any:
    """Return which rows are events."""
    if table.summary.events == table.count:
        return YES
    live = table.array("live")
    assert live is not None
    return live


def _every(rows: Any, table: Table) -> Array:
    return np.broadcast_to(rows, (table.count,))


def below(found: Candidates, before: Cursor | None) -> Candidates:
    """Return those that come after the cursor in the order of answers."""
    if before is None:
        return found
    older = found.at < before.time_us
    same = (found.at == before.time_us) & (found.index < before.index)
    return found.take(older | same)


def in_order(
    node: Node,
    tables: Sequence[Table],
    before: Cursor | None,
    known: Candidates | None = None,
    *,
    opening: bool = False,
) -> Iterator[Candidates]:
    """Yield all candidates below the cursor, in the order of answers, some at a time.

    `known` are candidates that are in none of the tables; for `opening` see `masks`. A row is
    yielded once no table that is still to be looked at can hold a newer one, so no more is in
    memory than overlaps in time.
    """
    waiting = [] if known is None else [below(known, before)]
    for table in newest_tables(tables):
        if waiting:
            joined = _joined(waiting)
            ready = joined.at > table.summary.at_max
            if ready.any():
                yield joined.take(ready).newest_first()
            waiting = [joined.take(~ready)]
        if before is None or table.summary.at_min <= before.time_us:
            found = candidates(table, *masks(node, table, opening=opening))
            if found is not None:
                waiting.append(below(found, before))
    if waiting:
        yield _joined(waiting).newest_first()


def _joined(parts: list[Candidates]) -> Candidates:
    if len(parts) == 1:
        return parts[0]
    return Candidates(
        np.concatenate([part.at for part in parts]),
        np.concatenate([part.index for part in parts]),
        np.concatenate([part.sure for part in parts]),
        np.concatenate([part.own for part in parts]),
    )


def in_chunks(
    parts: Iterator[Candidates], pause: Callable[[], None], wanted: Callable[[], int | None]
) -> Iterator[Candidates]:
    """Cut and join candidates into chunks, small ones first: most pages are full soon.

    A chunk ends, too, when it has as many rows that match for certain as are `wanted` then, or any
    when none are; None are as many as there are. `pause` is called for every part.
    """
    size, waiting, sure = _ROWS_FIRST, 0, 0
    some: list[Candidates] = []
    for part in parts:
        pause()
        some.append(part)
        waiting += len(part.at)
        sure += int(np.count_nonzero(part.sure))
        while waiting and (waiting >= size or _is_enough(wanted(), sure)):
            joined = _joined(some)
            yield joined.take(slice(size))
            left = joined.take(slice(size, None))
            some, waiting, sure = [left], len(left.at), int(np.count_nonzero(left.sure))
            size = min(2 * size, _ROWS_MAX)
    if waiting:
        yield _joined(some)


def _is_enough(wanted: int | None, sure: int) -> bool:
    return wanted is not None and sure >= wanted


class Newest:
    """The first `limit` of all candidates offered. `beyond` tells whether there were more."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._best: Candidates | None = None
        self.beyond = False

    def wants(self, table: Table) -> bool:
        """Tell whether a row of this table could be among them."""
        best = self._best
        if best is None or len(best.at) < self._limit:
            return True
        return table.summary.at_max >= int(best.at[-1])

    def offer(self, found: Candidates) -> None:
        """Consider more candidates."""
        if len(found.at) > self._limit:
            cut = len(found.at) - self._limit
            least = np.partition(found.at, cut)[cut]
            found = found.take(found.at >= least)
            self.beyond = True
        best = _joined([self._best, found] if self._best is not None else [found]).newest_first()
        self.beyond = self.beyond or len(best.at) > self._limit
        self._best = best.take(slice(self._limit))

    def rows(self) -> list[tuple[int, int]]:
        """Return (time, index) of each, newest first."""
        if self._best is None:
            return []
        return list(zip(self._best.at.tolist(), self._best.index.tolist(), strict=True))
