"""The search page: `GET /`. One search a page, and nothing else is read."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from starlette.responses import Response

from whodid.access.rights import may_administer
from whodid.app.answer import Clause, PageAnswer, SearchAnswer
from whodid.app.chains import ChainsAnswer
from whodid.app.profile import KINDS
from whodid.errors import QueryError
from whodid.limits import PROOF_EVENTS_MAX, WEB_PAGE_ROWS, WEB_PAST_PAGES_MAX
from whodid.query.meant import Meant, meant
from whodid.query.parse import parse
from whodid.query.phrase import query_sentence
from whodid.query.provable import is_provable
from whodid.query.render import to_text
from whodid.query.tree import Everything, Network, Node, Query, Term, all_of
from whodid.web import (
    chains,
    column_view,
    connect,
    facets,
    histogram,
    query_error,
    stats,
    time_range,
)
from whodid.web.links import can_be_typed, export_url, profile_url, proof_url, search_url
from whodid.web.pages import failure
from whodid.web.row import rows_by_day
from whodid.web.visit import Visit, redirect

_EXAMPLES: tuple[tuple[str, str], ...] = (
    ("Denied this week", "outcome:denied time:[now-7d TO now]"),
    ("Large reads", "access:read rows:>1000"),
    ("AI agents", "actor.type:agent"),
    ("Failed log-ins", "access:authenticate -outcome:success"),
    ("Deletions", "access:delete"),
    ("Unmapped records", "_quarantined:true"),
    ("Most read", "access:read | stats by (resource) count(), count_distinct(actor) as people"),
    ("Who looked here", "service:whodid"),
)
_FORMS = (("csv", "CSV"), ("jsonl", "JSON lines"), ("parquet", "Parquet"), ("ocsf", "OCSF"))
_PARTS_SHOWN_MAX = 8


class Link(NamedTuple):
    """Words and where they lead."""

    text: str
    href: str


class Other(NamedTuple):
    """A search that may have been meant, where it is, and why it is not what was typed."""

    text: str
    href: str
    reasons: list[str]


class Part(NamedTuple):
    """A part of a search that found nothing.

    `href` is the search without it (None: it is all), `near` are searches for values like it.
    """

    text: str
    clause: Clause | None
    href: str | None
    near: list[Link]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks: the text, whether own events are wanted, and the place in it.

    `columns` are the fields of the column view, none for sentences.
    """

    text: str
    own: bool
    columns: tuple[str, ...]
    before: str | None
    past: list[str]

    def href(self, text: str, **more: Any) -> str:
        """Return the address of another search that is looked at in the same way."""
        return search_url(text, own=self.own, columns=self.columns, **more)

    def narrowed(self, query: Query, term: Term) -> str:
        """Return the address of this search with one term more, from its newest event."""
        items = time_range.items_of(query)
        if term in items:
            return self.href(self.text)
        return self.href(time_range.with_filter(query, all_of([*items, term])))


def show(visit: Visit) -> Response:
    """Answer `GET /`."""
    if visit.session is not None and may_administer(visit.session.user):
        return redirect("/people")  # he reads no events; that page says so
    asked = _asked(visit)
    try:
        chosen = _chosen(visit, asked)
        if chosen is not None:
            return redirect(asked.href(chosen))
        query = parse(asked.text)
    except QueryError as error:
        return _not_parsed(visit, asked, error)
    try:
        made = _table_or_chains(visit, asked, query)
        if made is not None:
            return made
        page = visit.site.reading.page(
            visit.caller(), asked.text, limit=WEB_PAGE_ROWS, before=asked.before, own=asked.own,
            fields=facets.FIELDS, values=facets.VALUES, bars=histogram.BARS,
        )  # fmt: skip
    except QueryError as error:
        # with a place in the answer it is that which was not understood, not the text
        return failure(visit, error) if asked.before else _not_parsed(visit, asked, error)
    return _found(visit, asked, query, page)


def _table_or_chains(visit: Visit, asked: Asked, query: Query) -> Response | None:
    """Return the page of a search whose answer is not events, None for another."""
    if query.stats is not None:
        return stats.show(visit, query, _box(asked, query), own=asked.own, columns=asked.columns)
    if query.sequence is not None:
        found = chains.answer_of(visit, query, own=asked.own, before=asked.before)
        more = {**_box(asked, query), **_pages(asked, found)}
        return chains.show(visit, query, found, more, own=asked.own, columns=asked.columns)
    return None


def _chosen(visit: Visit, asked: Asked) -> str | None:
    """Return the search text with what a form of the page chose, None where none was sent."""
    if visit.request.query_params.getlist("column"):
        return asked.text
    if visit.asked("span"):
        within = visit.asked("within") == "1"
        return time_range.spanned(asked.text, visit.asked("span"), within=within)
    if visit.asked("from") or visit.asked("to"):
        return time_range.custom(asked.text, visit.asked("from"), visit.asked("to"))
    return None


def _asked(visit: Visit) -> Asked:
    params = visit.request.query_params
    past = [cursor for cursor in params.getlist("past") if cursor][-WEB_PAST_PAGES_MAX:]
    columns = column_view.asked_columns(
        ",".join([visit.asked("columns"), *params.getlist("column")])
    )
    return Asked(
        visit.asked("q"), visit.asked("own") == "1", columns, visit.asked("before") or None, past
    )


def _not_parsed(visit: Visit, asked: Asked, error: QueryError) -> Response:
    shown = query_error.show(asked.text, error)
    mended = asked.href(shown.mended) if shown.mended else None
    return visit.page("search_error.html", 400, **_box(asked), error=shown, mended_href=mended)


