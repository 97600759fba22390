"""The page of who looked: `GET /lookers`, of everything or of one thing (`of`, `named`)."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from starlette.responses import Response

from whodid.app.answer import Hit
from whodid.app.lookers import SUBJECTS, Looker, LookersAnswer
from whodid.app.profile import KINDS
from whodid.event import Event
from whodid.limits import WEB_PAGE_ROWS
from whodid.query.parse import parse
from whodid.query.tree import Query, Term, all_of
from whodid.web import period
from whodid.web.html import count
from whodid.web.links import (
    alert_url,
    event_url,
    exact_term,
    lookers_url,
    pinned_url,
    profile_url,
    search_url,
    trace_url,
)
from whodid.web.row import Day, days_of
from whodid.web.stats import head_of
from whodid.web.time_range import items_of, with_filter
from whodid.web.visit import Visit

_TITLES = {
    "actor": "Who looked at the actor", "resource": "Who looked at the resource",
    "ip": "Who looked at the address", "event": "Who looked at the event",
    "trace": "Who looked at the story of",
}  # fmt: skip
_KINDS = {"actor": "actor", "resource": "resource", "ip": "address", "event": "event",
          "trace": "story"}  # fmt: skip
_DONE = {
    "search": ("searched", "search"), "count": ("counted", "count"),
    "export": ("exported", "export"), "tail": ("followed live", "follow live"),
    "show": ("opened", "open"), "prove": ("opened with its proof", "open with its proof"),
    "verify": ("verified", "verify"), "trace": ("read the story of", "read the story of"),
    "profile": ("read all about", "read all about"), "list": ("listed", "list"),
    "overview": ("read the overview of the last", "read the overview of the last"),
    "prove answer": ("asked for the proven answer to", "ask for the proven answer to"),
    "sql": ("asked in SQL", "ask in SQL"),
    "list views": ("listed saved", "list saved"), "export entries": ("took", "take"),
    "list alerts": ("listed", "list"), "show alert": ("opened the alert", "open the alert"),
    "list silences": ("listed", "list"), "list rules": ("listed", "list"),
    "list messages": ("listed the messages in the outbox", "list the messages in the outbox"),
    "show rule": ("opened the rule", "open the rule"), "check rules": ("checked", "check"),
    "backtest": ("tried rules on", "try rules on"),
    "tune": ("sought exclusions in", "seek exclusions in"),
    "show backtest": ("opened the backtest", "open the backtest"),
    "preview silence": ("asked what a silence would mute of", "ask what a silence would mute of"),
    "review": ("asked who looked at", "ask who looked at"), "log in": ("logged in to", "log in to"),
}  # fmt: skip
"""What the actions of whodid's own events say of somebody, done and tried; others as they are."""

_ASKED = frozenset({"search", "count", "export", "tail", "prove answer"})
"""Actions whose text is a search."""

_PINNED = re.compile(r"events of the first ([0-9]{1,15}) entries")
"""The resource of a search as of a size of the log."""

_ANYTHING = "looks"
"""The resource of the question who looked at anything."""
_SHOWN_MAX = 12


class Act(NamedTuple):
    """How often somebody did something, and these looks."""

    told: str
    href: str | None


class Person(NamedTuple):
    """Somebody who looked, with his acts as links."""

    looker: Looker
    href: str | None
    acts: list[Act]
    denied_href: str | None


class Look(NamedTuple):
    """One look as a row: who, did what, to what (with its page), and what came of it."""

    href: str
    time_us: int
    who: str
    who_href: str | None
    done: str
    what: str
    what_href: str | None
    rows: int | None
    outcome: str
    reason: str
    origin: str


class Thing(NamedTuple):
    """Something that was looked at by name, and where to see it and its looks."""

    kind: str
    value: str
    href: str
    told: str
    lookers_href: str
    last_us: int


def show(visit: Visit) -> Response:
    """Answer `GET /lookers`; without `q` it is about the last seven days."""
    asked = Asked(visit)
    query = parse(asked.text)
    answer = visit.site.reading.lookers(
        visit.caller(), asked.text, kind=asked.kind, value=asked.value, limit=WEB_PAGE_ROWS,
        before=visit.asked("before") or None,
    )  # fmt: skip
    return visit.page(
        "lookers.html",
        asked=asked,
        title=_TITLES[asked.kind] if asked.kind else "Who looked",
        thing_href=_page_of(asked.kind, asked.value) if asked.kind else None,
        kinds=_KINDS,
        ranges=period.choices(query, asked.url),
        answer=answer,
        people=[_person(one, query, asked) for one in answer.lookers],
        things=_things(answer, asked) if asked.kind is None else [],
        refused=[_look(hit, query, asked) for hit in answer.refused],
        refused_href=asked.narrowed(query, Term("outcome", "has", "denied")),
        days=_days(answer.looks, query, asked),
        older=asked.url(asked.text, before=answer.next) if answer.next else None,
        newest=asked.url(asked.text) if visit.asked("before") else None,
        head=head_of(answer.checkpoint),
    )


