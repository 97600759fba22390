"""What happened around a moment: `GET /around`, the events before and after it of a search.

Two searches, each recorded: the newest events up to the moment, and the oldest from it on.
"""

from typing import NamedTuple

from starlette.responses import Response

from whodid.app.answer import Hit, SearchAnswer
from whodid.app.trace import time_of
from whodid.errors import UsageError
from whodid.query.parse import parse
from whodid.query.phrase import query_sentence
from whodid.query.pipes import Limit, Order, Sort
from whodid.query.render_pipes import query_text
from whodid.query.times import parse_time
from whodid.query.tree import Query, Range, Span, Term, all_of
from whodid.web.links import around, search_url, text_of
from whodid.web.row import Row, row_of
from whodid.web.stats import head_of
from whodid.web.time_range import items_of
from whodid.web.visit import Visit

_OLDEST_FIRST = Sort((Order("time", descending=False),))
_EVENTS = 5
_MINUTES = 15


class Near(NamedTuple):
    """A row, and whether it is the event that it is all about."""

    row: Row
    this: bool


def show(visit: Visit) -> Response:
    """Answer `GET /around`; with `fragment=1` the rows alone."""
    query, at = parse(visit.asked("q")), parse_time(visit.asked("at"))
    if not isinstance(at, Span):
        raise UsageError("`at` is a time, such as 2026-11-22T10:30:15.123456Z.")
    own, event_id = visit.asked("own") == "1", visit.asked("id")
    earlier = _search(visit, query, Range(None, at), own=own)
    later = _search(visit, query, Range(at, None), own=own, sort=_OLDEST_FIRST)
    fragment = visit.asked("fragment") == "1"
    title = query_sentence(Query(query.filter))
    rows = near_of(earlier.events, later.events, event_id)
    span = all_of([*items_of(query), around(at.start_us, _MINUTES)])
    return visit.page(
        "around_rows.html" if fragment else "around.html",
        fragment=fragment,
        title=f"{title[:1].upper()}{title[1:]}",
        at_us=at.start_us,
        rows=rows,
        minutes=_MINUTES,
        span_href=search_url(text_of([span]), own=own),
        answer=earlier,
        head=head_of(earlier.checkpoint),
    )


def _search(
    visit: Visit, query: Query, span: Range, *, own: bool, sort: Sort | None = None
) -> SearchAnswer:
    limit = _EVENTS + 1  # the event itself is among them
    node = all_of([*items_of(query), Term("time", "range", span)])
    text = query_text(Query(node, "", None, sort, Limit(limit)))
    return visit.site.reading.search(visit.caller(), text, limit=limit, own=own)


def near_of(earlier: list[Hit], later: list[Hit], event_id: str) -> list[Near]:
    """Return the events around one, newest first; around no one when it is in neither list."""
    hits = {hit.index: hit for hit in (*earlier, *later)}
    ordered = sorted(hits.values(), key=lambda hit: (time_of(hit.event), hit.index), reverse=True)
    this = next((n for n, hit in enumerate(ordered) if hit.event.when.id == event_id), None)
    if this is not None:
        ordered = ordered[max(0, this - _EVENTS) : this + _EVENTS + 1]
    return [Near(row_of(hit, _alone), hit.event.when.id == event_id) for hit in ordered]


def _alone(term: Term) -> str:
    return search_url(text_of([term]))