def _found(visit: Visit, asked: Asked, query: Query, page: PageAnswer) -> Response:
    answer = page.answer
    # the same few values stand in most rows of a page
    href = cache(lambda term: asked.narrowed(query, term))
    own, columns = asked.own, asked.columns
    return visit.page(
        "search.html",
        **_box(asked, query),
        ranges=time_range.choices(query, own=own, columns=columns),
        timed=time_range.timed(query),
        title=_capital(query_sentence(query)),
        answer=answer,
        days=rows_by_day(answer.events, href),
        **_views(query, asked, answer, href),
        badge_href=lambda badge: href(badge.term),
        show_own=dataclasses.replace(asked, own=True).href(asked.text)
        if answer.hidden_own
        else None,
        hide_own=dataclasses.replace(asked, own=False).href(asked.text) if asked.own else None,
        about=list(_about(query)) if answer.total else [],
        exports=[Link(words, export_url(asked.text, f, own=asked.own)) for f, words in _FORMS],
        proof=_proof(visit, query, asked, answer.total),
        head=stats.head_of(answer.checkpoint),
        chart=histogram.chart(page.histogram, query, own=own, columns=columns),
        boxes=facets.boxes(page.facets, query, answer.total, own=own, columns=columns),
        tailed=_can_be_tailed(query, asked),
        fresh=not asked.text and not answer.events and not asked.before,
        guides=connect.guides(connect.address_of(visit)),
        parts_of=_parts(query, asked, answer) if not answer.events else [],
        **_pages(asked, answer),
    )


def _proof(visit: Visit, query: Query, asked: Asked, total: int) -> str | None:
    """Return where the answer is with its proof, None when there is none, or not for the reader."""
    if total > PROOF_EVENTS_MAX or not visit.caller().rights.whole or not is_provable(query):
        return None
    return proof_url(asked.text, own=asked.own)


def _views(
    query: Query, asked: Asked, answer: SearchAnswer, href: Callable[[Term], str]
) -> dict[str, Any]:
    """Return the ways to look at the events, and the columns where they are asked for."""
    columns = asked.columns

    def seen_as(columns: tuple[str, ...]) -> str:
        other = dataclasses.replace(asked, columns=columns)
        return other.href(asked.text, before=asked.before, past=asked.past)

    return {
        "sentences": seen_as(()) if columns else None,
        "as_columns": None if columns else seen_as(column_view.DEFAULT),
        "heads": column_view.heads(query, columns, own=asked.own) if columns else [],
        "grid": column_view.rows_by_day(answer.events, columns, href) if columns else [],
        "column_choices": column_view.choices(columns) if columns else [],
    }


def _can_be_tailed(query: Query, asked: Asked) -> bool:
    """Tell whether new events would come on top: of the newest page, in the order of time."""
    return asked.before is None and not asked.own and query.sort is None and query.limit is None


def _box(asked: Asked, query: Query | None = None) -> dict[str, Any]:
    """Return what the box and the lines under it show; `query` is None for what does not parse."""
    other = meant(query) if query is not None else None
    return {
        "meant": Other(other.text, asked.href(other.text), _sentences(other)) if other else None,
        "q": asked.text,
        "own": asked.own,
        "columns": ",".join(asked.columns),
        "examples": [Link(words, search_url(text)) for words, text in _EXAMPLES],
    }


def _pages(asked: Asked, answer: SearchAnswer | ChainsAnswer) -> dict[str, Any]:
    """Return where newer and older events are. The way back is the list of cursors gone by."""
    first = asked.before is None
    newer = None
    if not first:
        *past, before = asked.past or [""]
        newer = asked.href(asked.text, before=before, past=past)
    older = None
    if answer.next is not None:
        past = [] if asked.before is None else [*asked.past, asked.before]
        older = asked.href(asked.text, before=answer.next, past=past[-WEB_PAST_PAGES_MAX:])
    newest = None if first else asked.href(asked.text)
    return {"newer": newer, "older": older, "newest": newest}


def _about(query: Query) -> Iterator[Link]:
    """Yield the pages of the actor, the resource and the address that are asked for."""
    for item in time_range.items_of(query):
        if isinstance(item, Term) and item.op in {"has", "is"} and item.field in KINDS:
            value = item.value.text if isinstance(item.value, Network) else item.value
            if isinstance(value, str) and "/" not in (value if item.field == "ip" else ""):
                yield Link(value, profile_url(item.field, value))


def _parts(query: Query, asked: Asked, answer: SearchAnswer) -> list[Part]:
    """Return the parts of a search that found nothing, each with the search without it."""
    items = time_range.items_of(query)
    if isinstance(query.filter, Everything) or len(items) > _PARTS_SHOWN_MAX:
        return []
    known = answer.clauses if len(answer.clauses) == len(items) else [None] * len(items)
    return [
        _part(query, asked, item, [other for other in items if other is not item], clause)
        for item, clause in zip(items, known, strict=True)
    ]


def _part(
    query: Query, asked: Asked, item: Node, others: list[Node], clause: Clause | None
) -> Part:
    near: list[Link] = []
    if clause is not None and isinstance(item, Term):
        for value in filter(can_be_typed, clause.near):
            instead = [*others, Term(item.field, "has", value)]
            near.append(Link(value, _href(query, asked, instead)))
    href = _href(query, asked, others) if others else None
    return Part(to_text(item), clause, href, near)


def _href(query: Query, asked: Asked, items: list[Node]) -> str:
    return asked.href(time_range.with_filter(query, all_of(items)))


def _sentences(other: Meant) -> list[str]:
    return [query_error.sentence_of(why) for why in other.reasons]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
