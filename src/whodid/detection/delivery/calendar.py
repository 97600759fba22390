"""Working hours: whether a moment is in them, and when that changes next."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from whodid.detection.delivery.settings import Calendar
from whodid.errors import UsageError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS_AHEAD_MAX = 366
_MINUTES_OF_DAY = 24 * 60


class Hours:
    """A calendar that was read. Raises UsageError for one that cannot be."""

    def __init__(self, calendar: Calendar) -> None:
        try:
            self._zone = ZoneInfo(calendar.timezone)
        except (ValueError, OSError, KeyError) as error:  # ZoneInfoNotFoundError is a KeyError
            raise UsageError(f"there is no time zone {calendar.timezone!r}") from error
        self._days = {_DAYS.index(day) for day in calendar.days}
        self._start, self._end = _minutes(calendar.start), _minutes(calendar.end)
        if self._end <= self._start:  # past midnight
            self._end += _MINUTES_OF_DAY
        try:
            self._holidays = {date.fromisoformat(text) for text in calendar.holidays}
        except ValueError as error:
            raise UsageError(f"holidays: {error}; write YYYY-MM-DD") from error

    def holds(self, time_us: int) -> bool:
        """Tell whether a moment is in working hours."""
        today = self._local(time_us).date()
        return any(
            start <= time_us < end
            for day in (today - timedelta(days=1), today)
            for start, end in self._span(day)
        )

    def next_us(self, time_us: int, *, inside: bool) -> int | None:
        """Return the first moment, from this one on, that is inside or outside of them.

        None when there is none within a year.
        """
        if self.holds(time_us) == inside:
            return time_us
        first = self._local(time_us).date() - timedelta(days=1)
        for ahead in range(_DAYS_AHEAD_MAX):
            for start, end in self._span(first + timedelta(days=ahead)):
                edge = start if inside else end
                if edge >= time_us and self.holds(edge) == inside:
                    return edge
        return None

    def _local(self, time_us: int) -> datetime:
        return datetime.fromtimestamp(time_us / 1e6, self._zone)

    def _span(self, day: date) -> list[tuple[int, int]]:
        """Return the working hours that begin on a day: none or one (start, end)."""
        if day.weekday() not in self._days or day in self._holidays:
            return []
        return [(self._at(day, self._start), self._at(day, self._end))]

    def _at(self, day: date, minutes: int) -> int:
        # The wall clock counts: on the days of a change, 08:00 is still 08:00.
        days, minutes = divmod(minutes, _MINUTES_OF_DAY)
        day += timedelta(days=days)
        local = datetime(
            day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=self._zone
        )
        return int(local.astimezone(UTC).timestamp()) * 1_000_000


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
