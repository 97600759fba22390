"""A search as of a size of the log: `GET /at/{size}?q=…`, a link that answers the same again."""

from functools import cache, partial
from typing import Any

from starlette.responses import Response

from whodid.errors import UsageError
from whodid.limits import WEB_PAGE_ROWS
from whodid.query.parse import parse
from whodid.query.phrase import query_sentence
from whodid.query.tree import Query, Term, all_of
from whodid.web import chains, stats
from whodid.web.links import pinned_url, search_url, text_of
from whodid.web.row import rows_by_day
from whodid.web.time_range import items_of, with_filter
from whodid.web.visit import Visit

_DIGITS_MAX = 15


def show(visit: Visit) -> Response:
    """Answer `GET /at/{size}`. Raises UsageError for a size that the log does not have."""
    given = visit.request.path_params["size"]
    if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS_MAX and int(given)):
        raise UsageError("The address names the size of the log that is asked: /at/1000.")
    size, text, own = int(given), visit.asked("q"), visit.asked("own") == "1"
    query = parse(text)
    title = query_sentence(query)
    reading, caller = visit.site.reading, visit.caller()
    content: dict[str, Any] = {
        "title": title[:1].upper() + title[1:],
        "live": search_url(text, own=own),
        "share": pinned_url(size, text, own=own),
    }
    if query.stats is not None:
        table = reading.table_at(caller, text, size, own=own)
        rows = [
            [cell._replace(href=None) for cell in row]
            for row in stats.rows_of(table, query, partial(search_url, own=own))
        ]
        return visit.page(
            "pinned.html", **content, answer=table, total=table.events,
            heads=stats.plain_heads(table.columns),
            rows=rows, days=[], older=None, newest=None, head=stats.head_of(table.checkpoint),
            badge_href=None, by=None, chains=[],
        )  # fmt: skip
    before = visit.asked("before") or None
    if query.sequence is not None:
        return _chains(visit, size, query, content, own=own, before=before)
    answer = reading.search_at(caller, text, size, limit=WEB_PAGE_ROWS, before=before, own=own)
    href = cache(lambda term: _narrowed(size, query, term, own=own))
    return visit.page(
        "pinned.html", **content, answer=answer, total=answer.total, heads=[], rows=[],
        days=rows_by_day(answer.events, href),
        older=pinned_url(size, text, own=own, before=answer.next) if answer.next else None,
        newest=content["share"] if before else None, head=stats.head_of(answer.checkpoint),
        badge_href=lambda badge: href(badge.term), by=None, chains=[],
    )  # fmt: skip


def _chains(
    visit: Visit, size: int, query: Query, content: dict[str, Any], *,
    own: bool, before: str | None,
) -> Response:  # fmt: skip
    answer = visit.site.reading.chains_at(visit.caller(), query.text, size, before=before, own=own)
    href = partial(pinned_url, size, own=own)
    return visit.page(
        "pinned.html", **content, answer=answer, total=answer.total, heads=[], rows=[], days=[],
        older=href(query.text, before=answer.next) if answer.next else None,
        newest=content["share"] if before else None, head=stats.head_of(answer.checkpoint),
        by=answer.by, chains=chains.shown(answer, query, href),
        badge_href=lambda badge: href(text_of([badge.term])),
    )  # fmt: skip


def _narrowed(size: int, query: Query, term: Term, *, own: bool) -> str:
    items = items_of(query)
    node = query.filter if term in items else all_of([*items, term])
    return pinned_url(size, with_filter(query, node), own=own)
