"""The page of sources: `GET /sources`, sorted by one of its columns (`sort`, `-` before it)."""

from collections.abc import Callable
from typing import Any, NamedTuple

from starlette.responses import Response

from whodid.app.answer import SourceInfo
from whodid.app.source_state import SourceState
from whodid.query.own import OWN_SOURCE
from whodid.query.tree import Term
from whodid.web.html import count, lasting
from whodid.web.links import search_url, text_of
from whodid.web.visit import Visit

_MINUTE_US = 60_000_000
_HEIGHT = 20
_BAR = 4
_SEEN_MIN = 2

_COLUMNS: dict[str, tuple[str, bool]] = {
    "name": ("Source", False), "heard": ("Last heard (UTC)", True), "hour": ("Last 24 hours", True),
    "lag": ("On its way", True), "clock": ("Clock", False), "gaps": ("Numbers", True),
    "events": ("Events", True), "quarantined": ("Quarantined", True),
}  # fmt: skip
"""Name of a column → (its words, whether the greatest come first)."""

_ORDER: dict[str, Callable[[SourceState], Any]] = {
    "name": lambda state: state.info.name,
    "heard": lambda state: state.heard_us or 0,
    "hour": lambda state: (state.rhythm.hour, sum(state.rhythm.hours)) if state.rhythm else (0, 0),
    "lag": lambda state: state.way.median_us if state.way else -1,
    "clock": lambda state: state.clock or "unknown",
    "gaps": lambda state: state.gaps.missing if state.gaps else -1,
    "events": lambda state: state.info.events,
    "quarantined": lambda state: state.info.quarantined,
}


class Head(NamedTuple):
    """A column's head: `href` sorts by it, `sorted` tells which way it is sorted now."""

    name: str
    href: str
    sorted: str


class Bar(NamedTuple):
    """An hour of the sparkline."""

    x: int
    y: int
    height: int


class Row(NamedTuple):
    """A source as the page shows it. `clock` and `numbers` are words, `bad` ones stand out."""

    state: SourceState
    href: str
    bars: list[Bar]
    hours: str
    silence: str
    way: str
    slow: str
    clock: str
    clock_bad: bool
    numbers: str
    numbers_bad: bool


def show(visit: Visit) -> Response:
    """Answer `GET /sources`."""
    states = visit.site.reading.source_states(visit.caller())
    asked = visit.asked("sort")
    name, descending = asked.lstrip("-"), asked.startswith("-")
    if name not in _ORDER:
        name, descending = "name", False
    states.sort(key=lambda state: state.info.name)
    states.sort(key=_ORDER[name], reverse=descending)
    return visit.page(
        "sources.html",
        rows=[_row(state) for state in states],
        heads=[_head(column, name, descending=descending) for column in _COLUMNS],
        events=sum(state.info.events for state in states),
        width=24 * _BAR,
        height=_HEIGHT,
        quarantined_href=lambda source: _href(source, Term("_quarantined", "has", value=True)),
    )


def _head(column: str, name: str, *, descending: bool) -> Head:
    words, greatest = _COLUMNS[column]
    if column != name:
        return Head(words, f"/sources?sort={'-' if greatest else ''}{column}", "")
    other = f"/sources?sort={'' if descending else '-'}{column}"
    return Head(words, other, "descending" if descending else "ascending")


def _row(state: SourceState) -> Row:
    clock, clock_bad = _clock(state)
    numbers, numbers_bad = _numbers(state)
    hours = state.rhythm.hours if state.rhythm else []
    return Row(
        state, _href(state.info), _bars(hours), _hours(hours), _silence(state), *_way(state), clock,
        clock_bad, numbers, numbers_bad,
    )  # fmt: skip


def _bars(hours: list[int]) -> list[Bar]:
    peak = max(hours, default=0)
    found = []
    for number, events in enumerate(hours):
        if events:
            height = max(round(events * _HEIGHT / peak), _SEEN_MIN)
            found.append(Bar(number * _BAR, _HEIGHT - height, height))
    return found


def _hours(hours: list[int]) -> str:
    if not hours:
        return "nothing in the last 7 days"
    return f"{count(hours[-1])} in the last hour, {count(sum(hours))} in 24 hours"


def _silence(state: SourceState) -> str:
    rhythm = state.rhythm
    if not state.silent or rhythm is None or state.info.name == OWN_SOURCE:
        return ""
    since, pause = (
        lasting((minutes or 0) * _MINUTE_US)
        for minutes in (rhythm.since_minutes, rhythm.pause_minutes)
    )
    return f"silent for {since}; its longest pause in 7 days was {pause}"


def _way(state: SourceState) -> tuple[str, str]:
    if state.way is None:
        return "", ""
    return _span(state.way.median_us), f"95 % within {_span(state.way.p95_us)}"


def _clock(state: SourceState) -> tuple[str, bool]:
    way = state.way
    if way is None or state.clock is None:
        return "", False
    if state.clock == "ahead":
        return f"ahead by {_span(-way.least_us)}: {count(way.ahead, 'event')} from the future", True
    if state.clock == "even":
        return "even", False
    said = "behind or late" if state.clock_is_wrong else "late"
    return f"{said}, by {_span(way.least_us)} at least", state.clock_is_wrong


def _numbers(state: SourceState) -> tuple[str, bool]:
    gaps = state.gaps
    if gaps is None:
        return "", False
    if not gaps.numbers:
        return "not numbered", False
    if not gaps.gaps:
        return f"{count(gaps.numbers)}, no gap", False
    return f"{count(gaps.missing)} missing in {count(gaps.gaps, 'gap')}", True


def _span(span_us: int) -> str:
    return lasting(span_us) if span_us >= 0 else f"{span_us / 1e6:.3f} s"


def _href(source: SourceInfo, *more: Term) -> str:
    return search_url(text_of([Term("source", "has", source.name), *more]))
