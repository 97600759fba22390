"""The page of a search with `| stats`: a table that sorts by links, and leads to its events."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from starlette.responses import Response

from whodid.app.counts import Column, TableAnswer, bucket_end
from whodid.errors import WhodidError
from whodid.merkle.checkpoint import parse_body, parse_note
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.phrase import query_sentence
from whodid.query.pipes import Key, Order, Sort
from whodid.query.render_pipes import query_text
from whodid.query.times import DAY_US
from whodid.query.tree import Node, Not, Query, Term, all_of
from whodid.web import time_range
from whodid.web.html import day_text, moment_text
from whodid.web.links import can_be_typed, exact_term, search_url
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


class Cell(NamedTuple):
    """A value as text; `href` leads to the events of the row; `share` (of 100) draws a bar."""

    text: str
    kind: str
    href: str | None
    share: float | None


Href = Callable[[str], str]
"""Returns the address of another search that is looked at in the same way."""


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
    found = []
    for row in answer.rows:
        href = _events_of(row, query, events_href)
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


def _events_of(row: list[Any], query: Query, href: Href) -> str | None:
    """Return the address of the events of a row; None when some value cannot be searched for."""
    assert query.stats is not None
    nodes: list[Node] = []
    for key, value in zip(query.stats.by, row, strict=False):
        node = _node(key, value)
        if node is None:
            return None
        nodes.append(node)
    asked = time_range.items_of(query)
    more = [node for node in nodes if node not in asked]
    return href(query_text(Query(all_of([query.filter, *more]))))


def _node(key: Key, value: Any) -> Node | None:
    """Return what finds the events of a group, which tells upper and lower case apart."""
    if key.bucket is not None:
        start, end = value, bucket_end(value, key.bucket)
        return dataclasses.replace(time_range.span_term(start, end), field=key.field)
    if value is None:
        return Not(Term(key.field, "exists"))
    kind = SEARCH_FIELDS[key.field].kind
    if kind == "state":
        return Term(key.field, "has", value)
    if kind in {"exact", "words"}:
        return Term(key.field, "is", value) if can_be_typed(value) else None
    return exact_term(key.field, value)
