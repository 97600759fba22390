"""Events in another order than by time: the first of them by some columns, the newest where equal.

Of each table only as many rows as are wanted are looked at closely, so memory does not grow with
the answer. There is one page.
"""

from typing import Any

import numpy as np

from whodid.index.coded import Coded, coded, times
from whodid.index.selection import Chosen, Selection
from whodid.index.table import Array
from whodid.index.vocabulary import MISSING, Vocabularies
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.pipes import Order, Sort


def first_of(
    sort: Sort, selection: Selection, limit: int, vocabularies: Vocabularies
) -> list[tuple[int, int]]:
    """Return (time, index) of the first `limit` events in this order."""
    best: list[tuple[list[Any], int, int]] = []
    for chosen in selection.chosen:
        best += _of_table(sort, chosen, limit, vocabularies)
        best.sort(key=lambda item: (item[0], -item[1], -item[2]))
        del best[limit:]
    return [(time_us, index) for _, time_us, index in best]


def _of_table(
    sort: Sort, chosen: Chosen, limit: int, vocabularies: Vocabularies
) -> list[tuple[list[Any], int, int]]:
    table = chosen.table
    rows = np.arange(table.count)[chosen.rows()]
    at = times(table, "time", rows)
    columns: list[Array] = []
    held = []
    for order in sort.orders:
        item = _values(order, chosen, rows, vocabularies)
        held.append(item)
        missing, rank = item.ids[item.codes] == MISSING, _ranks(item, order, vocabularies)
        columns += [missing, rank[item.codes]]
    ranked = np.lexsort([~rows, ~at, *columns[::-1]])[:limit]
    found = []
    for place in ranked.tolist():
        key = [
            _key(item, o, place, vocabularies) for o, item in zip(sort.orders, held, strict=True)
        ]
        found.append((key, int(at[place]), int(rows[place]) + table.first))
    return found


def _values(order: Order, chosen: Chosen, rows: Array, vocabularies: Vocabularies) -> Coded:
    if SEARCH_FIELDS[order.name].kind == "time":
        ids, codes = np.unique(times(chosen.table, order.name, rows), return_inverse=True)
        return Coded(codes, ids)
    found = coded(chosen.table, order.name, rows, vocabularies.of(order.name))
    assert isinstance(found, Coded)  # the language sorts by single values only
    return found


def _ranks(item: Coded, order: Order, vocabularies: Vocabularies) -> Array:
    """Return the place of each id in the order; that of a missing one does not matter."""
    ranks = np.zeros(len(item.ids), dtype=np.int64)
    here = np.unique(item.codes)
    if SEARCH_FIELDS[order.name].kind in {"integer", "time"}:
        ranks[here] = item.ids[here]
    else:
        texts = vocabularies.of(order.name).texts()
        words = [_word(texts, number) for number in item.ids[here].tolist()]
        rank = {word: number for number, word in enumerate(sorted(set(words)))}
        ranks[here] = [rank[word] for word in words]
    return ~ranks if order.descending else ranks


def _word(texts: list[bytes], number: int) -> str:
    """Return a text; one beyond the bound of the vocabulary is empty, so it comes first."""
    return texts[number].decode("utf-8", "replace") if number >= 0 else ""


def _key(item: Coded, order: Order, place: int, vocabularies: Vocabularies) -> Any:
    number = int(item.ids[item.codes[place]])
    if number == MISSING:
        return (1, 0)
    if SEARCH_FIELDS[order.name].kind in {"integer", "time"}:
        return (0, -number if order.descending else number)
    word = _word(vocabularies.of(order.name).texts(), number)
    return (0, _Descending(word) if order.descending else word)


class _Descending:
    """A text that sorts the other way round."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __lt__(self, other: "_Descending") -> bool:
        return self._text > other._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Descending) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)
