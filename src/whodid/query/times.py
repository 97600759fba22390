"""Times of a search: literals, relative times made absolute, and the bounds for pruning.

A literal denotes a stretch: `2026` a year, `2026-11` a month, `2026-11-22` a day,
`2026-11-22T10:30` a minute, and so on down to a microsecond; without a zone it is UTC (RFC 3339,
section 5.6, with parts left out from the right). Relative times are `now`, `now-7d`, `now-1h30m`
(units s, m, h, d, w), `today` and `yesterday`.

It reads no clock: whoever calls `resolve` says what now is.
"""

import re
from dataclasses import replace
from datetime import date

from whodid.query.tree import And, Node, Not, Or, Query, Range, Relative, Span, Term

_SECOND_US = 1_000_000
DAY_US = 86_400 * _SECOND_US
_UNITS_US = {
    "w": 7 * DAY_US,
    "d": DAY_US,
    "h": 3600 * _SECOND_US,
    "m": 60 * _SECOND_US,
    "s": _SECOND_US,
}
_OFFSET_US_MAX = 36_525 * DAY_US
_EPOCH_DAYS = date(1970, 1, 1).toordinal()
YEARS_US = (-_EPOCH_DAYS * DAY_US + DAY_US, (date.max.toordinal() + 1 - _EPOCH_DAYS) * DAY_US)
"""The years 1 to 9999, as (first µs, first µs after)."""

_DURATION = re.compile(r"(?:[0-9]{1,9}[smhdw]){1,5}", re.ASCII)
_RELATIVE = re.compile(r"now((?:[+-](?:[0-9]{1,9}[smhdw])+)?)", re.ASCII)
_PART = re.compile(r"([0-9]+)([smhdw])", re.ASCII)
_LITERAL = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?)?"
    r"([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?)?)?",
    re.ASCII,
)

_CLOCK_CHARS = {
    3600 * _SECOND_US: 2, 60 * _SECOND_US: 5, _SECOND_US: 8,
    **{10 ** (6 - digits): 9 + digits for digits in range(1, 6)},
}  # fmt: skip
"""How wide a time is (µs) that is written with so many characters of a clock."""


def parse_time(text: str) -> Span | Relative | None:
    """Read one time as typed; None when it is none or lies outside the years 1 to 9999."""
    if text == "today":
        return Relative(0, day=True)
    if text == "yesterday":
        return Relative(-DAY_US, day=True)
    if match := _RELATIVE.fullmatch(text):
        offset_us = sum(int(n) * _UNITS_US[unit] for n, unit in _PART.findall(match.group(1)))
        if offset_us > _OFFSET_US_MAX:
            return None
        return Relative(-offset_us if match.group(1).startswith("-") else offset_us)
    match = _LITERAL.fullmatch(text)
    return _span(match) if match else None


def _span(match: re.Match[str]) -> Span | None:
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        start_day = date(int(year), int(month or 1), int(day or 1)).toordinal()
    except ValueError:
        return None
    start_us = (start_day - _EPOCH_DAYS) * DAY_US
    if day is None:
        end_day = _next_start(int(year), int(month) if month else None)
        return Span(start_us, (end_day - _EPOCH_DAYS) * DAY_US)
    width_us = DAY_US
    for part, limit, unit in ((hour, 24, "h"), (minute, 60, "m"), (second, 60, "s")):
        if part is not None:
            if int(part) >= limit:
                return None
            width_us = _UNITS_US[unit]
            start_us += int(part) * width_us
    if fraction is not None:
        width_us = 10 ** max(0, 6 - len(fraction))
        start_us += int(fraction[:6].ljust(6, "0"))
    if zone not in {None, "Z", "z"}:
        hours, minutes = int(zone[1:3]), int(zone[-2:])
        if hours >= 24 or minutes >= 60:
            return None
        shift_us = hours * _UNITS_US["h"] + minutes * _UNITS_US["m"]
        start_us -= shift_us if zone[0] == "+" else -shift_us
    end_us = start_us + width_us
    return Span(start_us, end_us) if YEARS_US[0] <= start_us and end_us <= YEARS_US[1] else None


def _next_start(year: int, month: int | None) -> int:
    """Return the ordinal of the day after this year or month; the year 10000 is thought on."""
    if month is None or month == 12:
        return date(year, 12, 31).toordinal() + 1
    return date(year, month + 1, 1).toordinal()


