"""Counting groups of events over tables: what `| stats`, the histogram and the facets stand on.

Of each table small codes are combined and counted by numpy; only the groups that are there, not the
rows, are then joined with those of other tables; or rows are counted in one array (`dense`). Exact:
sums of 64-bit numbers are kept in three limbs, different values and percentiles from the counted
pairs of (group, value).
"""

from collections.abc import Sequence

import numpy as np

from whodid.errors import UsageError
from whodid.index.coded import Coded, Lists, Rows, bucketed, coded, integers, times
from whodid.index.columns import KINDS
from whodid.index.dense import Dense
from whodid.index.groups import Groups, Join
from whodid.index.selection import Chosen
from whodid.index.table import Array, Table
from whodid.index.vocabulary import LEAST, MISSING, MOST, OTHER, Vocabularies
from whodid.limits import STATS_GROUPS_MAX, STATS_VALUES_MAX
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.pipes import Function, Key, Measure

_CELLS_MAX = 1 << 22
_ONE_LIMB = 1 << 28
_INT64 = np.iinfo(np.int64)
_PAIRED: frozenset[Function] = frozenset({"count_distinct", "percentile"})
_JOINS: dict[Function, tuple[Join, ...]] = {
    "count": ("add",),
    "sum": ("add", "add", "add", "add"),
    "avg": ("add", "add", "add", "add"),
    "min": ("min",),
    "max": ("max",),
}


class Tally:
    """Groups of events by `keys` and what `measures` ask of them. Add each table once.

    Column 0 counts the events of a group; `columns[measure]` says which ones a measure has, and
    `pairs` holds the counted (group, value) of the fields that need them.
    """

    def __init__(
        self,
        keys: Sequence[Key],
        measures: Sequence[Measure],
        vocabularies: Vocabularies,
        *,
        groups_max: int = STATS_GROUPS_MAX,
        values_max: int = STATS_VALUES_MAX,
    ) -> None:
        self._by = keys
        self._words = vocabularies
        self.columns: dict[Measure, slice] = {}
        joins: list[Join] = ["add"]
        for measure in measures:
            if measure.field is not None and measure.function not in _PAIRED:
                more = _JOINS[measure.function]
                self.columns[measure] = slice(len(joins), len(joins) + len(more))
                joins += more
        depth = max(len(keys), 1)
        self._groups = Groups(depth, joins, groups_max)
        self.pairs = {
            measure.field: Groups(depth + 1, ["add"], values_max)
            for measure in measures
            if measure.function in _PAIRED and measure.field is not None
        }
        plain = bool(keys) and len(joins) == 1 and not self.pairs
        self._dense = Dense(len(keys)) if plain and all(map(_is_text, keys)) else None
        self.events = 0
        self.beyond = False

    @property
    def groups(self) -> Groups:
        """The groups so far."""
        if self._dense is not None:
            keys, counts = self._dense.take()
            self._groups.add(keys, [counts])
        return self._groups

    def add(self, chosen: Chosen) -> None:
        """Count rows of one table. Raises UsageError when more pairs than the bound are needed."""
        table, rows = chosen.table, chosen.rows()
        place, parts = self._parts(table, rows, chosen.count)
        if self._dense is not None and place is None:
            known = [len(self._words.of(key.field)) for key in self._by]
            if self._dense.add(parts, known):
                self.events += chosen.count
                return
        group, ids, counts = combine(parts, grouped=bool(self.columns or self.pairs))
        columns = [counts]
        for measure in self.columns:
            columns += self._column(table, rows, measure, place, group, len(counts))
        self._groups.add(ids, columns)
        for field, pairs in self.pairs.items():
            self._pair(table, rows, field, pairs, place, group, ids)
        self.events += chosen.count

    def _parts(
        self, table: Table, rows: Rows, count: int
    ) -> tuple[Array | None, list[tuple[Array, Array]]]:
        """Return (row of each code, None: in order), and codes and ids of each key."""
        found = [self._key(table, rows, key) for key in self._by]
        place: Array | None = None
        spread: dict[int, Array] = {}
        for number, item in enumerate(found):
            if isinstance(item, Lists):  # the language allows one at most
                place, spread[number] = item.spread()
        parts = [
            (spread[number] if number in spread else _at(item.codes, place), item.ids)
            for number, item in enumerate(found)
        ]
        if not parts:
            parts = [(np.zeros(count, dtype=np.uint8), np.zeros(1, dtype=np.int64))]
        return place, parts

    def _key(self, table: Table, rows: Rows, key: Key) -> Coded | Lists:
        if key.bucket is not None:
            return bucketed(times(table, key.field, rows), key.bucket)
        return self._coded(table, key.field, rows)

    def _coded(self, table: Table, field: str, rows: Rows) -> Coded | Lists:
        found = coded(table, field, rows, self._words.of(field))
        if SEARCH_FIELDS[field].kind == "integer":
            self._notice(found.ids)
        return found

    def _notice(self, values: Array) -> None:
        self.beyond = self.beyond or bool(((values == MOST) | (values == LEAST)).any())

    def _column(
        self,
        table: Table,
        rows: Rows,
        measure: Measure,
        place: Array | None,
        group: Array,
        count: int,
    ) -> list[Array]:
        field = measure.field
        assert field is not None
        if measure.function == "count":
            here = self._present(table, rows, field)
            return [np.bincount(group[_at(here, place)], minlength=count)]
        values, present = _values(table, rows, field)
        if values is None:
            return _nothing(measure.function, count)
        assert present is not None
        here = _at(present, place)
        values, group = _at(values, place)[here], group[here]
        self._notice(values)
        if measure.function in {"min", "max"}:
            return [_extreme(measure.function, values, group, count)]
        return [*_sums(values, group, count), np.bincount(group, minlength=count)]

    def _present(self, table: Table, rows: Rows, field: str) -> Array:
        if SEARCH_FIELDS[field].kind == "time":
            at = times(table, field, rows)
            return np.ones(len(at), dtype=np.bool_)
        item = coded(table, field, rows, self._words.of(field))
        if isinstance(item, Lists):
            found: Array = item.ids[item.codes[item.begin]] != MISSING
            return found
        there: Array = (item.ids != MISSING)[item.codes]
        return there

    def _pair(
        self,
        table: Table,
        rows: Rows,
        field: str,
        pairs: Groups,
        place: Array | None,
        group: Array,
        ids: list[Array],
    ) -> None:
        item = self._coded(table, field, rows)
        if isinstance(item, Lists):
            at, codes = item.spread(place)
            group = group[at]
        else:
            codes = _at(item.codes, place)
        number = np.arange(len(ids[0]))
        _, (groups, values), counts = combine([(group, number), (codes, item.ids)])
        here = values != MISSING
        groups, values, counts = groups[here], values[here], counts[here]
        pairs.add([*(key[groups] for key in ids), values], [counts])
        if pairs.closed or bool((values == OTHER).any()):
            raise UsageError(
                f"there are more different values of '{field}' than are told apart here; ask for "
                "less time, or group by less"
            )


