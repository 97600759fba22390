"""How long events were on their way: from their own time to their receipt, by source.

An event without a time of its own has that of its receipt, and was on no way.
"""

from collections.abc import Callable, Iterator

import numpy as np
from msgspec import Struct

from whodid.index.coded import Lists, coded, times
from whodid.index.selection import Selection
from whodid.index.table import Array
from whodid.index.vocabulary import Vocabularies


class Late(Struct, frozen=True):
    """How many events of a source came later than a bound, of how many."""

    source: str
    late: int
    events: int


def late(
    selection: Selection, bound_us: int, vocabularies: Vocabularies, ended: Callable[[], bool]
) -> list[Late]:
    """Return the sources of which events came more than `bound_us` after their time."""
    found: dict[int, tuple[int, int]] = {}
    for ids, codes, lag_us in _lags(selection, vocabularies, ended):
        events = np.bincount(codes, minlength=len(ids))
        behind = np.bincount(codes[lag_us > bound_us], minlength=len(ids))
        for number, count, more in zip(ids.tolist(), events.tolist(), behind.tolist(), strict=True):
            before = found.get(number, (0, 0))
            found[number] = (before[0] + more, before[1] + count)
    names = vocabularies.of("source").texts()
    return [
        Late(names[number].decode("utf-8", "replace"), behind, events)
        for number, (behind, events) in sorted(found.items(), key=lambda item: -item[1][0])
        if behind and number >= 0
    ]


def _lags(
    selection: Selection, vocabularies: Vocabularies, ended: Callable[[], bool]
) -> Iterator[tuple[Array, Array, Array]]:
    """Yield (ids of sources, place in them of each row, µs on its way) of each table."""
    for chosen in selection.chosen:
        if ended():
            return
        rows = chosen.rows()
        found = coded(chosen.table, "source", rows, vocabularies.of("source"))
        assert not isinstance(found, Lists)
        way = times(chosen.table, "received", rows) - times(chosen.table, "time", rows)
        yield found.ids, found.codes, way
