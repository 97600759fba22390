"""The events of a search as a table of chosen fields, beside their sentences.

Which fields is a part of the address (`columns=actor,ip`), so that a view can be shared.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, NamedTuple

from whodid.app.answer import Hit
from whodid.app.trace import time_of
from whodid.errors import UsageError
from whodid.event import Change, Event, Redaction
from whodid.query.countable import SEVERAL, why_not_sorted
from whodid.query.fields import SEARCH_FIELDS, suggest
from whodid.query.pipes import Order, Sort
from whodid.query.render_pipes import query_text
from whodid.query.tree import Query, Term
from whodid.web.html import day, moment_text
from whodid.web.links import event_url, exact_term, search_url
from whodid.web.row import Badge, badges_of

DEFAULT = ("actor", "action", "resource", "outcome", "ip", "source")
"""What the view begins with; the time is always there."""

_COLUMNS_MAX = 16
_SHOWN_CHARS = 160
_TITLE_CHARS = 1000
_VALUES_SHOWN_MAX = 8
_TIME = "time"


class Cell(NamedTuple):
    """A value: shown clipped, whole (nearly) in its title; `href` narrows the search to it."""

    text: str
    title: str
    kind: str
    href: str | None


class Head(NamedTuple):
    """A column's head. `sort` and `without` are addresses, `sorted` says which way it is now."""

    name: str
    about: str
    sort: str | None
    sorted: str
    without: str | None
    is_number: bool


class Row(NamedTuple):
    """The cells of an event, and where it opens."""

    href: str
    time_us: int
    has_time: bool
    cells: list[Cell]
    badges: list[Badge]


class Choice(NamedTuple):
    """A field that can be a column."""

    name: str
    about: str
    chosen: bool


def asked_columns(text: str) -> tuple[str, ...]:
    """Return the fields that an address asks for; none: sentences. Raises UsageError."""
    found = tuple(dict.fromkeys(part for name in text.split(",") if (part := name.strip().lower())))
    for name in found:
        if name not in SEARCH_FIELDS or SEARCH_FIELDS[name].kind == "state":
            near = suggest(name)
            hint = f"; did you mean {near}?" if near else "."
            raise UsageError(f"There is no field {name[:64]!r} to show{hint}")
    found = tuple(name for name in found if name != _TIME)
    if len(found) > _COLUMNS_MAX:
        raise UsageError(f"Show {_COLUMNS_MAX} columns at most.")
    return found


def choices(columns: tuple[str, ...]) -> list[Choice]:
    """Return what can be chosen: what is shown first, in its order."""
    rest = (
        name
        for name, field in SEARCH_FIELDS.items()
        if name not in columns and field.kind != "state" and name != _TIME
    )
    return [Choice(name, SEARCH_FIELDS[name].about, name in columns) for name in (*columns, *rest)]


def heads(query: Query, columns: tuple[str, ...], *, own: bool) -> list[Head]:
    """Return the heads, that of the time first."""
    return [_head(name, query, columns, own=own) for name in (_TIME, *columns)]


def _head(name: str, query: Query, columns: tuple[str, ...], *, own: bool) -> Head:
    field = SEARCH_FIELDS[name]
    first = query.sort.orders[0] if query.sort else Order(_TIME, descending=True)
    now = first if first.name == name else None
    sort = None
    if why_not_sorted(field) is None:
        descending = not now.descending if now else field.kind in {"integer", "time"}
        by = Sort((Order(name, descending),))
        newest_first = name == _TIME and descending
        text = query_text(Query(query.filter, "", None, None if newest_first else by, query.limit))
        sort = search_url(text, own=own, columns=columns)
    without = None
    rest = tuple(other for other in columns if other != name)
    if name != _TIME and rest:
        without = search_url(query_text(query), own=own, columns=rest)
    word = "" if now is None else "descending" if now.descending else "ascending"
    return Head(name, field.about, sort, word, without, field.kind == "integer")


def rows_by_day(
    hits: Iterable[Hit], columns: tuple[str, ...], href: Callable[[Term], str]
) -> list[tuple[str, list[Row]]]:
    """Return the rows under their UTC days, in the order of the hits."""
    rows = [_row(hit, columns, href) for hit in hits]
    return [(title, list(group)) for title, group in groupby(rows, lambda r: day(r.time_us))]


def _row(hit: Hit, columns: tuple[str, ...], href: Callable[[Term], str]) -> Row:
    event = hit.event
    return Row(
        event_url(event.when.id),
        time_of(event),
        event.when.time is not None,
        [_cell(event, name, href) for name in columns],
        badges_of(hit),
    )


def _cell(event: Event, name: str, href: Callable[[Term], str]) -> Cell:
    values = list(_values(event, name))
    texts = [_text(name, value) for value in values[:_VALUES_SHOWN_MAX]]
    if len(values) > len(texts):
        texts.append(f"and {len(values) - len(texts)} more")
    text = ", ".join(texts)
    term = exact_term(name, values[0]) if len(values) == 1 else None
    kind: str = SEARCH_FIELDS[name].kind if values else "none"
    if name == "outcome" and text in SEARCH_FIELDS[name].values:
        kind = "outcome"
    return Cell(
        _cut(text, _SHOWN_CHARS), _cut(text, _TITLE_CHARS), kind, href(term) if term else None
    )


def _values(event: Event, name: str) -> Iterator[Any]:
    """Yield the values of a field; of a short name for several, that which sentences show."""
    seen = set()
    for column in reversed(SEARCH_FIELDS[name].columns):
        value = event.field(column)
        found = value if isinstance(value, tuple) else () if value is None else (value,)
        for one in found:
            if one not in seen:
                seen.add(one)
                yield one
        if seen and name not in SEVERAL:
            return


def _text(name: str, value: Any) -> str:
    if isinstance(value, Change):
        return f"{value.field}: {value.before or 'nothing'} → {value.after or 'nothing'}"
    if isinstance(value, Redaction):
        return value.rule
    if SEARCH_FIELDS[name].kind == "time":
        return moment_text(value)
    return f"{value:,}" if isinstance(value, int) and name != "port" else str(value)


def _cut(text: str, chars: int) -> str:
    return text if len(text) <= chars else text[: chars - 1] + "…"
