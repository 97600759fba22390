"""What a source is to the story, and how instants are written in the formats."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from whodid.demo.act import Act

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Recorder(Protocol):
    """Turns acts of one source into records. `record` returns one record without line end."""

    def record(self, act: Act) -> bytes:
        """Write down one act, as this system would."""
        ...


def instant(time_us: int, utc_offset_h: int = 0) -> datetime:
    """Return the instant as a datetime; with an offset, the local one (still labelled UTC)."""
    return _EPOCH + timedelta(microseconds=time_us, hours=utc_offset_h)


def rfc3339_ms(time_us: int) -> str:
    """Return the instant in UTC with three decimals, as in 2026-11-22T10:00:00.000Z."""
    return instant(time_us).isoformat(timespec="milliseconds")[:23] + "Z"


def rfc3339_s(time_us: int) -> str:
    """Return the instant in UTC to the second, as CloudTrail writes it."""
    return instant(time_us).isoformat(timespec="seconds")[:19] + "Z"


def month(when: datetime) -> str:
    """Return the English three-letter month, whatever the locale."""
    return _MONTHS[when.month - 1]


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def json_bytes(record: Mapping[str, Any]) -> bytes:
    """Return compact JSON in UTF-8 without the members that are empty text or None."""
    return _encode(
        {key: value for key, value in record.items() if value is not None and value != ""}
    ).encode()


def exact_json_bytes(record: Mapping[str, Any]) -> bytes:
    """Return compact JSON in UTF-8, every member kept."""
    return _encode(record).encode()
