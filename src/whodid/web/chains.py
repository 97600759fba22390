"""The page of a search with `| sequence`: its chains, the newest first, each with its events."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from starlette.responses import Response

from whodid.app.chains import Chain, ChainsAnswer
from whodid.app.trace import doubts_of, time_of
from whodid.query.phrase import query_sentence
from whodid.query.render_pipes import query_text
from whodid.query.tree import Query, all_of
from whodid.web import time_range
from whodid.web.links import exact_term, search_url, text_of
from whodid.web.row import Row, row_of
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


def show(
    visit: Visit, query: Query, answer: ChainsAnswer, more: dict[str, Any], *,
    own: bool, columns: Sequence[str] = (),
) -> Response:  # fmt: skip
    """Answer `GET /` for a query with a sequence; `more` is the box and the pages around.

    `columns` are the fields of the column view to which its links lead.
    """
    title = query_sentence(query)
    href = partial(search_url, own=own, columns=columns)
    return visit.page(
        "chains.html",
        **more,
        ranges=time_range.choices(query, own=own, columns=columns),
        timed=time_range.timed(query),
        title=title[:1].upper() + title[1:],
        answer=answer,
        chains=shown(answer, query, href),
        badge_href=lambda badge: href(text_of([badge.term])),
        events_href=href(query_text(Query(query.filter))),
        show_own=href(query.text, own=True) if answer.hidden_own else None,
        hide_own=href(query.text, own=False) if own else None,
        head=head_of(answer.checkpoint),
    )


def shown(answer: ChainsAnswer, query: Query, href: Callable[[str], str]) -> list[Shown]:
    """Return the chains of an answer; `href` returns the address of another search."""
    return [_shown(answer.by, chain, query, href) for chain in answer.chains]


def _shown(by: str, chain: Chain, query: Query, href: Callable[[str], str]) -> Shown:
    term = exact_term(by, chain.value)
    events = None
    if term is not None:
        asked = [item for item in time_range.items_of(query) if item != term]
        events = href(query_text(Query(all_of([*asked, term]))))
    steps = [
        Step(
            row_of(hit, lambda term: href(text_of([term]))),
            time_of(hit.event) - chain.start_us,
            doubts_of(hit.event),
        )
        for hit in chain.hits
    ]
    return Shown(str(chain.value), events, chain.start_us, chain.span_us, steps)