def _is_text(key: Key) -> bool:
    """Tell whether the ids of a key are numbers of texts."""
    columns = SEARCH_FIELDS[key.field].columns
    return key.bucket is None and bool(columns) and all(KINDS[c] != "number" for c in columns)


def combine(
    parts: Sequence[tuple[Array, Array]], *, grouped: bool = True
) -> tuple[Array, list[Array], Array]:
    """Return (group of each row, ids of the groups by part, rows of each group).

    Groups are numbered without gaps; each part is codes and what they stand for. Where nobody asks
    for the group of each row it is left out (no rows).
    """
    codes = parts[0][0].astype(np.int64)
    size = len(parts[0][1])
    steps: list[tuple[Array | None, int]] = []
    for more, ids in parts[1:]:
        if size * len(ids) > _CELLS_MAX:
            present, codes = np.unique(codes, return_inverse=True)
            steps.append((present, 0))
            size = len(present)
        steps.append((None, len(ids)))
        codes = codes * len(ids) + more
        size *= len(ids)
    if size <= max(_CELLS_MAX >> 4, 4 * len(codes)):
        cells = np.bincount(codes, minlength=size)
        here = np.flatnonzero(cells)
        counts = cells[here]
        group = here[:0]
        if grouped:
            number = np.zeros(size, dtype=np.int64)
            number[here] = np.arange(len(here))
            group = number[codes]
    else:
        here, group, counts = np.unique(codes, return_inverse=True, return_counts=True)
    return group, _ids_of(here, steps, [ids for _, ids in parts]), counts


def _ids_of(here: Array, steps: list[tuple[Array | None, int]], ids: list[Array]) -> list[Array]:
    found: list[Array] = []
    left = list(ids)
    for present, size in reversed(steps):
        if present is not None:
            here = present[here]
        else:
            here, code = np.divmod(here, size)
            found.append(left.pop()[code])
    found.append(left.pop()[here])
    return found[::-1]


def _at(values: Array, place: Array | None) -> Array:
    return values if place is None else values[place]


def _values(table: Table, rows: Rows, field: str) -> tuple[Array, Array] | tuple[None, None]:
    """Return (numbers, present) of a number or time, (None, None) when there is none."""
    if SEARCH_FIELDS[field].kind == "time":
        at = times(table, field, rows)
        return at, np.ones(len(at), dtype=np.bool_)
    return integers(table, SEARCH_FIELDS[field].columns[0], rows) or (None, None)


def _nothing(function: Function, count: int) -> list[Array]:
    if function in {"min", "max"}:
        return [np.full(count, _INT64.max if function == "min" else _INT64.min)]
    return [np.zeros(count, dtype=np.int64) for _ in range(4)]


def _extreme(function: Function, values: Array, group: Array, count: int) -> Array:
    """Return the least or greatest value of each group, the opposite end where there is none."""
    if function == "min":
        found = np.full(count, _INT64.max)
        np.minimum.at(found, group, values)
    else:
        found = np.full(count, _INT64.min)
        np.maximum.at(found, group, values)
    return found


def _sums(values: Array, group: Array, count: int) -> list[Array]:
    """Return limbs of 24 bits, low first; each is a float's sum that stays exact."""
    if not len(values) or (values.max() < _ONE_LIMB and values.min() > -_ONE_LIMB):
        limbs = [values]
    else:
        limbs = [values & 0xFFFFFF, values >> 24 & 0xFFFFFF, values >> 48]
    found = [np.bincount(group, limb, count).astype(np.int64) for limb in limbs]
    return found + [np.zeros(count, dtype=np.int64)] * (3 - len(found))


def sums_of(limbs: Sequence[Array]) -> list[int]:
    """Return the sums that limbs stand for, as numbers of any size."""
    low, middle, high = (limb.tolist() for limb in limbs)
    return [c + (b << 24) + (a << 48) for a, b, c in zip(high, middle, low, strict=True)]
