"""Times to µs: RFC 3339 against the standard library, odd forms, counts."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.normalize.timestamps import count_us, naive_us, rfc3339_us

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_zones = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


_FIRST, _LAST = datetime(2, 1, 2), datetime(9998, 1, 1)  # noqa: DTZ001 (hypothesis adds the zone)


@given(st.datetimes(min_value=_FIRST, max_value=_LAST, timezones=_zones))
def test_every_offset(time):
    expected = (time - _EPOCH) // timedelta(microseconds=1)
    assert rfc3339_us(time.isoformat()) == expected
    assert rfc3339_us(time.isoformat(" ").replace("T", " ")) == expected
    utc = time.astimezone(UTC).isoformat().removesuffix("+00:00")
    assert rfc3339_us(utc + "Z") == expected
    assert naive_us(utc) == expected


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:01z", 1_000_000),
        ("1970-01-01 00:00:01.5 UTC", 1_500_000),
        ("1970-01-01T00:00:01.123456789+00", 1_123_456),
        ("1970-01-01T01:00:00+0100", 0),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ("1970-01-01T00:00:00", None),
        ("1970-01-01", None),
        ("1970-13-01T00:00:00Z", None),
        ("2023-02-29T00:00:00Z", None),
        ("1970-01-01T24:00:00Z", None),
        ("1970-01-01T00:00:00+24:00", None),
        ("0000-01-01T00:00:00Z", None),
        ("", None),
        ("Z" * 20, None),
        ("\u0661970-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z" + "0" * 9999, None),
    ],
)
def test_forms(text, time_us):
    assert rfc3339_us(text) == time_us


def test_counts():
    second = 1_697_903_123
    for power in (0, 3, 6, 9):
        assert count_us(second * 10**power) == second * 1_000_000
    assert count_us(-1) is None
    assert count_us(1 << 70) is None


@given(st.text(max_size=60))
def test_any_text(text):
    for value in (rfc3339_us(text), naive_us(text)):
        assert value is None or isinstance(value, int)
