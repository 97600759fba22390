"""The page of a search with `| stats`: a table that sorts by links, and leads to its events."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from starlette.responses import Response

from whodid.app.counts import Column, TableAnswer
from whodid.errors import WhodidError
from whodid.merkle.checkpoint import parse_body, parse_note
from whodid.query.phrase import query_sentence
from whodid.query.pipes import Order, Sort
from whodid.query.render_pipes import query_text
from whodid.query.times import DAY_US
from whodid.query.tree import Query
from whodid.web import time_range
from whodid.web.cells import Cell
from whodid.web.group_links import GroupLinks, Href
from whodid.web.html import day_text, moment_text
from whodid.web.links import search_url
from whodid.web.visit import Visit

_SHARE = 100


class Head(NamedTuple):
    """A column's head: `href` sorts by it, `sorted` tells which way it is sorted now.

    A table that cannot be sorted has heads without `href`.
    """

    name: str
    href: str | None
    sorted: str
    is_number: bool


def show(
    visit: Visit, query: Query, box: dict[str, Any], *, own: bool, columns: Sequence[str] = ()
) -> Response:
    """Answer `GET /` for a query with stats. Raises what `Reading.table` does.

    `columns` are the fields of the column view to which its links lead.
    """
    answer = visit.site.reading.table(visit.caller(), query.text, own=own)
    title = query_sentence(query)
    href = partial(search_url, own=own, columns=columns)
    return visit.page(
        "stats.html",
        **box,
        ranges=time_range.choices(query, own=own, columns=columns),
        timed=time_range.timed(query),
        title=title[:1].upper() + title[1:],
        answer=answer,
        heads=[_head(column, query, href) for column in answer.columns],
        rows=rows_of(answer, query, href),
        events_href=href(query_text(Query(query.filter))),
        show_own=href(query.text, own=True) if answer.hidden_own else None,
        hide_own=href(query.text, own=False) if own else None,
        head=head_of(answer.checkpoint),
    )


def head_of(note: str) -> tuple[int, str] | None:
    """Return size and root of the checkpoint that an answer was read at."""
    try:
        head = parse_body(parse_note(note)[0])
    except WhodidError:
        return None
    return head.size, head.root.hex()


def plain_heads(columns: list[Column]) -> list[Head]:
    """Return the heads of a table that is not sorted anew."""
    return [Head(c.name, None, "", c.kind in {"number", "mean"}) for c in columns]


def _head(column: Column, query: Query, href: Href) -> Head:
    """Return the head; numbers are sorted greatest first, and again the other way round."""
    first = query.sort.orders[0] if query.sort else None
    now = first if first is not None and first.name == column.name else None
    descending = not now.descending if now else column.kind in {"number", "mean"}
    sort = Sort((Order(column.name, descending),))
    text = query_text(Query(query.filter, "", query.stats, sort, query.limit))
    word = "" if now is None else "descending" if now.descending else "ascending"
    return Head(column.name, href(text), word, column.kind in {"number", "mean"})


def rows_of(answer: TableAnswer, query: Query, events_href: Href) -> list[list[Cell]]:
    """Return the cells. The first measure that is a number has a bar in each row."""
    measured = [n for n, c in enumerate(answer.columns) if not c.key and c.kind == "number"]
    bar = measured[0] if measured and len(answer.rows) > 1 else None
    greatest = max((row[bar] or 0 for row in answer.rows), default=0) if bar is not None else 0
    links = GroupLinks(query, events_href)
    found = []
    for row in answer.rows:
        href = links.of(row)
        cells = []
        for place, (column, value) in enumerate(zip(answer.columns, row, strict=True)):
            share = None
            if place == bar and greatest > 0:
                share = round(max(value or 0, 0) * _SHARE / greatest, 1)
            link = href if column.key else None
            cells.append(Cell(_text(column, value), _kind(column, value), link, share))
        found.append(cells)
    return found


def _kind(column: Column, value: Any) -> str:
    if value is None:
        return "none" if column.key else "none measure"
    return "number" if column.kind in {"number", "mean"} else column.kind


def _text(column: Column, value: Any) -> str:
    if value is None:
        return "missing" if column.key else "-"
    if column.kind == "time":
        return day_text(value) if column.key and value % DAY_US == 0 else moment_text(value)
    if column.kind == "mean":
        return f"{value:,.2f}"
    if column.kind == "state":
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)
