"""Numbers for the texts of a field, the same in every table: what groups are told apart by.

Kept between searches, so that a segment's dictionary is looked up once. Bounded by
STATS_TEXTS_MAX: further texts are OTHER. Not safe for threads.
"""

from collections.abc import Hashable, Sequence
from itertools import count, repeat

import numpy as np

from whodid.limits import STATS_TEXTS_MAX, TEXTS_KEPT
from whodid.native import native

Array = np.ndarray
MISSING = int(np.iinfo(np.int64).min)
"""Stands for no value, among numbers of texts and among numbers."""

OTHER = MISSING + 1
"""Stands for a text beyond the bound."""

LEAST = MISSING + 2
"""The least number that stands for itself, or for one below it."""

MOST = -MISSING - 2
"""The greatest number that stands for itself, or for one above it."""


class Vocabulary:
    """The texts of one field. `stamp` names this one in caches of what was looked up in it."""

    def __init__(self, texts_max: int = STATS_TEXTS_MAX) -> None:
        self._texts_max = texts_max
        self._number: dict[bytes, int] = {}
        self._texts: list[bytes] = []
        self.stamp: Hashable = object()

    def __len__(self) -> int:
        return len(self._number)

    def numbers(self, texts: Sequence[bytes]) -> Array:
        """Return the number of each text; new ones are learned while there is room."""
        known = self._number
        if native is not None and len(texts) <= self._texts_max - len(known):
            codes, fresh = native.codes(list(texts), known, len(known))
            self._texts += fresh
            return np.frombuffer(codes, dtype=np.int32).astype(np.int64)
        found = list(map(known.get, texts))
        if None in found:
            unknown = (text for text, number in zip(texts, found, strict=True) if number is None)
            fresh = list(dict.fromkeys(unknown))[: self._texts_max - len(known)]
            known.update(zip(fresh, count(len(known)), strict=False))
            self._texts += fresh
            found = list(map(known.get, texts, repeat(OTHER)))
        return np.array(found, dtype=np.int64)

    def texts(self) -> list[bytes]:
        """Return all texts by number; not to be changed."""
        return self._texts


class Vocabularies:
    """One vocabulary a field; all are forgotten before a search when they are more than `kept`."""

    def __init__(self, texts_max: int = STATS_TEXTS_MAX, kept: int = TEXTS_KEPT) -> None:
        self._texts_max = texts_max
        self._kept = kept
        self._of: dict[str, Vocabulary] = {}

    def begin(self) -> None:
        """Begin a search: numbers that were given out before may no longer be valid."""
        if sum(map(len, self._of.values())) > self._kept:
            self._of.clear()

    def of(self, field: str) -> Vocabulary:
        """Return the vocabulary of a field."""
        found = self._of.get(field)
        if found is None:
            found = self._of[field] = Vocabulary(self._texts_max)
        return found
