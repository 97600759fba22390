"""How rare a value is among the ledger's own recent days: tail probabilities without thresholds.

A decayed histogram; above its 95th percentile an exponential with the mean excess found there, so
that what was never seen is rarer than what was seen once. Before there are days enough a logistic
stands in.
"""

import math

import numpy as np

LOW, STEP, BINS = -12.0, 0.125, 512
PRIOR_DAYS = 60.0
"""The stand-in weighs as much as so many actors' days."""
_UPPER = 0.05
_LUMP = 0.05
"""A bin with more of the days is one value that comes again and again: it is not divided."""
_EXCESS_MIN = 0.35
_LN_P_MAX = 60.0

_EDGES = LOW + STEP * np.arange(BINS + 1)
_ABOVE = 1.0 / (1.0 + np.exp(_EDGES - 0.5))
_PRIOR = _ABOVE[:-1] - _ABOVE[1:]
_PLACES = np.arange(BINS)


class Tail:
    """One statistic. `counts` are decayed actors' days per bin; `refresh` makes the table."""

    __slots__ = ("_cut", "_excess", "_rise", "_table", "counts")

    def __init__(self) -> None:
        self.counts = [0.0] * BINS
        self._table: list[float] = []
        self._rise: list[float] = []
        self._cut = 0.0
        self._excess = 1.0
        self.refresh(1.0)

    @property
    def days(self) -> float:
        """Decayed number of actors' days that it knows."""
        return math.fsum(self.counts)

    def add(self, value: float) -> None:
        """Count one actor's day."""
        place = int((value - LOW) / STEP)
        self.counts[0 if place < 0 else min(place, BINS - 1)] += 1.0

    def refresh(self, left: float) -> None:
        """Let what is known fade to `left` of it and make the table of tails anew."""
        counts = np.array(self.counts) * left
        self.counts = counts.tolist()
        known = float(counts.sum())
        whole = counts + PRIOR_DAYS / (1.0 + known / PRIOR_DAYS) * _PRIOR
        above = np.append(np.cumsum(whole[::-1])[::-1], 0.0)
        total = float(above[0])
        cut = int(np.argmax(above <= _UPPER * total))
        beyond = float(above[cut])
        excess = float((whole[cut:] * (_PLACES[cut:] - cut + 0.5)).sum()) * STEP
        self._excess = max(excess / beyond, _EXCESS_MIN) if beyond > 0.0 else _EXCESS_MIN
        self._cut = LOW + STEP * cut
        table = -np.log(np.maximum(above[: cut + 1], 1e-9) / total)
        rise = np.where(whole[:cut] > _LUMP * total, 0.0, table[1:] - table[:-1])
        self._table, self._rise = table.tolist(), rise.tolist()

    def __call__(self, value: float) -> float:
        """Return -ln P(a day's statistic is at least `value`), 0 at the least."""
        if value >= self._cut:
            return min(self._table[-1] + (value - self._cut) / self._excess, _LN_P_MAX)
        place = (value - LOW) / STEP
        if place <= 0.0:
            return 0.0
        whole = int(place)
        return self._table[whole] + (place - whole) * self._rise[whole]
