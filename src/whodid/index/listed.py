"""Events that are decided one by one: the few that maps of ranges list, and the youngest.

What maps list is on the page anyway, so that no column of the segments that hold it is read.
"""

from collections.abc import Iterable

import numpy as np
from msgspec import Struct

from whodid.index.opening import Opened, RowMatcher
from whodid.index.order import Candidates
from whodid.index.page import Hit
from whodid.index.table import Array
from whodid.query.own import is_own

LISTED_MAX = 32
"""More of them are rather decided by columns."""

_INT64 = np.iinfo(np.int64)


class Listed(Struct, frozen=True):
    """Events that match for certain, by index, and how many more that do are whodid's own."""

    candidates: Candidates
    opened: dict[int, Opened]
    hidden_own: int


def decided(entries: Array, young: Iterable[Opened], rows: RowMatcher, *, hide: bool) -> Listed:
    """Return which match, of ascending entries to open and of events that are open.

    `hide` leaves whodid's own out.
    """
    matched = [*rows.matching(entries.tolist()), *rows.among(young)]
    shown = [item for item in matched if not (hide and is_own(item.event))]
    own = [is_own(item.event) for item in shown]
    sure = np.ones(len(shown), dtype=np.bool_)
    candidates = Candidates(
        np.array([time_of(item) for item in shown], dtype=np.int64),
        np.array([item.row.index for item in shown], dtype=np.int64),
        sure,
        np.array(own, dtype=np.bool_),
    )
    by_index = {item.row.index: item for item in shown}
    return Listed(candidates, by_index, len(matched) - len(shown))


def time_of(item: Opened) -> int:
    """Return by which time (µs) an event is ordered: its own, else that of its receipt."""
    when = item.event.when
    time_us = when.received if when.time is None else when.time
    return min(max(time_us, int(_INT64.min)), int(_INT64.max))


def hits_of(chosen: list[tuple[int, int]], opened: dict[int, Opened]) -> list[Hit]:
    """Return these (time, index) as they were opened; one that could not be is left out."""
    return [
        Hit(opened[index].row, opened[index].event, time_us)
        for time_us, index in chosen
        if index in opened
    ]
