"""A budget of alerts a day in place of thresholds.

With A actors a day and a budget of n, a day is told when at most n of A days are as unusual: when
the tail of its score is at most n / A. Where few actors act that would tell everything, so a day
must also be one of a hundred. The rest of the budget is not saved up, and no day has more than n.
"""

from math import log

RARE_MIN = log(100)
"""-ln P that a day needs at least."""


class Budget:
    """`told` findings were made on `day`; `kept_back` counts what passed but found it spent."""

    def __init__(self, alerts_per_day: int) -> None:
        self.alerts_per_day = alerts_per_day
        self.day = 0
        self.told = 0
        self.kept_back = 0

    def needed(self, active: float) -> float:
        """Return the -ln P that a day needs, with `active` actors a day."""
        if self.alerts_per_day <= 0:
            return float("inf")
        return max(log(max(active, 1.0) / self.alerts_per_day), RARE_MIN)

    def take(self, day: int) -> bool:
        """Spend one alert of `day`; False when it has none left."""
        if day != self.day:
            self.day, self.told = day, 0
        if self.told >= self.alerts_per_day:
            self.kept_back += 1
            return False
        self.told += 1
        return True