class Asked:
    """What the address asks: a search among looks, and of which thing."""

    def __init__(self, visit: Visit) -> None:
        given = visit.request.query_params
        self.text = visit.asked("q") if "q" in given else period.last("1w")
        self.value = visit.asked("named")
        self.kind = (visit.asked("of") or None) if self.value else None

    def url(self, text: str, before: str | None = None) -> str:
        """Return the address of the same question with another search among looks."""
        return lookers_url(self.kind, self.value, text, before)

    def narrowed(self, query: Query, term: Term) -> str:
        """Return the address with one term more."""
        items = items_of(query)
        return self.url(self.text if term in items else with_filter(query, all_of([*items, term])))


def _person(looker: Looker, query: Query, asked: Asked) -> Person:
    actor = exact_term("actor", looker.actor)
    if actor is None:
        told = [Act(_acts_told(action, times), None) for action, times in _most(looker)]
        return Person(looker, None, told, None)
    mine = Query(all_of([*items_of(query), *([] if actor in items_of(query) else [actor])]))
    acts = [
        Act(_acts_told(action, times), asked.narrowed(mine, Term("action", "has", action)))
        for action, times in _most(looker)
    ]
    denied = asked.narrowed(mine, Term("outcome", "has", "denied")) if looker.denied else None
    return Person(looker, asked.narrowed(query, actor), acts, denied)


def _most(looker: Looker) -> Iterable[tuple[str, int]]:
    return sorted(looker.acts.items(), key=lambda item: (-item[1], item[0]))


def _acts_told(action: str, times: int) -> str:
    return f"{action} {count(times)}"


def _things(answer: LookersAnswer, asked: Asked) -> list[Thing]:
    return [
        Thing(
            _KINDS[one.kind], one.value, _page_of(one.kind, one.value) or "/",
            count(one.looks, "look") + (f" by {count(one.lookers)}" if one.lookers else ""),
            lookers_url(one.kind, one.value, asked.text), one.last_us,
        )
        for one in answer.subjects[:_SHOWN_MAX]
    ]  # fmt: skip


def _days(hits: list[Hit], query: Query, asked: Asked) -> list[Day[Look]]:
    return days_of([_look(hit, query, asked) for hit in hits])


def _look(hit: Hit, query: Query, asked: Asked) -> Look:
    event = hit.event
    who = event.who.actor_id or ""
    actor = exact_term("actor", who)
    what, what_href = _what(event)
    origin = [event.context.endpoint, event.where.ip]
    return Look(
        event_url(event.when.id),
        event.when.received if event.when.time is None else event.when.time,
        who, asked.narrowed(query, actor) if actor else None,
        _done(event), what, what_href,
        event.what.rows, event.what.outcome or "", event.what.reason or "",
        ", ".join(part for part in origin if part),
    )  # fmt: skip


def _done(event: Event) -> str:
    action = event.what.action or ""
    past, infinitive = _DONE.get(action, (action, action))
    if event.what.outcome == "denied":
        return f"tried to {infinitive}"
    return past


def _what(event: Event) -> tuple[str, str | None]:
    """Return what was looked at: a search as it was typed, or a thing; and where it is."""
    kind, name = event.what.resource_type, event.what.resource_name
    if kind in SUBJECTS and name:
        return name, _page_of(kind, name)
    if event.what.action == "show alert" and name:
        return name, alert_url(name)
    text = event.content.statement
    if text is not None and event.what.action in _ASKED:
        pinned = _PINNED.fullmatch(name or "")
        if pinned is None:
            return text or "everything", search_url(text)
        return f"{text or 'everything'} ({name})", pinned_url(int(pinned[1]), text)
    if text is not None and event.what.action == "sql":
        return text, None
    return "anything" if name == _ANYTHING else name or "", None


def _page_of(kind: str | None, value: str) -> str | None:
    """Return the page of a thing; None when it has none."""
    if kind in KINDS:
        return profile_url(kind, value)
    if kind == "event":
        return event_url(value)
    return trace_url(value) if kind == "trace" else None
