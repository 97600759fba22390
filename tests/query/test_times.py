from datetime import UTC, datetime

import pytest

from whodid.query.parse import parse
from whodid.query.times import (
    DAY_US,
    absolute,
    parse_time,
    resolve,
    term_bounds,
    time_bounds,
    time_text,
)
from whodid.query.tree import Relative, Span

HOUR_US = DAY_US // 24


def us(*parts):
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 1_000_000


NOW_US = us(2026, 11, 22, 10, 30)


@pytest.mark.parametrize(
    ("text", "start_us", "end_us"),
    [
        ("2026", us(2026, 1, 1), us(2027, 1, 1)),
        ("2026-12", us(2026, 12, 1), us(2027, 1, 1)),
        ("2024-02", us(2024, 2, 1), us(2024, 3, 1)),
        ("2026-11-22", us(2026, 11, 22), us(2026, 11, 23)),
        ("2026-11-22T10", us(2026, 11, 22, 10), us(2026, 11, 22, 11)),
        ("2026-11-22 10:30", us(2026, 11, 22, 10, 30), us(2026, 11, 22, 10, 31)),
        ("2026-11-22t10:30:05z", us(2026, 11, 22, 10, 30, 5), us(2026, 11, 22, 10, 30, 6)),
        (
            "2026-11-22T10:30:05.12+02:00",
            us(2026, 11, 22, 8, 30, 5) + 120_000,
            us(2026, 11, 22, 8, 30, 5) + 130_000,
        ),
        (
            "2026-11-22T10:30:05.123456789-0130",
            us(2026, 11, 22, 12, 0, 5) + 123_456,
            us(2026, 11, 22, 12, 0, 5) + 123_457,
        ),
        ("1969-12-31", -DAY_US, 0),
        ("9999-12-31", us(9999, 12, 31), us(9999, 12, 31) + DAY_US),
        ("9999", us(9999, 1, 1), us(9999, 12, 31) + DAY_US),
    ],
)
def test_a_literal_is_a_stretch(text, start_us, end_us):
    span = parse_time(text)
    assert span == Span(start_us, end_us)
    assert parse_time(time_text(span)) == span


@pytest.mark.parametrize(
    ("text", "start_us", "width_us"),
    [
        ("now", NOW_US, 1),
        ("now-7d", NOW_US - 7 * DAY_US, 1),
        ("now+1h30m", NOW_US + HOUR_US * 3 // 2, 1),
        ("now-2w1s", NOW_US - 14 * DAY_US - 1_000_000, 1),
        ("today", us(2026, 11, 22), DAY_US),
        ("yesterday", us(2026, 11, 21), DAY_US),
    ],
)
def test_relative_times(text, start_us, width_us):
    value = parse_time(text)
    assert isinstance(value, Relative)
    assert absolute(value, NOW_US) == Span(start_us, start_us + width_us)
    assert parse_time(time_text(value)) == value


@pytest.mark.parametrize(
    "text", ["", "now-", "now7d", "7d", "2026-1-1", "20261122", "2026-11-22Z", "0000", "٢٠٢٦",
             "2026-11-22T10:60", "2026-11-22T10:30:60Z", "2026-11-22T10:30+24:00", "Now",
             "2026-11-22T"]
)  # fmt: skip
def test_what_is_no_time(text):
    assert parse_time(text) is None


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("time:2026-11-22", (us(2026, 11, 22), us(2026, 11, 23))),
        ("time:>2026-11-22", (us(2026, 11, 23), None)),
        ("time:>=2026-11-22", (us(2026, 11, 22), None)),
        ("time:<2026-11-22", (None, us(2026, 11, 22))),
        ("time:<=2026-11-22", (None, us(2026, 11, 23))),
        ("time:[2026-11-01 TO 2026-11-22]", (us(2026, 11, 1), us(2026, 11, 23))),
        ("time:[now-1d TO now]", (NOW_US - DAY_US, NOW_US + 1)),
        ("time:[* TO yesterday]", (None, us(2026, 11, 22))),
        ("time:>2026-11-01 a time:<2026-11-22", (us(2026, 11, 2), us(2026, 11, 22))),
        ("time:2026-11-01 OR time:2026-11-22", (us(2026, 11, 1), us(2026, 11, 23))),
        ("time:>2026-11-01 time:>2026-11-05", (us(2026, 11, 6), None)),
        ("time:<2026-11-01 time:<2026-11-05", (None, us(2026, 11, 1))),
        ("time:2026-11-01 OR a", (None, None)),
        ("time:2026-11-01 OR time:>2026-11-22", (us(2026, 11, 1), None)),
        ("-time:2026-11-01", (None, None)),
        ("received:2026-11-01", (None, None)),
        ("time:*", (None, None)),
        ("a", (None, None)),
    ],
)
def test_bounds_for_pruning(text, bounds):
    assert time_bounds(resolve(parse(text), NOW_US).filter) == bounds


def test_bounds_of_another_field():
    node = resolve(parse("received:2026-11-01"), NOW_US).filter
    assert time_bounds(node, "received") == (us(2026, 11, 1), us(2026, 11, 2))


def test_resolving_reaches_every_node():
    query = parse("NOT (time:>now-1d OR (a received:[now-1h TO *] time:today))")
    resolved = resolve(query, NOW_US)
    assert "Relative" in repr(query)
    assert "Relative" not in repr(resolved)
    assert resolve(resolved, 0) == resolved


def test_unresolved_times_are_refused():
    with pytest.raises(ValueError, match="resolve"):
        term_bounds(parse("time:>now-1d").filter)
