"""The page of one event: `GET /events/{id}`, and `POST /events/{id}/verify`.

With `fragment=1` it comes without its frame, to stand beside a list; `q` is then the search of that
list, and the values of the event lead to narrower ones.
"""

from collections.abc import Iterator

from starlette.responses import Response

from whodid.app.answer import EventVerdict, Hit
from whodid.app.instant import instant
from whodid.app.trace import time_of
from whodid.errors import QueryError, UsageError, WhodidError
from whodid.event import Event
from whodid.ledger.leaf import LeafFlag
from whodid.merkle.checkpoint import Checkpoint, parse_body, parse_note
from whodid.query.linking import stated
from whodid.query.own import is_own
from whodid.query.parse import parse
from whodid.query.sentence import event_sentence
from whodid.query.tree import Everything, Query, Term
from whodid.web.citation import citation
from whodid.web.column_view import asked_columns
from whodid.web.connect import address_of
from whodid.web.fields_view import ListSearch, groups_of
from whodid.web.links import (
    alerts_url,
    around,
    around_url,
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
from whodid.web.states import states_of
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
    fragment = visit.asked("fragment") == "1"
    log = visit.site.log
    head = _head(log)
    return visit.page(
        "event_body.html" if fragment else "event.html",
        fragment=fragment,
        hit=hit,
        event=event,
        href=event_url(event.when.id),
        title=event_sentence(event),
        pieces=list(sentence(event, _search)),
        time_us=time_of(event),
        badges=badges_of(hit),
        badge_href=lambda badge: _search(badge.term),
        states=list(states_of(hit, head, visit.site.reading.integrity())),
        changes=event.content.changes,
        groups=groups_of(event, _list_of(visit)),
        raw=raw_view(event.raw, event.envelope.redactions),
        flags=[words for flag, words in _FLAGS if hit.flags & flag],
        near=list(_near(hit)),
        around=list(_around(event)),
        query=_search(Term("id", "has", event.when.id)),
        query_text=text_of([Term("id", "has", event.when.id)]),
        citation=citation(hit, head, log.origin, address_of(visit)),
        head=head,
        verdict=verdict,
    )


def _list_of(visit: Visit) -> ListSearch:
    """Return the search of the list that it is opened beside; everything where there is none."""
    try:
        query, columns = parse(visit.asked("q")), asked_columns(visit.asked("columns"))
    except (QueryError, UsageError):
        query, columns = Query(Everything()), ()
    return ListSearch(query, visit.asked("own") == "1", columns)


def _around(event: Event) -> Iterator[Link]:
    """Yield what its neighbours may have in common with it."""
    if instant(time_of(event)) is None:
        return
    who, own = event.who, is_own(event)
    for words, field, value in (
        ("Actor", "actor", who.actor_id or who.actor_name),
        ("Session", "actor.session", who.actor_session),
        ("Resource", "resource", event.what.resource_name),
        ("Address", "ip", event.where.ip),
        ("Source", "source", event.envelope.source),
    ):
        term = exact_term(field, value)
        if term is not None:
            yield Link(words, around_url([term], time_of(event), event.when.id, own=own))


def _near(hit: Hit) -> Iterator[Link]:
    """Yield searches for what surrounds the event."""
    event = hit.event
    close = around(time_of(event), _NEAR_MINUTES)
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
    """Yield the pages of who and what it is about, of alerts, and of who looked at it."""
    for kind, words, value in (
        ("actor", "All about this actor", event.who.actor_id or event.who.actor_name),
        ("resource", "All about this resource", event.what.resource_name),
        ("ip", "All about this address", event.where.ip),
    ):
        if value and exact_term(kind, value) is not None:
            yield Link(words, profile_url(kind, value))
    if event.who.actor_id and exact_term("actor.id", event.who.actor_id) is not None:
        yield Link("Alerts of this actor", alerts_url("actor.id", event.who.actor_id))
    yield Link("Who looked at this event", lookers_url("event", event.when.id, ""))


def _search(*terms: Term) -> str:
    return search_url(text_of(terms))


def _head(log: PublicLog) -> Checkpoint | None:
    """Return the newest public head, None when there is none yet."""
    try:
        return parse_body(parse_note(log.checkpoint())[0])
    except (WhodidError, OSError):
        return None
