"""Counts of groups of texts in an array that has a cell for every group there can be.

For fields of which not too many texts are known: a row costs one addition, and the groups of one
table need not be joined with those of another. Texts go by their number in the vocabulary.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from whodid.index.table import Array
from whodid.index.vocabulary import MISSING
from whodid.native import native

_CELLS_MAX = 1 << 21
_CELLS_A_ROW = 64
"""Fewer rows are rather counted as groups of their own table."""

_NO_TEXT = 2
"""Slots before those of texts: MISSING and OTHER."""

_KEYS_MAX = 4


class Dense:
    """Counts by some keys, whose ids are numbers of texts, MISSING or OTHER."""

    def __init__(self, keys: int) -> None:
        self._sizes = [0] * keys
        self._counts = np.zeros(0, dtype=np.int64)

    def add(self, parts: Sequence[tuple[Array, Array]], texts: Sequence[int]) -> bool:
        """Count rows: codes, and what they stand for, of each key; False when it cannot.

        `texts` are the numbers of texts that are known of each key.
        """
        if not self._has_room(texts, len(parts[0][0])):
            return False
        keys = [
            (np.ascontiguousarray(codes), np.ascontiguousarray(ids), size)
            for (codes, ids), size in zip(parts, self._sizes, strict=True)
        ]
        if native is not None:
            native.count(
                self._counts,
                tuple((codes, codes.itemsize, ids, size) for codes, ids, size in keys),
            )
        else:
            count(self._counts, keys)
        return True

    def _has_room(self, texts: Sequence[int], rows: int) -> bool:
        if len(texts) > _KEYS_MAX:
            return False
        needed = [known + _NO_TEXT for known in texts]
        if all(size >= most for size, most in zip(self._sizes, needed, strict=True)):
            return len(self._counts) <= rows * _CELLS_A_ROW
        sizes = [
            max(size, most + (most >> 3) if size < most else most)
            for size, most in zip(self._sizes, needed, strict=True)
        ]
        if prod(sizes) > min(_CELLS_MAX, rows * _CELLS_A_ROW):
            return False
        grown = np.zeros(sizes, dtype=np.int64)
        grown[tuple(slice(size) for size in self._sizes)] = self._counts.reshape(self._sizes)
        self._sizes, self._counts = sizes, grown.reshape(-1)
        return True

    def take(self) -> tuple[list[Array], Array]:
        """Return (ids of each key, counts) of all groups so far, and forget them."""
        here = np.flatnonzero(self._counts)
        counts = self._counts[here]
        slots: list[Array] = []
        for size in reversed(self._sizes):
            here, slot = np.divmod(here, max(size, 1))
            slots.append(_ids(slot))
        self._counts = np.zeros(len(self._counts), dtype=np.int64)
        return slots[::-1], counts


def count(counts: Array, keys: Sequence[tuple[Array, Array, int]]) -> None:
    """Add rows to cells, as the compiled `count` does: (codes, ids, size) of each key."""
    cells = np.zeros(len(keys[0][0]), dtype=np.int64)
    for codes, ids, size in keys:
        slots = np.where(ids >= 0, ids + _NO_TEXT, ids - MISSING)
        cells = cells * size + slots[codes]
    counts += np.bincount(cells, minlength=len(counts))


def _ids(slots: Array) -> Array:
    found: Array = np.where(slots < _NO_TEXT, slots + MISSING, slots - _NO_TEXT)
    return found
