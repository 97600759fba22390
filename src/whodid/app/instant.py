"""A time as answers show it."""

from whodid.clock import to_rfc3339


def instant(time_us: int) -> str | None:
    """Return µs since the epoch as RFC 3339 in UTC, None for a time that no calendar has."""
    try:
        return to_rfc3339(time_us)
    except OverflowError:
        return None
