"""Sums, means, medians and percentiles of a number in a window.

Sums are exact (whole numbers and fractions), so that nothing drifts while hits come and go.
Percentiles are interpolated between the two nearest ranks.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from whodid.detection.windows.compare import Holds, bound_words, holds_all, least_of, only_lower
from whodid.detection.windows.hit import KEY, SHOWN, VALUE, Hit
from whodid.detection.windows.machine import SetTimer
from whodid.detection.windows.plan import Plan
from whodid.detection.windows.windowed import Window, Windowed
from whodid.detection.windows.words import events, number, of_whom, span, titles
from whodid.errors import InputError

Number: TypeAlias = int | float
Exact: TypeAlias = int | Fraction

_FLOATS_EXACT = 2**52
"""Whole numbers below it are exact as floats."""

_NAMES = {
    "value_sum": "the sum", "value_avg": "the mean", "value_median": "the median",
    "value_percentile": "the {} percentile",
}  # fmt: skip


class Measure(Windowed[Any]):
    """What sums and ranks have in common. The value of a hit is a tuple of numbers, never empty."""

    totals = True

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        self._holds: Holds = holds_all(plan.correlation.compare)
        self.undone = True

    def measure(self, window: Window[Any]) -> float | Exact:
        """Return what is compared with the bound."""
        raise NotImplementedError

    def holds(self, window: Window[Any], time: int) -> bool:  # noqa: ARG002 - as all kinds
        """Tell whether the measure is as was said."""
        return self._holds(self.measure(window))

    def measured(self, window: Window[Any]) -> tuple[tuple[str, str], ...]:
        """Return the measure."""
        rule = self.plan.correlation
        return ((f"{rule.kind} {rule.fields[0]}", number(self.measure(window))),)

    def why(self, window: Window[Any], hits: list[Hit]) -> str:
        """Return e.g. `the sum of rows is 120,000 in 14 events “Export” of alice; …`."""
        rule = self.plan.correlation
        name = _NAMES[rule.kind].format(_ordinal(rule.percent))
        return (
            f"{name} of {rule.fields[0]} is {number(self.measure(window))} in "
            f"{events(len(hits))} {titles(self.plan.below)}"
            f"{of_whom(rule.group_by, hits[0][SHOWN])} within {span(rule.span_us)}; "
            f"{bound_words(rule.compare)}"
        )

    def value_of(self, stored: Any) -> Any:
        """Return the numbers of one event."""
        if not isinstance(stored, list) or not stored:
            raise InputError("state of a correlation: no numbers")
        for item in stored:
            if not isinstance(item, int | float) or not math.isfinite(item):
                raise InputError("state of a correlation: no numbers")
        return tuple(stored)


class Sum(Measure):
    """value_sum and value_avg: [sum, how many, how many of them are below zero]."""

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        self._mean = plan.kind == "value_avg"
        self.undone = self._mean or not only_lower(plan.correlation.compare)

    def nothing(self) -> list[Any]:
        """Return the sum of nothing."""
        return [0, 0, 0]

    def enter(self, window: Window[Any], hit: Hit) -> bool:
        """Add its numbers."""
        extra = window.extra
        for value in hit[VALUE]:
            extra[0] += _exact(value)
            extra[1] += 1
            extra[2] += value < 0
        return True

    def leave(self, window: Window[Any], hit: Hit) -> None:
        """Take its numbers away."""
        extra = window.extra
        for value in hit[VALUE]:
            extra[0] -= _exact(value)
            extra[1] -= 1
            extra[2] -= value < 0

    def measure(self, window: Window[Any]) -> Exact:
        """Return the sum or the mean."""
        total, count, _ = window.extra
        found: Exact = Fraction(total) / count if self._mean else total
        return found

    def can_hold(self, window: Window[Any] | None, hits: Sequence[Hit]) -> bool:
        """Tell whether all together reach it; numbers below zero could take it back again."""
        total, _, negative = window.extra if window else (0, 0, 0)
        values = [value for hit in hits for value in hit[VALUE]]
        if negative or any(value < 0 for value in values):
            return False
        return self._holds(total + sum(map(_exact, values)))

    def room(self, hits: Sequence[Hit]) -> list[float] | None:
        """Return [what may be added]; nothing while a number below zero could go away."""
        window = self.keys.get(hits[0][KEY])
        total, _, negative = window.extra if window else (0, 0, 0)
        values = [value for hit in hits for value in hit[VALUE]]
        if negative or any(value < 0 for value in values):
            return None
        bound = least_of(self.plan.correlation.compare)
        reached = math.ceil(total + sum(map(_exact, values)))
        return [bound - reached] if reached < bound < _FLOATS_EXACT else None

    def fits(self, room: list[float], hit: Hit) -> bool:
        """Tell whether too little was added, as whole numbers, those below zero left out."""
        room[0] -= sum(max(math.ceil(value), 0) for value in hit[VALUE])
        return room[0] > 0


class Rank(Measure):
    """value_median and value_percentile: the numbers of the window, ascending."""

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        self._percent = 50 if plan.kind == "value_median" else plan.correlation.percent

    def nothing(self) -> list[Number]:
        """Return the numbers of an empty window."""
        return []

    def enter(self, window: Window[Any], hit: Hit) -> bool:
        """Put its numbers in."""
        for value in hit[VALUE]:
            insort(window.extra, value)
        return True

    def leave(self, window: Window[Any], hit: Hit) -> None:
        """Take its numbers out."""
        for value in hit[VALUE]:
            del window.extra[bisect_left(window.extra, value)]

    def measure(self, window: Window[Any]) -> float:
        """Return the percentile, interpolated."""
        return percentile(window.extra, self._percent)


def percentile(ascending: list[Number], percent: int) -> float:
    """Return a percentile of numbers: between the two nearest ranks, by linear interpolation."""
    place = (len(ascending) - 1) * percent
    low, rest = divmod(place, 100)
    if not rest:
        return float(ascending[low])
    return float(ascending[low] + Fraction(ascending[low + 1] - ascending[low]) * rest / 100)


def _exact(value: Number) -> Exact:
    return value if isinstance(value, int) else Fraction(value)


def _ordinal(percent: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(percent % 10, "th")
    return f"{percent}{'th' if percent % 100 in (11, 12, 13) else ending}"
