"""The values of a field in some rows of a table, as small numbers and what these stand for.

`ids` says it in numbers that are the same in all tables: of texts by their vocabulary, of integers
themselves, of times the number of the bucket, of a state 0 or 1; MISSING where there is none.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from whodid.index.columns import KINDS
from whodid.index.dictionary import split_texts
from whodid.index.evaluate import masks
from whodid.index.table import Array, Table
from whodid.index.vocabulary import LEAST, MISSING, MOST, Vocabulary
from whodid.query.countable import SEVERAL
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.pipes import Calendar
from whodid.query.times import DAY_US
from whodid.query.tree import Term

_DENSE_SPAN = 1 << 16
_MONDAY = 3  # 1970-01-01 was a Thursday
Bucket = int | Calendar
Rows = Array | slice


class Coded(Struct, frozen=True):
    """One value a row: `codes` are places in `ids`."""

    codes: Array
    ids: Array


class Lists(Struct, frozen=True):
    """Some values a row, none twice, at least one (MISSING): those of row n are `codes[begin[n]:]`,
    `sizes[n]` of them.
    """  # noqa: D205 - the names do not fit one line

    codes: Array
    begin: Array
    sizes: Array
    ids: Array

    def spread(self, rows: Array | None = None) -> tuple[Array, Array]:
        """Return (place in `rows`, code) of every value of these rows, of all without `rows`."""
        begin = self.begin if rows is None else self.begin[rows]
        sizes = self.sizes if rows is None else self.sizes[rows]
        place = np.repeat(np.arange(len(sizes)), sizes)
        codes: Array = self.codes[flat_places(begin, sizes)]
        return place, codes


def flat_places(begin: Array, sizes: Array) -> Array:
    """Return begin[0], begin[0]+1, … for each list one after the other."""
    ends = np.cumsum(sizes)
    total = int(ends[-1]) if len(ends) else 0
    flat: Array = np.arange(total) + np.repeat(begin - (ends - sizes), sizes)
    return flat


def coded(table: Table, field: str, rows: Rows, words: Vocabulary) -> Coded | Lists:
    """Return the values of a field that has columns and is no time."""
    columns = SEARCH_FIELDS[field].columns
    if not columns:
        return _state(table, field, rows)
    if KINDS[columns[0]] == "number":
        return _number(table, columns[0], rows)
    if field in SEVERAL:
        return _several(table, columns, rows, words)
    found = [_text(table, column, rows, words) for column in columns]
    return found[0] if len(found) == 1 else _first_present(found[0], found[1])


def times(table: Table, field: str, rows: Rows) -> Array:
    """Return the times of a field: an event without a time of its own has that of its receipt."""
    at = table.array("at" if field == "time" else "received")
    assert at is not None
    return at[rows]


def integers(table: Table, column: str, rows: Rows) -> tuple[Array, Array] | None:
    """Return (numbers, present), None when none is present in the table.

    What is LEAST or MOST may be a number beyond it.
    """
    values, present = table.array(column), table.array(f"{column}?")
    if values is None or present is None:
        return None
    return np.clip(values[rows], LEAST, MOST), present[rows]


def bucketed(at: Array, bucket: Bucket) -> Coded:
    """Return times by their bucket."""
    numbers = ordinals(at, bucket)
    return _dense(numbers)


def bucket_start(number: int, bucket: Bucket) -> int:
    """Return the first µs of a bucket by its number."""
    if isinstance(bucket, int):
        return number * bucket
    if bucket == "week":
        return (number * 7 - _MONDAY) * DAY_US
    unit = {"day": "D", "month": "M", "year": "Y"}[bucket]
    start = np.array([number]).astype(f"datetime64[{unit}]").astype("datetime64[us]")
    return int(start.astype(np.int64)[0])


def bucket_end(start_us: int, bucket: Bucket) -> int:
    """Return the first µs behind the bucket that begins then."""
    number = int(ordinals(np.array([start_us]), bucket)[0])
    return bucket_start(number + 1, bucket)


def ordinals(at: Array, bucket: Bucket) -> Array:
    """Return the number of the bucket of each time."""
    if isinstance(bucket, int):
        return at // bucket
    days = at // DAY_US
    if bucket == "day":
        return days
    if bucket == "week":
        return (days + _MONDAY) // 7
    unit = "M" if bucket == "month" else "Y"
    found: Array = days.astype("datetime64[D]").astype(f"datetime64[{unit}]").astype(np.int64)
    return found


def _dense(values: Array) -> Coded:
    """Return any integers as codes."""
    if not len(values):
        return Coded(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    least, most = int(values.min()), int(values.max())
    if most - least < _DENSE_SPAN:
        return Coded(values - least, np.arange(least, most + 1))
    ids, codes = np.unique(values, return_inverse=True)
    return Coded(codes, ids)


def _state(table: Table, field: str, rows: Rows) -> Coded:
    holds, _ = masks(Term(field, "exists"), table)
    every = np.broadcast_to(holds, table.count)
    return Coded(every[rows].astype(np.int64), np.arange(2))


def _number(table: Table, column: str, rows: Rows) -> Coded:
    found = integers(table, column, rows)
    if found is None:
        return _nothing(table, rows)
    values, present = found
    dense = _dense(values[present])
    codes = np.zeros(len(values), dtype=np.int64)
    codes[present] = dense.codes + 1
    return Coded(codes, np.concatenate(([MISSING], dense.ids)))


def _text(table: Table, column: str, rows: Rows, words: Vocabulary) -> Coded:
    codes = table.array(column)
    if codes is None:
        return _nothing(table, rows)
    return Coded(codes[rows], _ids(table, column, words))


def _nothing(table: Table, rows: Rows) -> Coded:
    count = len(rows) if isinstance(rows, np.ndarray) else table.count
    return Coded(np.zeros(count, dtype=np.uint8), np.array([MISSING]))


def _ids(table: Table, column: str, words: Vocabulary) -> Array:
    """Return MISSING and the numbers of the texts of the dictionary."""

    def look_up() -> Array:
        at, blob = table.once(f"{column}@"), table.once(f"{column}$")  # once: the numbers stay
        assert at is not None
        assert blob is not None
        return np.concatenate(([MISSING], words.numbers(split_texts(at, blob))))

    return table.kept(("numbers", column, words.stamp), look_up)


def _first_present(first: Coded, second: Coded) -> Coded:
    if len(second.ids) == 1:  # a column that the table does not have
        return first
    if len(first.ids) == 1:
        return second
    shift = len(first.ids)
    codes = np.where(first.codes != 0, first.codes, second.codes.astype(np.int64) + shift)
    return Coded(codes, np.concatenate((first.ids, second.ids)))


def _several(table: Table, columns: Sequence[str], rows: Rows, words: Vocabulary) -> Coded | Lists:
    """Return the different values of all these columns together."""
    having = [column for column in columns if table.array(column) is not None]
    if not having:
        return _nothing(table, rows)
    if len(having) == 1 and KINDS[having[0]] == "text":
        return _text(table, having[0], rows, words)
    count = len(rows) if isinstance(rows, np.ndarray) else table.count
    places: list[Array] = []
    codes: list[Array] = []
    ids = [np.array([MISSING])]
    for column in having:
        place, code = _spread(table, column, rows)
        places.append(place)
        codes.append(code + sum(map(len, ids)))
        ids.append(_ids(table, column, words)[1:])
    return _lists(np.concatenate(places), np.concatenate(codes), np.concatenate(ids), count)


def _spread(table: Table, column: str, rows: Rows) -> tuple[Array, Array]:
    """Return (row, number of the text) of every value of a column, texts from 0."""
    found = table.array(column)
    assert found is not None
    codes = found[rows].astype(np.int64)
    if KINDS[column] == "text":
        here = np.flatnonzero(codes)
        return here, codes[here] - 1
    begin, flat = table.array(f"{column}<"), table.array(f"{column}>")
    assert begin is not None
    assert flat is not None
    here = np.flatnonzero(codes)
    starts = begin[codes[here] - 1].astype(np.int64)
    sizes = begin[codes[here]].astype(np.int64) - starts
    return np.repeat(here, sizes), flat[flat_places(starts, sizes)].astype(np.int64)


def _lists(place: Array, codes: Array, ids: Array, count: int) -> Lists:
    """Return values by row, each once; a dictionary may hold a text twice, and two have it both."""
    distinct, number = np.unique(ids, return_inverse=True)
    without = np.ones(count, dtype=np.bool_)
    without[place] = False
    empty = np.flatnonzero(without)
    place = np.concatenate((place, empty))
    codes = number[np.concatenate((codes, np.zeros(len(empty), dtype=np.int64)))]
    pairs = np.unique(place * len(distinct) + codes)
    place, codes = np.divmod(pairs, len(distinct))
    sizes = np.bincount(place, minlength=count)
    return Lists(codes, np.cumsum(sizes) - sizes, sizes, distinct)
