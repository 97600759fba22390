"""The time before a syslog line, of RFC 3164 (`Oct 11 22:14:15`) and RFC 3339, and its labels.

The first has no year and no zone: the year is the latest that puts the line not more than a day
after it was received, the zone is taken for UTC.
"""

import re
from datetime import date

from whodid.normalize.timestamps import naive_us, rfc3339_us

SYSLOG_TIME = (
    r"(?P<time>[A-Z][a-z]{2} [ 0-3][0-9] (?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,]{5,20}(?:Z|[+-][0-9:]{2,6})?)"
)
"""A pattern with the group `time`."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = {name: number for number, name in enumerate(_MONTHS, 1)}
_EPOCH_DAYS = date(1970, 1, 1).toordinal()
_DAY_US = 86_400_000_000
_LEAP_YEARS_APART = 8
"""29 February comes again after eight years at most (1896 to 1904)."""

_SHORT = re.compile(r"([A-Z][a-z]{2}) ([ 0-3][0-9]) ([0-9]{2}):([0-9]{2}):([0-9]{2})").fullmatch


def syslog_time_us(written: str, received_us: int) -> tuple[int | None, tuple[str, ...]]:
    """Return the µs UTC of a time that `SYSLOG_TIME` matches, or None, and its labels."""
    match = _SHORT(written)
    if match is None:
        time = rfc3339_us(written)
        if time is not None:
            return time, ()
        time = naive_us(written)
        return time, ("invalid:time" if time is None else "assumed:utc",)
    month, day, hour, minute, second = match.groups()
    number, time = _MONTH.get(month), None
    if number is not None and day.strip(" ").isdigit():
        second_of_day = int(hour) * 3600 + int(minute) * 60 + int(second)
        time = year_completed_us(number, int(day), second_of_day, received_us)
    return time, ("invalid:time",) if time is None else ("assumed:year", "assumed:utc")


def year_completed_us(month: int, day: int, second_of_day: int, received_us: int) -> int | None:
    """Return the µs UTC of a time without year: the latest not over a day after `received_us`.

    None when no year has that day.
    """
    latest_us = received_us + _DAY_US
    try:
        year = date.fromordinal(latest_us // _DAY_US + _EPOCH_DAYS).year
    except (ValueError, OverflowError):
        return None
    for candidate in range(year, max(0, year - _LEAP_YEARS_APART - 1), -1):
        try:
            days = date(candidate, month, day).toordinal() - _EPOCH_DAYS
        except ValueError:
            continue
        time_us = days * _DAY_US + second_of_day * 1_000_000
        if time_us <= latest_us:
            return time_us
    return None
