"""Groups while they are counted: rows of numbers, joined where their keys are equal.

Bounded: once there are more than `groups_max`, the largest stay and are counted on exactly; the
events of all others become `other`, and none of those groups ever comes back.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from whodid.index.vocabulary import MISSING

Array = np.ndarray
Join: TypeAlias = Literal["add", "min", "max"]
_JOINS: dict[Join, Callable[[Array, Array], Array]] = {
    "add": np.add.reduceat,
    "min": np.minimum.reduceat,
    "max": np.maximum.reduceat,
}
_AT: dict[Join, Callable[[Array, Array, Array], None]] = {
    "add": np.add.at,
    "min": np.minimum.at,
    "max": np.maximum.at,
}
_ADDED_MIN = 1 << 17
_CELLS_MAX = 1 << 22


class Groups:
    """Keys (int64, at least one column) and columns of one group a row; column 0 counts events."""

    def __init__(self, keys: int, joins: Sequence[Join], groups_max: int) -> None:
        self._joins = joins
        self._groups_max = groups_max
        self._keys = [np.zeros(0, dtype=np.int64) for _ in range(keys)]
        self._columns = [np.zeros(0, dtype=np.int64) for _ in joins]
        self._waiting: list[tuple[Sequence[Array], Sequence[Array]]] = []
        self._added = 0
        self._closed = False
        self.other = 0

    def add(self, keys: Sequence[Array], columns: Sequence[Array]) -> None:
        """Add rows; the same keys may stand in several of them."""
        if not len(keys[0]):
            return
        self._waiting.append((keys, columns))
        self._added += len(keys[0])
        if self._added > max(_ADDED_MIN, len(self._keys[0])):
            self._join()

    def finish(self) -> tuple[list[Array], list[Array]]:
        """Return the groups, ascending by their keys."""
        self._join()
        return self._keys, self._columns

    def __len__(self) -> int:
        self._join()
        return len(self._keys[0])

    def _join(self) -> None:
        if not self._waiting:
            return
        known = len(self._keys[0])
        parts = [(self._keys, self._columns), *self._waiting]
        self._waiting, self._added = [], 0
        keys = [np.concatenate([part[0][n] for part in parts]) for n in range(len(self._keys))]
        columns = [np.concatenate([p[1][n] for p in parts]) for n in range(len(self._joins))]
        if not len(keys[0]):
            return
        joined = _scattered(keys, columns, self._joins) or _sorted(keys, columns, self._joins)
        old = joined.first < known
        self._keys, self._columns = joined.keys, joined.columns
        self._bound(old)

    def _bound(self, old: Array) -> None:
        if self._closed:
            kept = old
        elif len(self._keys[0]) > self._groups_max:
            self._closed = True
            largest = np.argsort(-self._columns[0], kind="stable")[: self._groups_max]
            kept = np.zeros(len(self._keys[0]), dtype=np.bool_)
            kept[largest] = True
        else:
            return
        self.other += int(self._columns[0][~kept].sum())
        self._keys = [key[kept] for key in self._keys]
        self._columns = [column[kept] for column in self._columns]

    @property
    def closed(self) -> bool:
        """Tell whether there were more groups than are told apart."""
        self._join()
        return self._closed


class _Joined(NamedTuple):
    """Groups, ascending by their keys, and for each a row that it was made of, the least one."""

    keys: list[Array]
    columns: list[Array]
    first: Array


def _sorted(keys: list[Array], columns: list[Array], joins: Sequence[Join]) -> _Joined:
    one = _one_number(keys)
    order = np.lexsort(keys[::-1]) if one is None else np.argsort(one[0], kind="stable")
    keys = [key[order] for key in keys]
    begin = np.flatnonzero(_changes(keys if one is None else [one[0][order]]))
    joined = [
        _JOINS[join](column[order], begin) for join, column in zip(joins, columns, strict=True)
    ]
    return _Joined([key[begin] for key in keys], joined, order[begin])


def _scattered(keys: list[Array], columns: list[Array], joins: Sequence[Join]) -> _Joined | None:
    """Join without sorting, where the keys are few enough for an array of all that there can be."""
    one = _one_number(keys)
    if one is None or one[1] > max(_CELLS_MAX, 2 * len(keys[0])):
        return None
    number, cells = one
    first = np.full(cells, len(number), dtype=np.int32)
    first[number[::-1]] = np.arange(len(number) - 1, -1, -1, dtype=np.int32)
    here = np.flatnonzero(first < len(number))
    place = np.empty(cells, dtype=np.int32)
    place[here] = np.arange(len(here), dtype=np.int32)
    group, first = place[number], first[here]
    joined = []
    for join, column in zip(joins, columns, strict=True):
        total = np.zeros(len(here), dtype=np.int64) if join == "add" else column[first]
        _AT[join](total, group, column)
        joined.append(total)
    return _Joined([key[first] for key in keys], joined, first)


def _one_number(keys: list[Array]) -> tuple[Array, int] | None:
    """Return all keys of a row as one number from 0, in the same order, and how many there can be.

    None when these do not fit 62 bits.
    """
    total: Array | None = None
    size = 1
    for key in keys:
        missing = key == MISSING if len(key) and int(key.min()) == MISSING else None
        rest = key if missing is None else key[~missing]
        least, most = (int(rest.min()), int(rest.max())) if len(rest) else (0, 0)
        span = most - least + 2
        size *= span
        if size >= 1 << 62:
            return None
        number = key - (least - 1)
        if missing is not None:
            number[missing] = 0
        total = number if total is None else total * span + number
    assert total is not None
    return total, size


def _changes(keys: Sequence[Array]) -> Array:
    """Return where sorted keys differ from the row before."""
    changed = np.ones(len(keys[0]), dtype=np.bool_)
    if len(changed) > 1:
        changed[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return changed


def places(keys: Sequence[Array], others: Sequence[Array]) -> Array:
    """Return for each row of `others` the row of `keys` (sorted, none twice) it equals, or -1."""
    both = [np.concatenate(pair) for pair in zip(keys, others, strict=True)]
    count = len(keys[0])
    order = np.lexsort(both[::-1])  # stable: a row of `keys` comes before its equals
    number = np.cumsum(_changes([key[order] for key in both])) - 1
    first = np.full(int(number[-1]) + 1 if len(number) else 0, -1)
    ours = order < count
    first[number[ours]] = order[ours]
    found = np.empty(len(order), dtype=np.int64)
    found[order] = first[number]
    return found[count:]
