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

AHEAD_US = 2_000_000
"""Clocks that are kept differ by less; a record that is further ahead comes from the future."""


class Late(Struct, frozen=True):
    """How many events of a source came later than a bound, of how many."""

    source: str
    late: int
    events: int


class Way(Struct, frozen=True):
    """How long the events of a source were on their way (µs); `least_us` < 0: from the future.

    `ahead` counts those that came before their own time, by more than clocks differ in any case.
    """

    events: int
    median_us: int
    p95_us: int
    least_us: int
    ahead: int


def ways(
    selection: Selection, vocabularies: Vocabularies, ended: Callable[[], bool]
) -> dict[str, Way]:
    """Return by source how long the events that have a time of their own were on their way."""
    ids: list[Array] = []
    spans: list[Array] = []
    for numbers, codes, way in _lags(selection, vocabularies, ended, timed=True):
        ids.append(numbers[codes])
        spans.append(way)
    if not ids:
        return {}
    names = vocabularies.of("source").texts()
    sources, lag_us = np.concatenate(ids), np.concatenate(spans)
    order = np.lexsort((lag_us, sources))
    sources, lag_us = sources[order], lag_us[order]
    found, starts, counts = np.unique(sources, return_index=True, return_counts=True)
    return {
        names[number].decode("utf-8", "replace"): _way(lag_us[start : start + count])
        for number, start, count in zip(
            found.tolist(), starts.tolist(), counts.tolist(), strict=True
        )
        if number >= 0
    }


def _way(ordered: Array) -> Way:
    """Return it of one source; percentiles are of the nearest rank, as in `| stats`."""
    count = len(ordered)
    ranks = [(count * percent + 99) // 100 - 1 for percent in (50, 95)]
    median, p95 = (int(ordered[rank]) for rank in ranks)
    ahead = int(np.count_nonzero(ordered < -AHEAD_US))
    return Way(count, median, p95, int(ordered[0]), ahead)


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
    selection: Selection,
    vocabularies: Vocabularies,
    ended: Callable[[], bool],
    *,
    timed: bool = False,
) -> Iterator[tuple[Array, Array, Array]]:
    """Yield (ids of sources, place in them of each row, µs on its way) of each table."""
    for chosen in selection.chosen:
        if ended():
            return
        rows = chosen.rows()
        found = coded(chosen.table, "source", rows, vocabularies.of("source"))
        assert not isinstance(found, Lists)
        way = times(chosen.table, "received", rows) - times(chosen.table, "time", rows)
        if not timed:
            yield found.ids, found.codes, way
            continue
        own = chosen.table.array("timed")
        assert own is not None
        yield found.ids, found.codes[own[rows]], way[own[rows]]
