"""Columns of the rows of an answer as plain arrays, table by table, for whoever computes with them.

What the arrays of a column are, by its kind; none at all when no row has a value:

* text: codes (0 absent, n the n-th text), and a dictionary (`dictionary`: at, blob);
* texts: where each row's begin (rows + 1), numbers of texts (from 0), and a dictionary;
* number: values (int64) and whether there is one (u8); time: µs (int64), always there;
* state: u8.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from whodid.event import Event
from whodid.index.coded import flat_places, integers, times
from whodid.index.columns import KINDS
from whodid.index.dictionary import encode_pieces, encode_texts, texts_at
from whodid.index.evaluate import masks
from whodid.index.opening import RowMatcher
from whodid.index.selection import Chosen
from whodid.index.table import Array, Table
from whodid.query.fields import STATES
from whodid.query.tree import Term

Arrays = list[Array]
INDEX = "index"
"""The name of the column of numbers of entries in the log, which is no field."""

_OPENED_AT_ONCE = 256
"""Rows whose events are in memory at once: each may be as large as a record."""


def extract(chosen: Chosen, fields: Sequence[str]) -> Iterator[Arrays]:
    """Yield the arrays of each of these fields with a column, of the chosen rows, in order."""
    rows = np.arange(chosen.table.count)[chosen.rows()]
    for field in fields:
        yield _column(chosen.table, field, rows)


def portions(chosen: Chosen) -> Iterator[tuple[Array, Callable[[str], Arrays]]]:
    """Yield the chosen rows a few at a time, as entries and what `extract` gives of a field.

    Dictionaries then have the texts of these rows only.
    """
    table = chosen.table
    every = np.arange(table.count)[chosen.rows()]
    for start in range(0, len(every), _OPENED_AT_ONCE):
        rows = every[start : start + _OPENED_AT_ONCE]

        def column(field: str, rows: Array = rows) -> Arrays:
            if KINDS.get(field) not in {"text", "texts"}:
                return _column(table, field, rows)
            for mark in "@$":
                table.array(f"{field}{mark}")  # to stay in the cache: each portion asks for it
            found = _column(table, field, rows)
            return _compact(found) if found else found

        yield rows + table.first, column


def _compact(arrays: Arrays) -> Arrays:
    """Return the arrays of a text or of texts with the texts that stand in them only."""
    *offsets, numbers, at, blob = arrays
    if offsets:
        used, place = np.unique(numbers, return_inverse=True)
        return [*offsets, place.astype(np.uint32), *encode_pieces(texts_at(at, blob, used))]
    used, place = np.unique(numbers, return_inverse=True)
    missing = len(used) > 0 and used[0] == 0
    texts = texts_at(at, blob, used[int(missing) :].astype(np.int64) - 1)
    codes = place if missing else place + 1
    return [codes.astype(np.uint32), *encode_pieces(texts)]


def _column(table: Table, field: str, rows: Array) -> Arrays:
    if field == INDEX:
        return [rows.astype(np.int64) + table.first, np.ones(len(rows), dtype=np.uint8)]
    if field in {"time", "received"}:
        return [times(table, field, rows).astype(np.int64)]
    if field in STATES:
        holds, _ = masks(Term(field, "exists"), table)
        return [np.broadcast_to(holds, table.count)[rows].astype(np.uint8)]
    return _number(table, field, rows) if KINDS[field] == "number" else _text(table, field, rows)


def _number(table: Table, field: str, rows: Array) -> Arrays:
    found = integers(table, field, rows)
    return [] if found is None else [found[0], found[1].astype(np.uint8)]


def _text(table: Table, field: str, rows: Array) -> Arrays:
    codes = table.array(field)
    if codes is None or not codes[rows].any():
        return []
    if KINDS[field] == "text":
        return [codes[rows], *_dictionary(table, field)]
    return [*_lists(table, field, codes[rows].astype(np.int64)), *_dictionary(table, field)]


def _dictionary(table: Table, field: str) -> Arrays:
    found = [table.once(f"{field}{mark}") for mark in "@$"]
    return [array for array in found if array is not None]


def _lists(table: Table, field: str, codes: Array) -> Arrays:
    begin, flat = table.array(f"{field}<"), table.array(f"{field}>")
    assert begin is not None
    assert flat is not None
    bounds = begin.astype(np.int64)
    starts = np.where(codes > 0, bounds[np.maximum(codes, 1) - 1], 0)
    sizes = np.where(codes > 0, bounds[np.maximum(codes, 1)] - starts, 0)
    offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)
    return [offsets, flat[flat_places(starts, sizes)]]


def opened(
    entries: Array,
    rows: RowMatcher,
    texts: Sequence[Callable[[Event], str | tuple[str, ...] | None]],
) -> list[Arrays]:
    """Return, as `extract` does, what each of these finds in the events of these entries."""
    part = entries.tolist()
    found = rows.opened(part)
    return [_plain([text(found[n].event) if n in found else None for n in part]) for text in texts]


def _plain(values: list[str | tuple[str, ...] | None]) -> Arrays:
    if any(isinstance(value, tuple) for value in values):
        lists = [value if isinstance(value, tuple) else () for value in values]
        sizes = [len(value) for value in lists]
        offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)
        flat = [text for value in lists for text in value]
        return [offsets, np.arange(len(flat), dtype=np.uint32), *encode_texts(flat)]
    there = np.array([value is not None for value in values], dtype=np.bool_)
    codes = np.where(there, np.cumsum(there), 0).astype(np.uint32)
    return [codes, *encode_texts([value for value in values if isinstance(value, str)])]
