"""Reading a profile: several counts over the same events, in one turn, one event of its own.

Rights hold as for a search: each count is cut to them; what rests on a denied field is left out.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from whodid.app.answer import Caller
from whodid.app.counting import histogram_answer, kept_back, page_overview
from whodid.app.own import Act
from whodid.app.profile import HEAT_DAYS, KINDS, NEWS_DAYS, News, Peer, ProfileAnswer, heat_of
from whodid.app.read_context import ReadContext
from whodid.errors import AccessDeniedError, UsageError
from whodid.index.analyst import Analyst, Counted
from whodid.limits import HISTOGRAM_BARS_MAX, PROFILE_VALUE_CHARS_MAX
from whodid.query.pipes import Key, Limit, Measure, Order, Sort, Stats
from whodid.query.rights import may_ask
from whodid.query.times import DAY_US, resolve
from whodid.query.tree import Node, Not, Query, Range, Span, Term, all_of, any_of
from whodid.query.values import one_address

_BARS = 60
_VALUES = 8
_NEWS_MAX = 12
_PEERS_MAX = 8
_SHARED_MAX = 20
"""So many values, the most frequent ones, tell who the peers are."""
_HOURS = Stats((Key("time", DAY_US // 24),), (Measure("count"),))
_SPAN = Stats((), (Measure("count"), Measure("min", "time"), Measure("max", "time")))


class Profiling:
    """The reads of profiles; it shares turns, analyst and rights with `LedgerReading`."""

    def __init__(self, context: ReadContext, analyst: Analyst) -> None:
        self._context = context
        self._analyst = analyst

    def profile(self, caller: Caller, kind: str, value: str) -> ProfileAnswer:
        """Return what is known of a value (see `Reading.profile`)."""
        term = term_of(kind, value)
        act = Act("profile", "read", kind, value)
        query = resolve(self._context.allowed(caller, Query(term), act), self._context.clock())
        durable = self._context.port.status().size
        wanted = page_overview(caller, KINDS[kind].facets, min(_BARS, HISTOGRAM_BARS_MAX), _VALUES)

        def count(node: Node, stats: Stats, sort: Sort | None = None, limit: int = 1000) -> Counted:
            asked = Query(node, stats=stats, sort=sort, limit=Limit(limit))
            asked = resolve(self._context.allowed(caller, asked, act), self._context.clock())
            return self._analyst.stats(asked, durable=durable)

        with self._context.turn(caller, act):
            looked = _Look(caller, kind, term, count)
            looked.run()
            found = (
                self._analyst.overview(query, wanted, durable=durable) if looked.events else None
            )
            note = self._context.note()
            self._context.own.write(caller, msgspec.structs.replace(act, rows=looked.events))
        warnings = [*looked.warnings, *(found.warnings if found else ())]
        return ProfileAnswer(
            kind, value, looked.events, looked.first_us, looked.last_us, looked.heat,
            histogram_answer(found, note, []) if found else None,
            found.facets if found else [], looked.news, looked.peers, KINDS[kind].via,
            looked.exact and (found is None or found.exact), looked.hidden_own, note, looked.size,
            [*dict.fromkeys(warnings), *kept_back(caller.rights)],
        )  # fmt: skip


class _Look:
    """The counts of one profile while they are made."""

    def __init__(
        self, caller: Caller, kind: str, term: Term, count: Callable[..., Counted]
    ) -> None:
        self._caller = caller
        self._kind = kind
        self._term = term
        self._ask = count
        self.events = self.first_us = self.last_us = 0
        self.hidden_own = self.size = 0
        self.exact = True
        self.heat = heat_of([])
        self.news: list[News] | None = []
        self.peers: list[Peer] = []
        self.warnings: list[str] = []

    def run(self) -> None:
        """Count everything; nothing more when there are no events."""
        found = self._count(self._term, _SPAN)
        self.hidden_own, self.size = found.hidden_own, found.size
        self.events, first_us, last_us = found.table.rows[0]
        if not self.events:
            return
        self.first_us, self.last_us = first_us, last_us
        hours = self._count(self._since(HEAT_DAYS), _HOURS)
        self.heat = heat_of([(start, events) for start, events in hours.table.rows])
        self._find_news()
        self._find_peers(KINDS[self._kind].via)

    def _count(
        self, node: Node, stats: Stats, sort: Sort | None = None, limit: int = 1000
    ) -> Counted:
        found = self._ask(node, stats, sort, limit)
        self.exact = self.exact and found.table.exact
        self.warnings += [w for w in found.warnings if "are not shown" not in w]
        return found

    def _since(self, days: int) -> Node:
        first, last = self.last_us - days * DAY_US, self.last_us
        span = Range(Span(first, first + 1), Span(last, last + 1))
        return all_of([self._term, Term("time", "range", span)])

    def _find_news(self) -> None:
        since_us = self.last_us - NEWS_DAYS * DAY_US
        if self.first_us >= since_us:
            self.news = None
            return
        found: list[News] = []
        measures = (Measure("min", "time"), Measure("count"))
        for field in KINDS[self._kind].news:
            if not may_ask(field, self._caller.rights):
                continue
            stats, sort = Stats((Key(field),), measures), Sort((Order("min(time)", True),))
            for value, first_us, events in self._rows(self._term, stats, sort, _NEWS_MAX):
                if value is not None and first_us >= since_us:
                    found.append(News(field, str(value), first_us, events))
        self.news = found

    def _find_peers(self, via: str) -> None:
        if not may_ask(via, self._caller.rights):
            return
        most = self._rows(
            self._term, Stats((Key(via),), (Measure("count"),)), Sort((Order("count", True),)),
            _SHARED_MAX,
        )  # fmt: skip
        values = [Term(via, "is", value) for value, _ in most if isinstance(value, str) and value]
        if not values:
            return
        stats = Stats((Key(self._kind),), (Measure("count_distinct", via), Measure("count")))
        sort = Sort((Order(f"count_distinct({via})", True), Order("count", True)))
        others = all_of([any_of(values), Not(self._term)])
        self.peers = [
            Peer(str(value), shared, events)
            for value, shared, events in self._rows(others, stats, sort, _PEERS_MAX)
            if value is not None
        ]

    def _rows(self, node: Node, stats: Stats, sort: Sort, limit: int) -> list[list[Any]]:
        try:
            return self._count(node, stats, sort, limit).table.rows
        except AccessDeniedError:
            raise
        except UsageError as error:  # more values than are told apart
            self.warnings.append(str(error))
            return []


def term_of(kind: str, value: str) -> Term:
    """Return the term that a profile is about. Raises UsageError when there can be none."""
    if kind not in KINDS:
        raise UsageError(f"there are profiles of: {', '.join(KINDS)}")
    if not value or len(value) > PROFILE_VALUE_CHARS_MAX:
        raise UsageError(f"a value has 1 to {PROFILE_VALUE_CHARS_MAX} characters")
    if kind != "ip":
        return Term(kind, "is", value)
    address = one_address(value)
    if address is None:
        raise UsageError(f"{value[:64]!r} is no address")
    return Term("ip", "has", address)