def parse_duration(text: str) -> int | None:
    """Read a length of time such as `5m` or `1h30m`, in µs; None when it is none."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(int(n) * _UNITS_US[unit] for n, unit in _PART.findall(text))


def duration_text(width_us: int) -> str:
    """Write whole seconds so that `parse_duration` reads the same."""
    return _relative_text(Relative(width_us)).removeprefix("now+")


def time_text(value: Span | Relative) -> str:
    """Write a time so that `parse_time` reads the same; a Span in its shortest form, UTC.

    A Span that no literal denotes (never made by the parser) is written as its first microsecond.
    """
    if isinstance(value, Relative):
        return _relative_text(value)
    days, rest_us = divmod(value.start_us, DAY_US)
    begin = date.fromordinal(days + _EPOCH_DAYS)
    day, width_us = begin.isoformat(), value.end_us - value.start_us
    if rest_us == 0 and width_us % DAY_US == 0:
        if width_us == DAY_US:
            return day
        end = width_us // DAY_US + days + _EPOCH_DAYS
        if begin.day == begin.month == 1 and end == _next_start(begin.year, None):
            return day[:4]
        if begin.day == 1 and end == _next_start(begin.year, begin.month):
            return day[:7]
    length = _CLOCK_CHARS.get(width_us, 0) if rest_us % max(width_us, 1) == 0 else 0
    return f"{day}T{_clock_text(rest_us)[: length or None]}Z"


def _clock_text(rest_us: int) -> str:
    seconds, us = divmod(rest_us, _SECOND_US)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{us:06}"


def _relative_text(value: Relative) -> str:
    if value.day:
        return "today" if value.offset_us == 0 else "yesterday"
    sign = "-" if value.offset_us < 0 else "+"
    rest = abs(value.offset_us)
    parts = ""
    for unit, unit_us in _UNITS_US.items():
        count, rest = divmod(rest, unit_us)
        if count and not (unit == "w" and rest):
            parts += f"{count}{unit}"
        elif count:
            rest += count * unit_us
    return f"now{sign}{parts}" if parts else "now"


def absolute(value: Span | Relative, now_us: int) -> Span:
    """Make a time absolute, now being `now_us` (µs since 1970)."""
    if isinstance(value, Span):
        return value
    at_us = now_us + value.offset_us
    if not value.day:
        return Span(at_us, at_us + 1)
    start_us = at_us - at_us % DAY_US
    return Span(start_us, start_us + DAY_US)


def resolve(query: Query, now_us: int) -> Query:
    """Return the query with every relative time made absolute, now being `now_us`."""
    return query.mapped(lambda node: resolve_node(node, now_us))


def resolve_node(node: Node, now_us: int) -> Node:
    """Return the tree with every relative time made absolute, now being `now_us`."""
    if isinstance(node, And | Or):
        return type(node)(tuple(resolve_node(item, now_us) for item in node.items))
    if isinstance(node, Not):
        return Not(resolve_node(node.item, now_us))
    if isinstance(node, Term):
        value = node.value
        if isinstance(value, Relative):
            return replace(node, value=absolute(value, now_us))
        if isinstance(value, Range):
            low, high = (
                absolute(end, now_us) if isinstance(end, Relative) else end
                for end in (value.low, value.high)
            )
            return replace(node, value=Range(low, high))
    return node


def term_bounds(term: Term) -> tuple[int | None, int | None]:
    """Return (lo, hi) such that a resolved time term holds exactly for lo ≤ t < hi, in µs.

    None is open. Raises ValueError for a relative time, which must be resolved before.
    """
    value = term.value
    if isinstance(value, Range):
        low, high = value.low, value.high
        return (
            None if low is None else _resolved(low).start_us,
            None if high is None else _resolved(high).end_us,
        )
    if term.op == "exists":
        return None, None
    span = _resolved(value)
    bounds: dict[str, tuple[int | None, int | None]] = {
        ">": (span.end_us, None),
        ">=": (span.start_us, None),
        "<": (None, span.start_us),
        "<=": (None, span.end_us),
    }
    return bounds.get(term.op, (span.start_us, span.end_us))


def _resolved(value: object) -> Span:
    if not isinstance(value, Span):
        raise ValueError(f"not an absolute time, call resolve first: {value!r}")  # noqa: TRY004
    return value


def time_bounds(node: Node, field: str = "time") -> tuple[int | None, int | None]:
    """Return (lo, hi) such that only events with lo ≤ time < hi can match, in µs; None is open.

    For pruning: events outside cannot match, events inside may not. The tree must be resolved.
    """
    if isinstance(node, Term) and node.field == field:
        return term_bounds(node)
    if isinstance(node, And):
        lows, highs = zip(*(time_bounds(item, field) for item in node.items), strict=True)
        return (
            max((low for low in lows if low is not None), default=None),
            min((high for high in highs if high is not None), default=None),
        )
    if isinstance(node, Or):
        lows, highs = zip(*(time_bounds(item, field) for item in node.items), strict=True)
        return (None if None in lows else min(lows), None if None in highs else max(highs))
    return None, None
