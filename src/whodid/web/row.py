"""An event as a row of the table: its sentence with links, its outcome, its badges."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Generic, NamedTuple, Protocol, TypeVar

from whodid.app.answer import Hit
from whodid.event import Event
from whodid.ledger.leaf import LeafFlag
from whodid.query.sentence import event_parts
from whodid.query.tree import Term
from whodid.web.html import day
from whodid.web.links import event_url, exact_term

Href = Callable[[Term], str]
"""The address of the search that a term leads to."""

_CUT = "…"


class Piece(NamedTuple):
    """A stretch of a sentence. `href` is None for plain words."""

    kind: str
    text: str
    href: str | None


class Badge(NamedTuple):
    """A state of the entry: its word, what it means, and a search for such entries."""

    word: str
    about: str
    term: Term


class Row(NamedTuple):
    """What the table shows of one event. `has_time` is False when only its receipt is known."""

    href: str
    time_us: int
    has_time: bool
    pieces: list[Piece]
    outcome: str
    source: Piece
    badges: list[Badge]


class Timed(Protocol):
    """A row with a time (µs UTC)."""

    @property
    def time_us(self) -> int:
        """When it was."""


_R = TypeVar("_R", bound=Timed)


class Day(NamedTuple, Generic[_R]):
    """Rows of one UTC day that follow each other."""

    title: str
    rows: list[_R]


def rows_by_day(hits: Iterable[Hit], href: Href) -> list[Day[Row]]:
    """Return the rows under their days, in the order of the hits."""
    return days_of([row_of(hit, href) for hit in hits])


def days_of(rows: Iterable[_R]) -> list[Day[_R]]:
    """Return rows under their days, in their order."""
    return [Day(title, list(group)) for title, group in groupby(rows, lambda r: day(r.time_us))]


def row_of(hit: Hit, href: Href) -> Row:
    """Return one row; `href` makes the links of actor, resource and source."""
    event = hit.event
    time_us = event.when.time
    return Row(
        event_url(event.when.id),
        event.when.received if time_us is None else time_us,
        time_us is not None,
        list(sentence(event, href)),
        event.what.outcome or "",
        _linked("source", event.envelope.source, exact_term("source", event.envelope.source), href),
        badges_of(hit),
    )


def sentence(event: Event, href: Href) -> Iterator[Piece]:
    """Yield the event's sentence; a value in it is linked when it can be searched for exactly."""
    before = ""
    for kind, text in event_parts(event):
        if kind == "actor":
            who = event.who
            term = (
                _found(text, (("on_behalf_of", who.actor_on_behalf_of),))
                if before.endswith("(for ")
                else _found(text, (("actor", who.actor_name), ("actor", who.actor_id)))
            )
            yield _linked(kind, text, term, href)
        elif kind == "resource":
            names = (event.what.resource_name, *event.what.resources[:1])
            values = [("resource", name) for name in names]
            term = _found(text, (*values, ("service", event.context.service_name)))
            yield _linked(kind, text, term, href)
        else:
            yield Piece(kind, text, None)
        before = text


def badges_of(hit: Hit) -> list[Badge]:
    """Return the states of an entry that a reader should see at once."""
    event, badges = hit.event, []
    if event.envelope.quarantine is not None or hit.flags & LeafFlag.QUARANTINED:
        badges.append(_badge("quarantined", "The record could not be mapped; it is kept raw."))
    if hit.flags & LeafFlag.CONFLICT:
        badges.append(_badge("conflict", "Another record came with the same identity."))
    if event.envelope.redactions or hit.flags & LeafFlag.REDACTED:
        badges.append(_badge("redacted", "Secrets in the record were replaced before storing."))
    return badges


def _badge(word: str, about: str) -> Badge:
    return Badge(word, about, Term(f"_{word}", "has", value=True))


def _linked(kind: str, text: str, term: Term | None, href: Href) -> Piece:
    return Piece(kind, text, href(term) if term else None)


def _found(text: str, values: Iterable[tuple[str, str | None]]) -> Term | None:
    """Return the term of the value that a sentence shows, shortened or not."""
    for field, value in values:
        if value and (value == text or (text.endswith(_CUT) and value.startswith(text[:-1]))):
            return exact_term(field, value)
    return None
