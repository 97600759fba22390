"""The histogram above the events: an SVG of stacked bars, each a link that narrows the time to it.

Drawn on the server, stretched by the browser: so there is no text in it, and the words stand
around it. Bars are no tab stops; the table of the same numbers is one link away. `zoom`, `edges`
and `counts` are for the script that lets several bars be chosen (`static/brush.js`).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from whodid.app.counts import Bar, HistogramAnswer
from whodid.query.render_pipes import query_text
from whodid.query.times import DAY_US
from whodid.query.tree import Query, all_of
from whodid.web.html import count, day_text, moment_text
from whodid.web.links import search_url
from whodid.web.time_range import span_term, timed, with_filter, with_time

OUTCOMES = ("success", "unknown", "failure", "denied")
"""From the bottom of a bar to its top."""

BARS = 60
_HEIGHT = 100
_WIDTH = 10
_GAP = 2
_SEEN_MIN = 2
_SECOND_US = 1_000_000
_WORDS = {
    "1s": "per second", "5s": "per 5 seconds", "15s": "per 15 seconds", "1m": "per minute",
    "5m": "per 5 minutes", "15m": "per 15 minutes", "1h": "per hour", "3h": "per 3 hours",
    "6h": "per 6 hours", "12h": "per 12 hours", "day": "per day", "week": "per week",
    "month": "per month", "year": "per year",
}  # fmt: skip
_TABLED = frozenset({"1m", "5m", "15m", "1h", "3h", "6h", "12h", "day", "week", "month", "year"})


class Rect(NamedTuple):
    """One outcome of one bar."""

    kind: str
    y: int
    height: int


class Drawn(NamedTuple):
    """One bar. `href` is None when nothing happened then."""

    x: int
    width: int
    label: str
    href: str | None
    rects: list[Rect]


class Chart(NamedTuple):
    """The chart and the words around it.

    `edges` are where the bars begin, and where the last ends (s since 1970); `counts` their events;
    `zoom` is the address that takes a `span` of them.
    """

    width: int
    height: int
    hit: int
    bars: list[Drawn]
    per: str
    peak: int
    totals: list[tuple[str, int]]
    ends: list[str]
    table_href: str | None
    zoom: str
    edges: list[int]
    counts: list[int]


def chart(
    answer: HistogramAnswer | None, query: Query, *, own: bool, columns: Sequence[str] = ()
) -> Chart | None:
    """Return the chart of an answer; None when there is nothing to draw."""
    if answer is None or not answer.bars:
        return None
    href = partial(search_url, own=own, columns=columns)
    peak = max(bar.count for bar in answer.bars)
    edges = {0, len(answer.bars) - 1} if timed(query) and len(answer.bars) > 1 else set()
    bars = [
        _drawn(number, bar, peak, query, href, edge=number in edges)
        for number, bar in enumerate(answer.bars)
    ]
    totals = [(kind, sum(getattr(bar, kind) for bar in answer.bars)) for kind in OUTCOMES[::-1]]
    table = None
    if answer.bucket in _TABLED:
        text = query_text(Query(query.filter))
        table = search_url(f"{text} | stats by (time:{answer.bucket}, outcome)".strip(), own=own)
    return Chart(
        len(bars) * _WIDTH, _HEIGHT, _WIDTH, bars, _WORDS.get(answer.bucket, ""), peak,
        [(kind, total) for kind, total in totals if total], _ends(answer.bars), table,
        href(query_text(query)),
        [us // _SECOND_US for us in (answer.bars[0].start_us, *(b.end_us for b in answer.bars))],
        [bar.count for bar in answer.bars],
    )  # fmt: skip


def _drawn(
    number: int, bar: Bar, peak: int, query: Query, address: Callable[[str], str], *, edge: bool
) -> Drawn:
    rects: list[Rect] = []
    y = _HEIGHT
    for kind in OUTCOMES:
        value = getattr(bar, kind)
        if value:
            height = min(max(round(value * _HEIGHT / peak), _SEEN_MIN), y)
            y -= height
            rects.append(Rect(kind, y, height))
    said = [f"{getattr(bar, kind):,} {kind}" for kind in OUTCOMES[::-1] if getattr(bar, kind)]
    label = f"{_span_text(bar)}: {count(bar.count, 'event')}"
    if len(said) > 1 or (said and not bar.unknown):
        label += f" ({', '.join(said)})"
    href = None
    if bar.count:
        term = span_term(bar.start_us, bar.end_us)
        # a bar at an edge may reach beyond the time that is asked for: both must hold then
        inside = with_filter(query, all_of([query.filter, term]))
        href = address(inside if edge else with_time(query, term))
    return Drawn(number * _WIDTH + _GAP // 2, _WIDTH - _GAP, label, href, rects)


def _whole_days(bar: Bar) -> bool:
    return bar.start_us % DAY_US == 0 and bar.end_us % DAY_US == 0


def _span_text(bar: Bar) -> str:
    if _whole_days(bar):
        first, last = day_text(bar.start_us), day_text(bar.end_us - DAY_US)
        return first if first == last else f"{first} to {last}"
    start, end = moment_text(bar.start_us), moment_text(bar.end_us)
    day, _, clock = end.rpartition(", ")
    return f"{start} to {clock if start.startswith(day) else end}"


def _ends(bars: list[Bar]) -> list[str]:
    """Return words for the beginning, the middle and the end of the axis."""
    middle = bars[len(bars) // 2]
    if all(map(_whole_days, bars)):
        found = [day_text(t) for t in (bars[0].start_us, middle.start_us, bars[-1].end_us - DAY_US)]
    else:
        found = [moment_text(t) for t in (bars[0].start_us, middle.start_us, bars[-1].end_us)]
    return found if len(bars) > 2 else found[::2]
