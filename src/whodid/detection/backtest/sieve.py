"""Which hits of a correlation can be in a finding at all, from their times and keys alone.

The look is wider than the correlation: a key is kept, with all of its hits, when somewhere enough
of them lie within the span, whatever else the correlation asks. Those of other keys can be in no
finding and need not be opened. Of kinds that look for what is missing or new nothing is told.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct

from whodid.detection.backtest.distinct import Array
from whodid.detection.rule import Correlation, Rule
from whodid.detection.windows.compare import only_lower
from whodid.detection.windows.plan import Plan
from whodid.limits import CORRELATION_ITEMS_MAX, SIEVE_HITS_MAX

_COUNTED = frozenset({"event_count", "value_count"})
_TOGETHER = frozenset({"temporal", "temporal_ordered"})
_BITS_MAX = 16


def is_sieved(plan: Plan) -> bool:
    """Tell whether hits of a correlation can be told apart here."""
    correlation = plan.correlation
    if not all(isinstance(rule, Rule) for rule in plan.below) or len(plan.below) > _BITS_MAX:
        return False
    if correlation.kind in _TOGETHER:
        return not correlation.compare
    return (
        correlation.kind in _COUNTED
        and bool(correlation.compare)
        and only_lower(correlation.compare)
        and needed(correlation) > 1
    )


def can_hold(plan: Plan, left: Sequence[int]) -> bool:
    """Tell whether a correlation that is sieved can hold at all, of so many hits of each rule."""
    if plan.kind in _TOGETHER:
        return all(left)
    values = CORRELATION_ITEMS_MAX if plan.kind == "value_count" else 1
    return sum(left) * values >= needed(plan.correlation)


def needed(correlation: Correlation) -> int:
    """Return how many must come together for a count to hold."""
    least = 0
    for item in correlation.compare:
        least = max(least, math.floor(item.bound) + 1 if item.op == "gt" else math.ceil(item.bound))
    return least


class Hits(Struct):
    """Hits of one of the rules of a correlation in one stretch, none twice with the same key.

    `keys` and `values` (i64) number what they are about, -1 where that is not known or several;
    hits that have no key are left out. `values` only matter where they are counted.
    """

    bit: int
    entries: Array
    keys: Array
    values: Array


class Sieve:
    """Hits of one correlation. Give it all of them, then ask which to open."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._parts: list[Hits] = []
        self.count = 0

    def add(self, hits: Hits) -> bool:
        """Take hits; False when there are too many to be looked at."""
        if len(hits.entries):
            self._parts.append(hits)
            self.count += len(hits.entries)
        return self.count <= SIEVE_HITS_MAX

    def all(self) -> Array:
        """Return all entries (unsorted)."""
        return np.concatenate([part.entries for part in self._parts])

    def possible(self, times_of: Callable[[Array], Array]) -> Array:
        """Return the entries (unsorted) that may be in a finding; `times_of` gives their µs."""
        if not self._parts:
            return np.zeros(0, dtype=np.int64)
        entries = np.concatenate([part.entries for part in self._parts])
        keys = np.concatenate([part.keys for part in self._parts])
        values = np.concatenate([part.values for part in self._parts])
        bits = np.concatenate([np.full(len(part.entries), part.bit) for part in self._parts])
        times = times_of(entries)
        counted = self._plan.kind == "value_count"
        unsure = (keys < 0) | ((values < 0) if counted else False)
        order = np.lexsort((times, keys))
        order = order[~unsure[order]]
        known = _Run(keys[order], times[order], bits[order], values[order])
        kept = self._kept(known, bits[unsure], int(unsure.sum()))
        chosen = np.isin(keys, kept) | unsure
        found: Array = entries[chosen]
        return found

    def _kept(self, run: "_Run", unsure_bits: Array, unsure: int) -> Array:
        """Return the keys of which enough come together; hits of unsure keys may be of any."""
        if self._plan.kind in _TOGETHER:
            anywhere = set(unsure_bits.tolist())
            bits = [bit for bit in range(len(self._plan.below)) if bit not in anywhere]
            return run.keys_with(bits, self._plan.span)
        if unsure and self._plan.kind == "value_count":
            return np.unique(run.keys)  # one of them may have many values
        least = needed(self._plan.correlation) - unsure
        kept = run.keys_of(least, self._plan.span)
        return run.keys_of_values(kept, least) if self._plan.kind == "value_count" else kept


class _Run(Struct):
    """Hits by key, then by time."""

    keys: Array
    times: Array
    bits: Array
    values: Array

    def keys_of(self, least: int, span_us: int) -> Array:
        """Return the keys of which so many hits lie within the span."""
        if least <= 1:
            return np.unique(self.keys)
        ahead = least - 1
        if len(self.keys) <= ahead:
            return np.zeros(0, dtype=np.int64)
        same = self.keys[ahead:] == self.keys[:-ahead]
        near = self.times[ahead:] - self.times[:-ahead] <= span_us
        return np.unique(self.keys[ahead:][same & near])

    def keys_of_values(self, keys: Array, least: int) -> Array:
        """Return those of some keys of which so many different values there are."""
        here = np.isin(self.keys, keys)
        pairs = np.unique(np.stack((self.keys[here], self.values[here])), axis=1)
        found, counts = np.unique(pairs[0], return_counts=True)
        kept: Array = found[counts >= least]
        return kept

    def keys_with(self, bits: Sequence[int], span_us: int) -> Array:
        """Return the keys of which a hit is followed by one of each of these within the span."""
        fits = np.ones(len(self.keys), dtype=np.bool_)
        for bit in bits:
            fits &= self._next(self.bits == bit) - self.times <= span_us
        return np.unique(self.keys[fits])

    def _moments(self) -> Array:
        """Return for each hit the place of the first one of its key and time."""
        begins = np.ones(len(self.keys), dtype=np.bool_)
        begins[1:] = (self.keys[1:] != self.keys[:-1]) | (self.times[1:] != self.times[:-1])
        places = np.where(begins, np.arange(len(self.keys)), 0)
        found: Array = np.maximum.accumulate(places)
        return found

    def _next(self, chosen: Array) -> Array:
        """Return for each hit when the first one among the chosen of its key is, from it on."""
        size = len(self.keys)
        never = np.iinfo(np.int64).max
        if not size or not chosen.any():
            return np.full(size, never >> 1)
        places = np.where(chosen, np.arange(size), size)
        following = np.minimum.accumulate(places[::-1])[::-1][self._moments()]
        there = np.minimum(following, size - 1)
        same = (following < size) & (self.keys[there] == self.keys)
        found: Array = np.where(same, self.times[there], never >> 1)
        return found
