"""The story of an id: `GET /trace/{id}`, and `GET /trace?id=…` for the box that asks for one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from starlette.responses import Response

from whodid.app.trace import Followed, Step, TraceAnswer
from whodid.web.links import exact_term, search_url, text_of, trace_url
from whodid.web.row import Badge, Row, row_of
from whodid.web.stats import head_of
from whodid.web.visit import Visit, redirect

_WIDTH = 1000
_BAR_LEAST = 6
_PEOPLE_MAX = 5


class Bar(NamedTuple):
    """Where a step lies in the time of the story: of a strip _WIDTH wide."""

    x: float
    width: float


class Line(NamedTuple):
    """A step as the page shows it. `gap_us` is how long nothing is known behind it."""

    row: Row
    offset_us: int
    lane: str
    lane_number: int
    bar: Bar
    why: str
    inferred: bool
    doubts: tuple[str, ...]
    gap_us: int | None


class Id(NamedTuple):
    """An id of the story, and the search for what has it."""

    field: str
    value: str
    events: int
    followed: bool
    href: str | None


def ask(visit: Visit) -> Response:
    """Answer `GET /trace?id=…`."""
    asked = visit.asked("id")
    return redirect(trace_url(asked)) if asked else visit.page("trace.html", answer=None, asked="")


def show(visit: Visit) -> Response:
    """Answer `GET /trace/{id}`; with `stated=1` without what is only inferred."""
    stated = visit.asked("stated") == "1"
    asked = visit.request.path_params["id"]
    answer = visit.site.reading.trace(visit.caller(), asked, inferred=not stated)
    return visit.page("trace.html", 200 if answer.steps else 404, **_shown(answer, stated=stated))


def _shown(answer: TraceAnswer, *, stated: bool) -> dict[str, Any]:
    asked = answer.trace_id
    actors = answer.actors
    return {
        "answer": answer,
        "asked": asked,
        "stated": stated,
        "lines": _lines(answer),
        "actors": actors[:_PEOPLE_MAX],
        "more_actors": max(len(actors) - _PEOPLE_MAX, 0),
        "ids": [_id(one) for one in answer.followed],
        "guessed": sum(step.link.inferred for step in answer.steps),
        "width": _WIDTH,
        "badge_href": _badge_href,
        "with_inferred": trace_url(asked),
        "only_stated": trace_url(asked, stated=True),
        "words_href": search_url(asked if asked.isalnum() else f'"{_quoted(asked)}"'),
        "own_href": search_url(f'"{_quoted(asked)}"', own=True),
        "head": head_of(answer.checkpoint),
    }


def _lines(answer: TraceAnswer) -> list[Line]:
    steps, lanes = answer.steps, {lane: n for n, lane in enumerate(answer.lanes)}
    gaps = {gap.after: gap.span_us for gap in answer.gaps}
    bars = _bars(steps)
    return [
        Line(
            row_of(step.hit, lambda term: search_url(text_of([term]))),
            step.at_us - steps[0].at_us, step.lane, lanes[step.lane], bars[number],
            step.link.reason, step.link.inferred, step.doubts, gaps.get(number),
        )
        for number, step in enumerate(steps)
    ]  # fmt: skip


def _bars(steps: Sequence[Step]) -> list[Bar]:
    """Return the bars: from an event's time on, as long as it says that it took."""
    if not steps:
        return []
    start = steps[0].at_us
    ends = [step.at_us + max(step.hit.event.context.duration_us or 0, 0) for step in steps]
    scale = (_WIDTH - _BAR_LEAST) / max(max(ends) - start, 1)
    spans = [(step.at_us - start, end - step.at_us) for step, end in zip(steps, ends, strict=True)]
    return [Bar(round(at * scale, 1), round(_BAR_LEAST + span * scale, 1)) for at, span in spans]


def _id(one: Followed) -> Id:
    term = exact_term(one.field, one.value)
    href = search_url(text_of([term])) if term is not None else None
    return Id(one.field, one.value, one.events, one.followed, href)


def _badge_href(badge: Badge) -> str:
    return search_url(text_of([badge.term]))


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
