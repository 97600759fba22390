"""Looks over history: `POST /backtests` begins one, `GET /backtests/{id}` waits for it.

The page of one that runs loads itself again, by a header: no script is needed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from starlette.responses import Response

from whodid.app.rule_backtest.task import BacktestAnswer, Day, Found
from whodid.errors import UsageError
from whodid.web.alerts import Item, item_of
from whodid.web.html import count, day_text
from whodid.web.links import event_url, rule_url
from whodid.web.rules import DAYS
from whodid.web.visit import Visit, redirect

_DAY_US = 86_400_000_000
_HEIGHT, _WIDTH, _GAP, _SEEN_MIN = 100, 10, 2, 2
_AGAIN_S = 2
_SHOWN_MAX = 366


class Bar(NamedTuple):
    """A part of a day's bar: of what kind (the class that colours it), and where."""

    kind: str
    x: int
    y: int
    height: int


class Chart(NamedTuple):
    """Alerts by day: bars, the words at the ends of the axis, the most of a day."""

    width: int
    height: int
    bar: int
    bars: list[Bar]
    ends: list[str]
    peak: int
    label: str


class Line(NamedTuple):
    """A finding as the page tells it."""

    found: Found
    key: list[Item]
    href: str | None


def begin(visit: Visit) -> Response:
    """Answer `POST /backtests`."""
    text = visit.form.get("days", "")
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    run = visit.site.desks.rules.begin(visit.caller(), visit.form.get("rule", ""), days)
    return redirect(f"/backtests/{run.id}")


def end(visit: Visit) -> Response:
    """Answer `POST /backtests/end`."""
    run = visit.site.desks.rules.end(visit.caller(), visit.form.get("id", ""))
    return redirect(rule_url(run.rule.id))


def show(visit: Visit) -> Response:
    """Answer `GET /backtests/{id}`."""
    run = visit.site.desks.rules.run(visit.caller(), visit.request.path_params["id"])
    answer = run.answer
    response = visit.page(
        "backtest.html",
        run=run,
        answer=answer,
        lines=[] if answer is None else [_line(one) for one in answer.found],
        chart=None if answer is None else chart(answer.days, _looked(answer)),
        rule_href=rule_url(run.rule.id),
        all_days=DAYS,
        now_us=visit.site.reading.alerts.now(),
    )
    if run.state == "running":
        response.headers["refresh"] = str(_AGAIN_S)
    return response


def _looked(answer: BacktestAnswer) -> tuple[int, int]:
    """Return the first and the last day that was looked at; the first shown, where it is cut."""
    first_us = answer.first_us
    if answer.earlier and answer.days:
        first_us = answer.days[0].start_us
    return first_us // _DAY_US, answer.last_us // _DAY_US


def chart(days: Sequence[Day], looked: tuple[int, int] | None = None) -> Chart | None:
    """Return the bars of alerts by day, those with none among them; None when there are none.

    All days that were `looked` at are drawn, as far as _SHOWN_MAX allows: one bar says nothing of
    how often. Raises UsageError for days that are not in order.
    """
    if not days:
        return None
    first, last = days[0].start_us // _DAY_US, days[-1].start_us // _DAY_US
    if not first <= last < first + _SHOWN_MAX:
        raise UsageError("these days cannot be drawn")
    if looked is not None:
        last = min(max(last, looked[1]), first + _SHOWN_MAX - 1)
        first = max(min(first, looked[0]), last - _SHOWN_MAX + 1)
    peak = max(day.alerts for day in days)
    bars = []
    for day in days:
        x = (day.start_us // _DAY_US - first) * _WIDTH + _GAP // 2
        y = _HEIGHT
        for kind, value in (("success", day.alerts - day.excluded), ("unknown", day.excluded)):
            if value:
                height = min(max(round(value * _HEIGHT / peak), _SEEN_MIN), y)
                y -= height
                bars.append(Bar(kind, x, y, height))
    total = sum(day.alerts for day in days)
    ends = [day_text(day * _DAY_US) for day in dict.fromkeys((first, last))]
    label = f"{count(total, 'alert')} by day, at most {peak:,} on one"
    return Chart((last - first + 1) * _WIDTH, _HEIGHT, _WIDTH - _GAP, bars, ends, peak, label)


def _line(found: Found) -> Line:
    href = event_url(found.events[-1]) if found.events else None
    return Line(found, [item_of(pair) for pair in found.key], href)
