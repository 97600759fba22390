"""Parts of a time, in UTC, for `minute` to `year`. Weeks are those of ISO 8601 (1 to 53)."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from whodid.detection.rule import Part
from whodid.normalize.timestamps import count_us, naive_us, rfc3339_us

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT_CHARS_MAX = 64


def part_of(value: Any, part: Part) -> int | None:
    """Return a part of a time: RFC 3339 (without a zone it is UTC), or a count since 1970.

    The size of a count tells its unit (s, ms, µs, ns). None for what is no time.
    """
    if value.__class__ is str:
        found = _read(value) if len(value) <= _TEXT_CHARS_MAX else None
    elif value.__class__ is int:
        found = _moment(count_us(value))
    else:
        return None
    if found is None:
        return None
    return found.isocalendar().week if part == "week" else int(getattr(found, part))


@lru_cache(maxsize=4096)
def _read(text: str) -> datetime | None:
    moment = rfc3339_us(text)
    return _moment(naive_us(text) if moment is None else moment)


def _moment(moment_us: int | None) -> datetime | None:
    if moment_us is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=moment_us)
    except OverflowError:
        return None
