"""Times as logs write them → µs since 1970, UTC. No clock, no time-zone database.

RFC 3339 with any offset and any number of decimals (truncated to µs), the same with a blank
instead of T or with " UTC", and counts of s, ms, µs or ns. A time without zone is read as UTC by
`naive_us` only, so that the caller can say so. A leap second is the second after it.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (the difference of two naive times)
_US = timedelta(microseconds=1)
_SECOND_US = 1_000_000
_LENGTH_MAX = 48
_parse = datetime.fromisoformat

_RFC3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}):([0-9]{2})(?:[.,]([0-9]{1,18}))?"
    r" ?([Zz]|UTC|GMT|[+-][0-9]{2}(?::?[0-9]{2})?)?"
).fullmatch

_DECIMAL = re.compile(r"[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch

_S_END = 1 << 35
_MS_END = _S_END * 1000
_US_END = _MS_END * 1000
_NS_END = _US_END * 1000


def rfc3339_us(text: str) -> int | None:
    """Read a time with its zone; None when it is none or has no zone."""
    try:
        # the usual layout, 2023-10-21T15:45:23.136Z, which the library reads strictly enough
        if text[-1] == "Z" and text[10] == "T" and text[19] in ".Z":
            return (_parse(text) - _EPOCH) // _US
    except (ValueError, IndexError, TypeError):
        pass
    return _read(text, zoned=True)


def naive_us(text: str) -> int | None:
    """Read a time without zone as UTC; None when it is none or has a zone."""
    return _read(text, zoned=False)


def _read(text: str, *, zoned: bool) -> int | None:
    if len(text) > _LENGTH_MAX or (match := _RFC3339(text)) is None:
        return None
    day, minute, second, decimals, zone = match.groups()
    if (zone is not None) != zoned:
        return None
    extra_us = 0
    if second == "60":
        second, extra_us = "59", _SECOND_US
    fraction = int((decimals or "0")[:6].ljust(6, "0"))
    try:
        time = _parse(f"{day}T{minute}:{second}")
        offset_us = 0 if zone is None or zone in "Zz UTC GMT" else _offset_us(zone)
    except ValueError:
        return None
    return (time - _NAIVE_EPOCH) // _US + fraction + extra_us - offset_us


def _offset_us(zone: str) -> int:
    """Read +hh, +hhmm or +hh:mm; raises ValueError for more than a day."""
    hours, minutes = int(zone[1:3]), int(zone[-2:]) if len(zone) > 3 else 0
    if hours > 23 or minutes > 59:
        raise ValueError(zone)
    offset = (hours * 60 + minutes) * 60 * _SECOND_US
    return -offset if zone[0] == "-" else offset


def decimal_seconds_us(text: str) -> int | None:
    """Read seconds in decimals (`1795288461.914`, `9.77e-05`), truncated to µs; None for others."""
    if len(text) > _LENGTH_MAX or _DECIMAL(text) is None:
        return None
    seconds = Decimal(text)
    return int(seconds * _SECOND_US) if seconds < _S_END else None


def count_us(count: int) -> int | None:
    """Read a count since 1970 whose size tells its unit: s below 2^35 (year 3058), ms, µs, ns.

    None for negative numbers and for those beyond the year 3058 in ns.
    """
    if count < 0:
        return None
    if count < _S_END:
        return count * _SECOND_US
    if count < _MS_END:
        return count * 1000
    if count < _US_END:
        return count
    return count // 1000 if count < _NS_END else None
