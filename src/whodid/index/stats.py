"""A table of an answer: groups counted over a selection, put in order, cut, and given in values."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
from msgspec import Struct

from whodid.index.coded import bucket_start
from whodid.index.groups import places
from whodid.index.selection import Selection
from whodid.index.tally import Tally, sums_of
from whodid.index.vocabulary import MISSING, OTHER, Vocabularies
from whodid.limits import STATS_ROWS, STATS_SECONDS_MAX
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.pipes import Key, Limit, Measure, Order, Sort, Stats

Array = np.ndarray
_INT64 = np.iinfo(np.int64)
ColumnKind: TypeAlias = Literal["text", "number", "time", "state", "mean"]


class Column(Struct, frozen=True):
    """A column of the table: its name, what its values are, whether events are grouped by it."""

    name: str
    kind: ColumnKind
    key: bool


class StatsTable(Struct, frozen=True):
    """A table. A value is text, int (a time in µs UTC too), float (a mean), bool, or None: missing.

    `groups` counts all groups told apart, shown or not; `events` those counted, `other` those among
    them that are in no group told apart.
    """

    columns: list[Column]
    rows: list[list[Any]]
    groups: int
    events: int
    other: int
    exact: bool
    warnings: list[str]


class _Values(Struct, frozen=True):
    """A column of all groups: which are missing; of some groups numbers to sort by, and values.

    `texts`: the numbers are ranks among those groups only, and cost their texts.
    """

    missing: Array
    ranks: Callable[[Array], Array]
    of: Callable[[Array], list[Any]]
    texts: bool = False


def run_stats(
    stats: Stats,
    sort: Sort | None,
    limit: Limit | None,
    selection: Selection,
    vocabularies: Vocabularies,
    monotonic: Callable[[], float],
) -> StatsTable:
    """Return the table of the selected events. Raises UsageError when it needs too much."""
    tally = Tally(stats.by, stats.measures, vocabularies)
    end_s = monotonic() + STATS_SECONDS_MAX
    for number, chosen in enumerate(selection.chosen):
        if number and monotonic() > end_s:
            break
        tally.add(chosen)
    keys, columns, other = _told_apart(tally)
    if not stats.by and not len(keys[0]):
        keys, columns = _one_row(columns)
    values = {
        key.name: _key(key, ids, vocabularies) for key, ids in zip(stats.by, keys, strict=False)
    }
    values |= {m.name: _measure(m, tally, keys, columns) for m in stats.measures}
    shown = _first(stats, sort, values, limit.count if limit else STATS_ROWS)
    groups = len(keys[0])
    cells = [values[name].of(shown) for name in stats.columns]
    missed = selection.count - tally.events
    return StatsTable(
        [*(_key_column(key) for key in stats.by), *(_column(m) for m in stats.measures)],
        [list(row) for row in zip(*cells, strict=True)],
        groups,
        tally.events,
        other,
        selection.exact and not missed and not other,
        [*selection.warnings, *_warnings(tally, missed, other, groups - len(shown), limit)],
    )


def _warnings(tally: Tally, missed: int, other: int, cut: int, limit: Limit | None) -> list[str]:
    found = []
    if missed:
        found.append(f"{missed:,} events were not counted in time: ask for less time")
    if other:
        found.append(f"{other:,} events are in further groups, which were not told apart")
    if cut and limit is None:
        found.append(f"{cut:,} more groups are not shown; | limit shows more")
    if tally.beyond:
        found.append("some numbers do not fit 64 bits and count as the nearest that does")
    return found


def _told_apart(tally: Tally) -> tuple[list[Array], list[Array], int]:
    keys, columns = tally.groups.finish()
    kept = np.logical_and.reduce([key != OTHER for key in keys])
    other = tally.groups.other + int(columns[0][~kept].sum())
    return [key[kept] for key in keys], [column[kept] for column in columns], other


def _one_row(columns: list[Array]) -> tuple[list[Array], list[Array]]:
    """Return the one group of no events."""
    return [np.zeros(1, dtype=np.int64)], [np.zeros(1, dtype=np.int64) for _ in columns]


def _key_column(key: Key) -> Column:
    kinds: dict[str, ColumnKind] = {"integer": "number", "time": "time", "state": "state"}
    return Column(key.name, kinds.get(SEARCH_FIELDS[key.field].kind, "text"), key=True)


def _column(measure: Measure) -> Column:
    if measure.function == "avg":
        return Column(measure.name, "mean", key=False)
    time = measure.function in {"min", "max"} and measure.field in {"time", "received"}
    return Column(measure.name, "time" if time else "number", key=False)


# --- values --------------------------------------------------------------------------------------


def _key(key: Key, ids: Array, vocabularies: Vocabularies) -> _Values:
    missing = ids == MISSING
    bucket = key.bucket
    if bucket is not None:
        starts = np.array([bucket_start(number, bucket) for number in ids.tolist()], dtype=np.int64)
        return _Values(missing, lambda rows: starts[rows], lambda rows: starts[rows].tolist())
    kind = SEARCH_FIELDS[key.field].kind
    if kind == "state":
        yes = ids == 1
        return _Values(missing, lambda rows: ids[rows], lambda rows: yes[rows].tolist())
    if kind == "integer":
        return _numbers(ids, missing)
    return _words(ids, missing, vocabularies.of(key.field).texts())


def _words(ids: Array, missing: Array, texts: list[bytes]) -> _Values:
    def of(rows: Array) -> list[Any]:
        numbers = ids[rows].tolist()
        return [texts[n].decode("utf-8", "replace") if n >= 0 else None for n in numbers]

    def ranks(rows: Array) -> Array:
        words = [word or "" for word in of(rows)]
        rank = {word: number for number, word in enumerate(sorted(set(words)))}
        return np.array([rank[word] for word in words], dtype=np.int64)

    return _Values(missing, ranks, of, texts=True)


def _numbers(values: Array, missing: Array) -> _Values:
    return _Values(
        missing, lambda rows: values[rows], lambda rows: _present(values[rows], missing[rows])
    )


def _present(values: Array, missing: Array) -> list[Any]:
    return [
        None if gone else value
        for value, gone in zip(values.tolist(), missing.tolist(), strict=True)
    ]


def _measure(measure: Measure, tally: Tally, keys: list[Array], columns: list[Array]) -> _Values:
    if measure.field is None:
        return _plain(columns[0])
    if measure.function in {"count_distinct", "percentile"}:
        return _of_pairs(measure, tally, keys)
    own = columns[tally.columns[measure]]
    if measure.function == "count":
        return _plain(own[0])
    if measure.function in {"min", "max"}:
        missing = own[0] == (_INT64.max if measure.function == "min" else _INT64.min)
        if not len(keys[0]) or not columns[0].any():
            missing = np.ones(len(own[0]), dtype=np.bool_)
        return _numbers(own[0], missing)
    counts = own[3]
    missing = counts == 0
    sums = sums_of(own[:3])
    if measure.function == "avg":
        means = np.array([s / max(n, 1) for s, n in zip(sums, counts.tolist(), strict=True)])
        return _numbers(means, missing)
    ranks = _ranks(sums)
    return _Values(
        missing,
        lambda rows: ranks[rows],
        lambda rows: [None if missing[row] else sums[row] for row in rows.tolist()],
    )


def _plain(values: Array) -> _Values:
    return _numbers(values, np.zeros(len(values), dtype=np.bool_))


def _ranks(sums: list[int]) -> Array:
    if all(_INT64.min <= value <= _INT64.max for value in sums):
        return np.array(sums, dtype=np.int64)
    rank = {value: number for number, value in enumerate(sorted(set(sums)))}
    return np.array([rank[value] for value in sums], dtype=np.int64)


def _of_pairs(measure: Measure, tally: Tally, keys: list[Array]) -> _Values:
    assert measure.field is not None
    (*groups, values), (counts,) = tally.pairs[measure.field].finish()
    place = places(keys, groups)
    here = place >= 0
    place, values, counts = place[here], values[here], counts[here]
    size = len(keys[0])
    if measure.function == "count_distinct":
        return _plain(np.bincount(place, minlength=size))
    totals = np.zeros(size, dtype=np.int64)
    np.add.at(totals, place, counts)
    wanted = (totals * measure.percent + 99) // 100
    running = np.cumsum(counts)
    before = np.concatenate(([0], running[:-1])) if len(running) else running
    first = np.searchsorted(place, np.arange(size))
    start = np.concatenate((before, [running[-1] if len(running) else 0]))[first]
    found = np.searchsorted(running, start + wanted)
    missing = totals == 0
    result = np.zeros(size, dtype=np.int64)
    result[~missing] = values[found[~missing]]
    return _numbers(result, missing)


# --- order ---------------------------------------------------------------------------------------


def _first(stats: Stats, sort: Sort | None, values: dict[str, _Values], wanted: int) -> Array:
    """Return the first groups in the order of the table."""
    asked = list(sort.orders) if sort is not None else _usual(stats)
    named = {order.name for order in asked}
    asked += [Order(key.name) for key in stats.by if key.name not in named]
    rows = np.arange(len(next(iter(values.values())).missing))
    if not asked:
        return rows[:wanted]
    rows = _may_be_first(rows, asked[0], values[asked[0].name], wanted)
    columns: list[Array] = []
    for order in asked:
        item = values[order.name]
        missing = item.missing[rows]
        columns += [missing, np.where(missing, 0, _directed(item.ranks(rows), order))]
    return rows[np.lexsort(columns[::-1])[:wanted]]


def _may_be_first(rows: Array, order: Order, item: _Values, wanted: int) -> Array:
    """Leave out groups that come behind `wanted` others by the first column alone."""
    if item.texts:
        return rows
    there = rows[~item.missing]
    if len(there) <= wanted:
        return rows
    numbers = _directed(item.ranks(there), order)
    found: Array = there[numbers <= np.partition(numbers, wanted - 1)[wanted - 1]]
    return found


def _directed(numbers: Array, order: Order) -> Array:
    if not order.descending:
        return numbers
    return -numbers if numbers.dtype.kind == "f" else ~numbers


def _usual(stats: Stats) -> list[Order]:
    times = [Order(key.name) for key in stats.by if key.bucket is not None]
    if times:
        return times
    return [Order(stats.measures[0].name, descending=True)] if stats.by else []
