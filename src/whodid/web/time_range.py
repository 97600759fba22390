"""The time range of a search, chosen by links: each one sets the `time:` of the search text."""

import dataclasses
import re
from collections.abc import Sequence
from typing import NamedTuple

from whodid.errors import QueryError, UsageError
from whodid.query.parse import parse
from whodid.query.render_pipes import pipes_text, query_text
from whodid.query.times import DAY_US
from whodid.query.tree import And, Node, Query, Range, Relative, Span, Term, all_of
from whodid.web.links import search_url, text_of

_SECOND_US = 1_000_000
_MINUTE_US = 60 * _SECOND_US
_HOUR_US = 60 * _MINUTE_US
_SPAN = re.compile(r"([0-9]{1,11})-([0-9]{1,11})", re.ASCII)
_CHOICES: tuple[tuple[str, int | None], ...] = (
    ("Last hour", _HOUR_US),
    ("Last day", 24 * _HOUR_US),
    ("7 days", 7 * 24 * _HOUR_US),
    ("30 days", 30 * 24 * _HOUR_US),
    ("All time", None),
)


class Choice(NamedTuple):
    """One link of the range: its words, its address, whether it is what the page shows."""

    label: str
    href: str
    chosen: bool


def items_of(query: Query) -> tuple[Node, ...]:
    """Return what a search asks for at the top: all of these must hold."""
    return query.filter.items if isinstance(query.filter, And) else (query.filter,)


def timed(query: Query) -> bool:
    """Tell whether the search has a time of its own at the top."""
    return any(_is_time(item) for item in items_of(query))


def with_time(query: Query, time: Term | None) -> str:
    """Return the search text with its time replaced, or taken away; its pipes stay."""
    others = [item for item in items_of(query) if not _is_time(item)]
    return with_filter(query, all_of(others if time is None else [*others, time]))


def with_filter(query: Query, node: Node) -> str:
    """Return the search text with another filter before its pipes."""
    return query_text(dataclasses.replace(query, filter=node, text=""))


def choices(query: Query, *, own: bool, columns: Sequence[str] = ()) -> list[Choice]:
    """Return the links of the range, the chosen one marked."""
    times = [item for item in items_of(query) if _is_time(item)]
    found = []
    for label, width_us in _CHOICES:
        time = None if width_us is None else _last(width_us)
        chosen = times == ([] if time is None else [time])
        href = search_url(with_time(query, time), own=own, columns=columns)
        found.append(Choice(label, href, chosen))
    return found


def custom(text: str, start: str, end: str) -> str:
    """Return the search text with the range that two date inputs gave; an empty one is open.

    What is no date is put into the text as it is, so that the error about it shows its place.
    Raises QueryError when the text is no search.
    """
    query = parse(text)
    ends = [_quoted(value) if value else "*" for value in (start, end)]
    if ends == ["*", "*"]:
        return with_time(query, None)
    asked = f"time:[{ends[0]} TO {ends[1]}]"
    try:
        time = parse(asked).filter
    except QueryError:
        return f"{text_of(items_of(query))} {asked} {pipes_text(query)}".strip()
    assert isinstance(time, Term)
    return with_time(query, time)


def spanned(text: str, span: str, *, within: bool) -> str:
    """Return the search text with the time from START to END, given as `START-END` (s since 1970).

    `within` keeps the time that it has, so that both must hold. Raises QueryError when the text is
    no search, UsageError when the span is none.
    """
    match = _SPAN.fullmatch(span)
    start_us, end_us = (int(part) * _SECOND_US for part in match.groups()) if match else (0, 0)
    if not start_us < end_us:
        raise UsageError("`span` is START-END, in seconds since 1970.")
    query, term = parse(text), span_term(start_us, end_us)
    return with_filter(query, all_of([query.filter, term])) if within else with_time(query, term)


def span_term(start_us: int, end_us: int) -> Term:
    """Return the time range of [start, end), which begin and end at whole seconds."""
    for unit_us in (DAY_US, 60 * _MINUTE_US, _MINUTE_US, _SECOND_US):
        if start_us % unit_us == 0 and end_us % unit_us == 0:
            break
    else:
        unit_us = 1
    last = Span(end_us - unit_us, end_us)
    if last.start_us == start_us:
        return Term("time", "has", last)
    return Term("time", "range", Range(Span(start_us, start_us + unit_us), last))


def _last(width_us: int) -> Term:
    return Term("time", "range", Range(Relative(-width_us), Relative()))


def _is_time(node: Node) -> bool:
    return isinstance(node, Term) and node.field == "time"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "").replace('"', "") + '"'
