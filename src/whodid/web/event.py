"""The page of one event: `GET /events/{id}`, and `POST /events/{id}/verify`."""

from collections.abc import Iterator

from starlette.responses import Response

from whodid.app.answer import EventVerdict, Hit
from whodid.errors import WhodidError
from whodid.event import Event
from whodid.ledger.leaf import LeafFlag
from whodid.merkle.checkpoint import Checkpoint, parse_body, parse_note
from whodid.query.linking import stated
from whodid.query.sentence import event_sentence
from whodid.query.tree import Term
from whodid.web.fields_view import groups_of
from whodid.web.links import (
    around,
    can_be_typed,
    event_url,
    exact_term,
    lookers_url,
    profile_url,
    search_url,
    text_of,
    trace_url,
)
from whodid.web.raw_record import raw_view
from whodid.web.row import badges_of, sentence
from whodid.web.search import Link
from whodid.web.site import PublicLog
from whodid.web.visit import Visit, redirect

_NEAR_MINUTES = 15
_FLAGS: tuple[tuple[LeafFlag, str], ...] = (
    (LeafFlag.QUARANTINED, "quarantined"),
    (LeafFlag.REDACTED, "redacted"),
    (LeafFlag.CONFLICT, "conflict"),
    (LeafFlag.NO_IDENTITY, "no identity (duplicates are not known)"),
)
_LINKS: tuple[tuple[str, str], ...] = (
    ("correlation", "Same undertaking"),
    ("trace", "Same trace"),
    ("request", "Same request"),
    ("actor.session", "Same session"),
)
"""(field, words) of what links events whenever they happened."""


def show(visit: Visit) -> Response:
    """Answer `GET /events/{id}`."""
    event_id = visit.request.path_params["id"]
    return _page(visit, visit.site.reading.event(visit.caller(), event_id), None)


def verify(visit: Visit) -> Response:
    """Answer `POST /events/{id}/verify`: the same page with the verdict."""
    event_id = visit.request.path_params["id"]
    hit, verdict = visit.site.reading.verify_event(visit.caller(), event_id)
    return _page(visit, hit, verdict)


def back(visit: Visit) -> Response:
    """Answer `GET /events/{id}/verify`, which a reload may ask for."""
    return redirect(event_url(visit.request.path_params["id"]))


def _page(visit: Visit, hit: Hit, verdict: EventVerdict | None) -> Response:
    event = hit.event
    return visit.page(
        "event.html",
        hit=hit,
        event=event,
        href=event_url(event.when.id),
        title=event_sentence(event),
        pieces=list(sentence(event, _search)),
        time_us=event.when.received if event.when.time is None else event.when.time,
        badges=badges_of(hit),
        badge_href=lambda badge: _search(badge.term),
        groups=groups_of(event),
        raw=raw_view(event.raw, event.envelope.redactions),
        flags=[words for flag, words in _FLAGS if hit.flags & flag],
        near=list(_near(hit)),
        head=_head(visit.site.log),
        verdict=verdict,
    )


def _near(hit: Hit) -> Iterator[Link]:
    """Yield searches for what surrounds the event."""
    event = hit.event
    at = event.when.received if event.when.time is None else event.when.time
    close = around(at, _NEAR_MINUTES)
    span = f"within {_NEAR_MINUTES} minutes"
    ids = stated(event)
    if ids and can_be_typed(ids[0][1]):
        yield Link("The whole story, across all systems", trace_url(ids[0][1]))
    for name, words in _LINKS:
        term = exact_term(name, event.field(name))
        if term is not None:
            yield Link(words, _search(term))
    who = event.who
    actor = exact_term("actor", who.actor_id or who.actor_name)
    if actor is not None:
        yield Link(f"Same actor, {span}", _search(actor, close))
    resource = exact_term("resource", event.what.resource_name)
    if resource is not None:
        yield Link(f"Same resource, {span}", _search(resource, close))
        if actor is not None:
            yield Link("Same actor and resource, ever", _search(actor, resource))
    address = exact_term("ip", event.where.ip)
    if address is not None:
        yield Link(f"Same address, {span}", _search(address, close))
    source = exact_term("source", event.envelope.source)
    if source is not None:
        yield Link(f"Same source, {span}", _search(source, close))
    yield from _profiles(event)


def _profiles(event: Event) -> Iterator[Link]:
    """Yield the pages of who and what it is about, and of who looked at it."""
    for kind, words, value in (
        ("actor", "All about this actor", event.who.actor_id or event.who.actor_name),
        ("resource", "All about this resource", event.what.resource_name),
        ("ip", "All about this address", event.where.ip),
    ):
        if value and exact_term(kind, value) is not None:
            yield Link(words, profile_url(kind, value))
    yield Link("Who looked at this event", lookers_url("event", event.when.id, ""))


def _search(*terms: Term) -> str:
    return search_url(text_of(terms))


def _head(log: PublicLog) -> Checkpoint | None:
    """Return the newest public head, None when there is none yet."""
    try:
        return parse_body(parse_note(log.checkpoint())[0])
    except (WhodidError, OSError):
        return None
