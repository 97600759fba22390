"""The time range of a search, chosen by links: each one sets the `time:` of the search text."""

import dataclasses
from typing import NamedTuple

from whodid.errors import QueryError
from whodid.query.parse import parse
from whodid.query.render_pipes import pipes_text, query_text
from whodid.query.tree import And, Node, Query, Range, Relative, Term, all_of
from whodid.web.links import search_url, text_of

_HOUR_US = 3_600_000_000
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


def choices(query: Query, *, own: bool) -> list[Choice]:
    """Return the links of the range, the chosen one marked."""
    times = [item for item in items_of(query) if _is_time(item)]
    found = []
    for label, width_us in _CHOICES:
        time = None if width_us is None else _last(width_us)
        chosen = times == ([] if time is None else [time])
        found.append(Choice(label, search_url(with_time(query, time), own=own), chosen))
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


def _last(width_us: int) -> Term:
    return Term("time", "range", Range(Relative(-width_us), Relative()))


def _is_time(node: Node) -> bool:
    return isinstance(node, Term) and node.field == "time"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "").replace('"', "") + '"'
