"""Gathering the story of an undertaking: one read, one event of its own before it is shown.

1. What has the id that is asked for, in any of the fields that hold one, or in a comment of SQL.
2. The other ids that these events state are looked for too, and theirs, until there are no more;
   in all of these fields, since the request id of one system is the correlation id of the next.
   An id that very many events have (a proxy's, a batch's) says little and is not followed.
3. Inferred: what the same session did within seconds of a step; and what the same actor did from
   the same address meanwhile, where it states no id of its own.

Rights hold as for a search: every query is cut to them, and no field that is denied is looked into.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import msgspec

from whodid.app.answer import Caller, Hit
from whodid.app.counting import kept_back
from whodid.app.following import hit_of
from whodid.app.own import Act
from whodid.app.read_context import ReadContext
from whodid.app.trace import Followed, Link, TraceAnswer, gaps_of, in_order, time_of
from whodid.errors import UsageError
from whodid.event import Event
from whodid.index.page import Page
from whodid.index.search import Searcher
from whodid.limits import (
    TRACE_EVENTS_MAX,
    TRACE_ID_CHARS_MAX,
    TRACE_ID_EVENTS_MAX,
)
from whodid.query.linking import FOLLOWED, ID_CHARS_MIN, SESSION, stated
from whodid.query.rights import may_ask
from whodid.query.times import resolve
from whodid.query.tree import (
    Everything,
    Node,
    Not,
    Query,
    Range,
    Span,
    Term,
    all_of,
    any_of,
)
from whodid.query.values import one_address

_REASONS = {
    "trace": "same trace", "correlation": "same correlation", "request": "same request",
    SESSION: "same session", "id": "the event of this id",
    "statement": "its statement names the trace",
}  # fmt: skip
IDS_MAX = 64
"""Most ids that are followed from the events of a story."""
NEAR_MAX = 50
"""Most inferred steps of one session or actor, and most of these that are looked at."""
_NEAR_US = 5 * 1_000_000
_MEANWHILE_US = 600 * 1_000_000
_TRACE_HEX = 32
_HEX = frozenset("0123456789abcdef")


class Tracing:
    """The reads of stories; it shares turns, searcher and rights with `LedgerReading`."""

    def __init__(self, context: ReadContext, searcher: Searcher) -> None:
        self._context = context
        self._searcher = searcher

    def trace(self, caller: Caller, trace_id: str, *, inferred: bool) -> TraceAnswer:
        """Return the story of an id (see `Reading.trace`)."""
        trace_id = trace_id.strip()
        if not trace_id or len(trace_id) > TRACE_ID_CHARS_MAX:
            raise UsageError(f"an id has 1 to {TRACE_ID_CHARS_MAX} characters")
        act = Act("trace", "read", "trace", trace_id)
        self._context.allowed(
            caller, Query(Everything()), act
        )  # who may read nothing is refused here
        durable = self._context.port.status().size

        def search(node: Node, limit: int) -> Page:
            query = resolve(self._context.allowed(caller, Query(node), act), self._context.clock())
            return self._searcher.search(query, limit=limit, durable=durable)

        with self._context.turn(caller, act):
            gathered = _Gathering(caller, search)
            gathered.begin(trace_id)
            gathered.follow()
            if inferred:
                gathered.infer()
            steps = in_order(list(gathered.found.values()))
            note = self._context.note()
            self._context.own.write(caller, msgspec.structs.replace(act, rows=len(steps)))
        return TraceAnswer(
            trace_id, steps, gaps_of(steps), gathered.followed, gathered.whole,
            gathered.hidden_own, note, gathered.size,
            [*dict.fromkeys(gathered.warnings), *kept_back(caller.rights)],
        )  # fmt: skip


class _Gathering:
    """The events of one story while they are found, by index."""

    def __init__(self, caller: Caller, search: Callable[[Node, int], Page]) -> None:
        self._caller = caller
        self._search = search
        self._asked: set[str] = set()
        self.found: dict[int, tuple[Hit, Link]] = {}
        self.followed: list[Followed] = []
        self.whole = True
        self.hidden_own = 0
        self.size = 0
        self.warnings: list[str] = []

    def begin(self, trace_id: str) -> None:
        """Find what has the id itself, in whatever field."""
        others = [Term(SESSION, "is", trace_id), Term("id", "is", trace_id.lower())]
        terms = [
            *self._terms(trace_id),
            *(term for term in others if may_ask(term.field, self._caller.rights)),
        ]
        page = self._ask(any_of(terms), TRACE_EVENTS_MAX)
        self.hidden_own = page.hidden_own
        counts = dict.fromkeys((term.field for term in terms), 0)
        for hit, field in self._linked(page, terms, trace_id):
            counts[field] += 1
            self._add(hit, Link(field, trace_id, _REASONS[field]))
        self._asked.add(trace_id)
        self.followed += [
            Followed(field, trace_id, count, followed=True)
            for field, count in counts.items()
            if count
        ]
        if page.total > len(page.rows):
            self.whole = False
            self.warnings.append(
                f"{page.total:,} events have this id; the newest {len(page.rows):,} are shown"
            )

    def follow(self) -> None:
        """Find what has the other ids that the events so far state, and so on."""
        waiting = self._new_ids(hit for hit, _ in self.found.values())
        while waiting:
            field, value = waiting.pop(0)
            if len(self.followed) >= IDS_MAX or len(self.found) >= TRACE_EVENTS_MAX:
                self.whole = False
                self.warnings.append(
                    f"the story is larger than is shown: {len(waiting) + 1:,} more ids were not "
                    "followed"
                )
                return
            waiting += self._new_ids(self._found_by(field, value))

    def _terms(self, value: str) -> list[Term]:
        """Return what asks for an id in the fields of undertakings that the caller may ask."""
        asked = [Term(name, "is", value) for name in FOLLOWED]
        lower = value.lower()
        if len(lower) == _TRACE_HEX and _HEX.issuperset(lower):
            asked.append(Term("statement", "has", lower))
        return [term for term in asked if may_ask(term.field, self._caller.rights)]

    def _linked(self, page: Page, terms: list[Term], value: str) -> Iterator[tuple[Hit, str]]:
        """Yield the hits and the field that each has the id in; not where it is only a word."""
        for hit in self._hits(page):
            for term in terms:
                if _has(hit.event, term.field, value):
                    yield hit, term.field
                    break

    def _found_by(self, field: str, value: str) -> list[Hit]:
        terms = self._terms(value)
        page = self._ask(any_of(terms), TRACE_ID_EVENTS_MAX)
        followed = page.total <= len(page.rows)
        self.followed.append(Followed(field, value, page.total, followed=followed))
        if not followed:
            self.warnings.append(
                f"{field} {value[:64]!r} is that of {page.total:,} events and was not followed"
            )
            return []
        linked = self._linked(page, terms, value)
        fresh = [(hit, its) for hit, its in linked if hit.index not in self.found]
        for hit, its in fresh:
            self._add(hit, Link(its, value, _REASONS[its]))
        return [hit for hit, _ in fresh]

    def _new_ids(self, hits: Iterable[Hit]) -> list[tuple[str, str]]:
        """Return the ids that these events state and that were not looked for yet."""
        fresh: list[tuple[str, str]] = []
        for hit in hits:
            for field, value in stated(hit.event):
                if value in self._asked or not may_ask(field, self._caller.rights):
                    continue
                self._asked.add(value)
                if len(value) >= ID_CHARS_MIN:
                    fresh.append((field, value))
        return fresh

    # --- what is not stated ----------------------------------------------------------------------

    def infer(self) -> None:
        """Add what the sessions and the actors of the story did near to it."""
        sure = [hit for hit, _ in self.found.values()]
        self._by_session(sure)
        self._by_actor(sure)

    def _by_session(self, sure: list[Hit]) -> None:
        if not may_ask(SESSION, self._caller.rights):
            return
        times: dict[tuple[str, str], list[int]] = {}
        for hit in sure:
            session = hit.event.who.actor_session
            if session:
                key = (hit.event.envelope.source, session)
                times.setdefault(key, []).append(time_of(hit.event))
        asked = [(key, at, span) for key, at in times.items() for span in _stretches(at)]
        for (source, session), at, span in asked[:NEAR_MAX]:
            node = all_of([Term("source", "is", source), Term(SESSION, "is", session), span])
            for hit in self._hits(self._ask(node, NEAR_MAX)):
                away = min(abs(time_of(hit.event) - one) for one in at)
                reason = f"same session, {away / 1e6:.1f} s from a step"
                self._add(hit, Link(SESSION, session, reason, inferred=True))

    def _by_actor(self, sure: list[Hit]) -> None:
        at = [time_of(hit.event) for hit in sure]
        if not at or max(at) - min(at) > _MEANWHILE_US:
            return  # in so long a time he did much else
        if not (may_ask("actor.id", self._caller.rights) and may_ask("ip", self._caller.rights)):
            return
        who = dict.fromkeys((hit.event.who.actor_id, hit.event.where.ip) for hit in sure)
        for actor, address in [(a, one_address(ip)) for a, ip in who if a and ip][:NEAR_MAX]:
            if address is None:
                continue
            unstated = [
                Not(Term(name, "exists")) for name in FOLLOWED if may_ask(name, self._caller.rights)
            ]  # who states an id says himself where he belongs
            node = all_of(
                [
                    Term("actor.id", "is", actor), Term("ip", "has", address),
                    *_stretches([min(at), max(at)], _MEANWHILE_US), *unstated,
                ]
            )  # fmt: skip
            for hit in self._hits(self._ask(node, NEAR_MAX)):
                if not stated(hit.event):
                    reason = "same actor and address, meanwhile"
                    self._add(hit, Link("actor.id", actor, reason, inferred=True))

    # --- searching -------------------------------------------------------------------------------

    def _ask(self, node: Node, limit: int) -> Page:
        page = self._search(node, limit)
        self.size = max(self.size, page.size)
        self.whole = self.whole and page.total_is_exact
        self.warnings += page.warnings
        return page

    def _hits(self, page: Page) -> list[Hit]:
        return [hit_of(found.row, self._caller.rights, found.event) for found in page.rows]

    def _add(self, hit: Hit, link: Link) -> None:
        self.found.setdefault(hit.index, (hit, link))


def _has(event: Event, field: str, value: str) -> bool:
    if field == "statement":
        return ("trace", value.lower()) in stated(event)
    if field == "id":
        return event.when.id == value.lower()
    return bool(event.field(field) == value)


def _stretches(times: list[int], apart_us: int = 2 * _NEAR_US) -> list[Term]:
    """Return the time near to these, as few ranges: times that are not further apart share one."""
    ordered = sorted(times)
    ends = [0, *(n for n in range(1, len(ordered)) if ordered[n] - ordered[n - 1] > apart_us)]
    found = []
    for start, end in pairwise([*ends, len(ordered)]):
        low, high = ordered[start] - _NEAR_US, ordered[end - 1] + _NEAR_US
        found.append(Term("time", "range", Range(Span(low, low + 1), Span(high, high + 1))))
    return found
