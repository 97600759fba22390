"""The page of a search with `| sequence`: its chains, the newest first, each with its events."""

from typing import Any, NamedTuple

from starlette.responses import Response

from whodid.app.chains import Chain, ChainsAnswer
from whodid.app.trace import doubts_of, time_of
from whodid.query.phrase import query_sentence
from whodid.query.render_pipes import query_text
from whodid.query.tree import Query, all_of
from whodid.web import time_range
from whodid.web.links import exact_term, search_url, text_of
from whodid.web.row import Badge, Row, row_of
from whodid.web.stats import head_of
from whodid.web.visit import Visit


class Step(NamedTuple):
    """An event of a chain, how long after the first (µs), and what is not sure about its time."""

    row: Row
    offset_us: int
    doubts: tuple[str, ...]


class Shown(NamedTuple):
    """A chain as the page shows it; `href` leads to all events of its value."""

    value: str
    href: str | None
    start_us: int
    span_us: int
    steps: list[Step]


def answer_of(visit: Visit, query: Query, *, own: bool, before: str | None) -> ChainsAnswer:
    """Read the chains of a page. Raises what `Reading.chains` does."""
    return visit.site.reading.chains(visit.caller(), query.text, before=before, own=own)


def show(visit: Visit, query: Query, answer: ChainsAnswer, more: dict[str, Any]) -> Response:
    """Answer `GET /` for a query with a sequence; `more` is the box and the pages around."""
    title = query_sentence(query)
    own = bool(more["own"])
    return visit.page(
        "chains.html",
        **more,
        ranges=time_range.choices(query, own=own),
        timed=time_range.timed(query),
        title=title[:1].upper() + title[1:],
        answer=answer,
        chains=[_shown(answer.by, chain, query) for chain in answer.chains],
        badge_href=_badge_href,
        events_href=search_url(query_text(Query(query.filter)), own=own),
        show_own=search_url(query.text, own=True) if answer.hidden_own else None,
        hide_own=search_url(query.text) if own else None,
        head=head_of(answer.checkpoint),
    )


def _shown(by: str, chain: Chain, query: Query) -> Shown:
    term = exact_term(by, chain.value)
    href = None
    if term is not None:
        asked = [item for item in time_range.items_of(query) if item != term]
        href = search_url(query_text(Query(all_of([*asked, term]))))
    steps = [
        Step(
            row_of(hit, lambda term: search_url(text_of([term]))),
            time_of(hit.event) - chain.start_us,
            doubts_of(hit.event),
        )
        for hit in chain.hits
    ]
    return Shown(str(chain.value), href, chain.start_us, chain.span_us, steps)


def _badge_href(badge: Badge) -> str:
    return search_url(text_of([badge.term]))
