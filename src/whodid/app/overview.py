"""A place as a whole over a period, against the time before. Values only."""

from msgspec import Struct

from whodid.app.counts import HistogramAnswer
from whodid.index.compare import Ranked
from whodid.index.lags import Late
from whodid.index.survey import FieldSurvey, Grid, Survey
from whodid.query.times import DAY_US

__all__ = ["PERIODS", "FieldSurvey", "Grid", "Late", "OverviewAnswer", "Ranked", "Span3", "Survey"]

PERIODS: dict[str, int] = {"day": DAY_US, "week": 7 * DAY_US, "month": 30 * DAY_US}
"""Name of a period → how long it is (µs)."""

EARLIER = 4
"""What came and went is told against so many periods before this one."""


class Span3(Struct, frozen=True):
    """The times (µs UTC) of an overview: this period is [last, end), the one before [before, last),
    earlier ones [start, before).
    """  # noqa: D205 - the names do not fit one line

    start_us: int
    before_us: int
    last_us: int
    end_us: int

    @classmethod
    def until(cls, end_us: int, period_us: int) -> "Span3":
        """Return the times of a period that ends then."""
        return cls(
            end_us - (1 + EARLIER) * period_us, end_us - 2 * period_us, end_us - period_us, end_us
        )

    @property
    def stretches(self) -> tuple[tuple[int, int], ...]:
        """Return (first µs, first µs after) of this period, the last one and earlier ones."""
        return (
            (self.last_us, self.end_us),
            (self.before_us, self.last_us),
            (self.start_us, self.before_us),
        )


class OverviewAnswer(Struct, frozen=True):
    """The overview of a period; what rests on a field that the reader may not see is left out.

    The rest is as in a `SearchAnswer`.
    """

    period: str
    span: Span3
    survey: Survey
    histogram: HistogramAnswer
    is_exact: bool
    hidden_own: int
    checkpoint: str
    size: int
    warnings: list[str]
