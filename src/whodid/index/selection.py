"""Which rows an answer is about: found once, then counted in as many ways as are asked.

Columns decide where they can; the other rows are opened, newest tables first, for a bounded time.
What was not reached is not in it, which is then said (`exact`, `warnings`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from whodid.index.evaluate import masks, own_rows
from whodid.index.needles import NO, YES
from whodid.index.opening import RowMatcher
from whodid.index.order import newest_tables
from whodid.index.table import Array, Table
from whodid.limits import STATS_SECONDS_MAX
from whodid.query.tree import Node

_OPENED_AT_ONCE = 4096


class Chosen(Struct, frozen=True):
    """The rows of one table, at least one. `packed` is None when it is every row of it."""

    table: Table
    count: int
    packed: Array | None

    def rows(self) -> Array | slice:
        """Return what takes these rows of an array of the table, in order."""
        if self.packed is None:
            return slice(None)
        return np.flatnonzero(np.unpackbits(self.packed, count=self.table.count))


class Selection(Struct, frozen=True):
    """The rows, newest tables first. `hidden_own` counts those that would match but are ours."""

    chosen: list[Chosen]
    hidden_own: int
    exact: bool = True
    warnings: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Number of events."""
        return sum(item.count for item in self.chosen)

    def span(self) -> tuple[int, int] | None:
        """Return the least and the greatest time of its events, None when there are none."""
        ends = [_ends(item) for item in self.chosen]
        return (min(end[0] for end in ends), max(end[1] for end in ends)) if ends else None


def _ends(item: Chosen) -> tuple[int, int]:
    if item.packed is None:
        return item.table.summary.at_min, item.table.summary.at_max
    at = _needed(item.table, "at")[item.rows()]
    return int(at.min()), int(at.max())


def choose(
    node: Node,
    tables: Sequence[Table],
    rows: RowMatcher,
    *,
    hide: bool,
    monotonic: Callable[[], float],
    seconds_max: float = STATS_SECONDS_MAX,
) -> Selection:
    """Return the rows that match a resolved tree; `hide` leaves whodid's own out."""
    opener = _Opener(rows, monotonic, seconds_max)
    found: list[Chosen] = []
    hidden = 0
    for table in newest_tables(tables):
        rows.pause()
        sure, maybe = masks(node, table)
        if maybe is NO:
            continue
        matched = _matched(table, sure, maybe, opener)
        own = own_rows(table) if hide and table.summary.own else None
        if own is not None:
            hidden += int(np.count_nonzero(matched & own))
            matched &= ~own
        item = _chosen(table, matched)
        if item is not None:
            found.append(item)
    return Selection(found, hidden, not opener.missed, opener.warnings())


def of_indexes(tables: Sequence[Table], indexes: Array) -> Selection:
    """Return these entries, by ascending index, as a selection."""
    found = []
    for table in newest_tables(tables):
        first, end = np.searchsorted(indexes, (table.first, table.first + table.count)).tolist()
        matched = np.zeros(table.count, dtype=np.bool_)
        matched[indexes[first:end] - table.first] = True
        item = _chosen(table, matched)
        if item is not None:
            found.append(item)
    return Selection(found, 0)


def _matched(table: Table, sure: Any, maybe: Any, opener: "_Opener") -> Array:
    live = _needed(table, "live")
    if sure is YES:
        return live.copy()
    matched: Array = live & sure
    unsure = np.flatnonzero(live & maybe & ~sure) if np.any(maybe) else ()
    if len(unsure):
        opener.add(table, np.asarray(unsure), matched)
    return matched


def _chosen(table: Table, matched: Array) -> Chosen | None:
    count = int(np.count_nonzero(matched))
    if not count:
        return None
    return Chosen(table, count, None if count == table.count else np.packbits(matched))


def _needed(table: Table, name: str) -> Array:
    array = table.array(name)
    assert array is not None
    return array


class _Opener:
    """Opens rows until the time is over. `missed` counts those that were not reached."""

    def __init__(
        self, rows: RowMatcher, monotonic: Callable[[], float], seconds_max: float
    ) -> None:
        self._rows = rows
        self._monotonic = monotonic
        self._end_s = monotonic() + seconds_max
        self.missed = 0

    def add(self, table: Table, unsure: Array, matched: Array) -> None:
        """Open these rows of a table, the newest first, and mark those that match."""
        for end in range(len(unsure), 0, -_OPENED_AT_ONCE):
            if self._monotonic() > self._end_s:
                self.missed += end
                return
            part = unsure[max(0, end - _OPENED_AT_ONCE) : end] + table.first
            for opened in self._rows.matching(part.tolist()):
                matched[opened.row.index - table.first] = True

    def warnings(self) -> tuple[str, ...]:
        if not self.missed:
            return ()
        older = f"{self.missed:,} older entries were not opened in time and are not counted"
        return (f"{older}: ask for less time, or for fields instead of words",)
