"""The time of access logs: `21/Nov/2026:19:14:21 +0000` (Common Log Format)."""

import re
from datetime import date

_TIME = re.compile(
    r"(0[1-9]|[12][0-9]|3[01])/([A-Z][a-z]{2})/([0-9]{4})"
    r":([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60) ([+-])([0-9]{2})([0-5][0-9])"
).fullmatch
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = {name: number for number, name in enumerate(_MONTHS, 1)}
_EPOCH_DAYS = date(1970, 1, 1).toordinal()


def is_clf_time(text: str) -> bool:
    """Tell whether a text has the form of such a time."""
    return _TIME(text) is not None


def clf_time_us(text: str) -> int | None:
    """Return the µs of `21/Nov/2026:19:14:21 +0000`; None when it is not such a time.

    Second 60 is the first of the next minute.
    """
    match = _TIME(text)
    if match is None:
        return None
    day, month, year, hour, minute, second, sign, offset_hours, offset_minutes = match.groups()
    try:
        days = date(int(year), _MONTH[month], int(day)).toordinal() - _EPOCH_DAYS
    except (KeyError, ValueError):
        return None
    offset_s = int(offset_hours) * 3600 + int(offset_minutes) * 60
    local_s = days * 86400 + int(hour) * 3600 + int(minute) * 60 + int(second)
    return (local_s + offset_s if sign == "-" else local_s - offset_s) * 1_000_000
