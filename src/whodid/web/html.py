"""The Jinja environment: escaping always on, an unknown name is an error, our few filters."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from whodid.web.cells import cells, share
from whodid.web.inert import inert, inert_lines, plain

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE_US = 60_000_000
_UNITS = (("d", 86_400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1))
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September",
           "October", "November", "December")  # fmt: skip


def environment() -> Environment:
    """Return the environment of the package's templates."""
    found = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    found.filters |= {
        "inert": inert,
        "inert_lines": inert_lines,
        "plain": plain,
        "clock": clock,
        "day": day,
        "moment": moment,
        "minute": minute,
        "short": short,
        "count": count,
        "iso": _iso,
        "cells": cells,
        "share": share,
        "lasting": lasting,
    }
    return found


def day(time_us: int) -> str:
    """Return the UTC day: `Sunday 22 November 2026`."""
    at = _at(time_us)
    return f"{_DAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]} {at.year}"


def days_of_week() -> tuple[str, ...]:
    """Return the names of the days, from Monday on."""
    return _DAYS


def clock(time_us: int) -> Markup:
    """Return the UTC time of day to the second as a <time> that holds all of it."""
    return _time(time_us, f"{_at(time_us):%H:%M:%S}")


def moment(time_us: int) -> Markup:
    """Return weekday, day and UTC time as exact as it is known as a <time>."""
    at = _at(time_us)
    fraction = f"{at:.%f}" if at.microsecond else ""
    if fraction.endswith("000"):
        fraction = fraction[:4]
    return _time(time_us, f"{_date(at)}, {at:%H:%M:%S}{fraction} UTC")


def minute(time_us: int) -> Markup:
    """Return weekday, day and UTC time to the minute as a <time> that holds all of it."""
    at = _at(time_us)
    return _time(time_us, f"{_date(at)}, {at:%H:%M}")


def short(time_us: int) -> Markup:
    """Return day and UTC time to the minute, where the year is told beside it, as a <time>."""
    at = _at(time_us)
    return _time(time_us, f"{at.day} {_MONTHS[at.month - 1][:3]}, {at:%H:%M}")


def moment_text(time_us: int) -> str:
    """Return day and UTC time to the minute, to the second where that is not whole."""
    at = _at(time_us)
    return f"{_date(at)}, {at:%H:%M:%S}" if time_us % 60_000_000 else f"{_date(at)}, {at:%H:%M}"


def day_text(time_us: int) -> str:
    """Return the UTC day, shorter than `day`."""
    return _date(_at(time_us))


def _date(at: datetime) -> str:
    return f"{_DAYS[at.weekday()][:3]} {at.day} {_MONTHS[at.month - 1][:3]} {at.year}"


def lasting(span_us: int) -> str:
    """Return a stretch of time as exact as one reads it: `0.204 s`, `5 min 3 s`, `2 d 4 h`."""
    if span_us < _MINUTE_US:
        return f"{span_us / 1e6:.3f} s"
    seconds = span_us // 1_000_000
    for large, size, small, step in _UNITS:
        if seconds >= size:
            rest = seconds % size // step
            return f"{seconds // size} {large}" + (f" {rest} {small}" if rest else "")
    raise AssertionError  # the last unit is a minute


def count(number: int, noun: str = "") -> str:
    """Return a number with thousands separated, and the noun in its plural unless it is one."""
    if not noun:
        return f"{number:,}"
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _at(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)


def _time(time_us: int, shown: str) -> Markup:
    return Markup(f'<time datetime="{_iso(time_us)}">{shown}</time>')  # noqa: S704 - ours


def _iso(time_us: int) -> str:
    return f"{_at(time_us):%Y-%m-%dT%H:%M:%S.%fZ}"
