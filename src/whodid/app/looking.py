"""Reading who looked: whodid's own events of reads and refusals, counted and listed in one turn.

Who sees own events sees those of all; everybody else who reads events sees his own looks: those of
his sessions and tokens. Denied fields stay denied here too.

It knows what was asked, not what an answer showed: an event that a search listed was not looked at
by name.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from whodid.app.answer import Caller
from whodid.app.counting import events_only, kept_back
from whodid.app.following import hit_of
from whodid.app.lookers import SUBJECTS, LookedAt, Looker, LookersAnswer
from whodid.app.own import Act
from whodid.app.read_context import ReadContext
from whodid.errors import UsageError
from whodid.index.analyst import Analyst, Counted
from whodid.index.page import Page
from whodid.limits import PROFILE_VALUE_CHARS_MAX, QUERY_LIMIT_ROWS_MAX
from whodid.query.own import OWN_SOURCE
from whodid.query.parse import parse
from whodid.query.pipes import Key, Limit, Measure, Order, Sort, Stats
from whodid.query.rights import Rights, may_ask
from whodid.query.times import resolve
from whodid.query.tree import Node, Not, Query, Term, all_of, any_of
from whodid.query.values import one_address

_REFUSED_MAX = 20
_NAMED_MAX = 50
_REFUSED = Term("outcome", "is", "denied")
_OURS = Term("source", "is", OWN_SOURCE)
_ROUND = all_of([Term("action", "is", "verify"), Term("resource.type", "is", "ledger")])
"""A round of continuous validation: whodid reads itself."""

_LOOKS = any_of(
    [
        all_of([Term("access", "is", "read"), Not(_ROUND)]),
        all_of(
            [
                _REFUSED,
                any_of(Term("access", "is", access) for access in ("authenticate", "administer")),
                Not(
                    any_of(Term("action", "is", name) for name in ("send events", "alter state.db"))
                ),
            ]
        ),
    ]
)
"""Reads, and what was refused to somebody who wanted in."""

_ROWS = Measure("sum", "rows")
_LAST = Measure("max", "time")
_COUNT = Measure("count")


class Looking:
    """The reads of the log of the log; turns, analyst and pages are those of `LedgerReading`."""

    def __init__(self, context: ReadContext, analyst: Analyst, page: Callable[..., Page]) -> None:
        self._context = context
        self._analyst = analyst
        self._page = page

    def lookers(
        self, caller: Caller, text: str, *, kind: str | None, value: str, limit: int,
        before: str | None,
    ) -> LookersAnswer:  # fmt: skip
        """Return who looked (see `Reading.lookers`)."""
        act = Act("review", "read", kind or "ledger", value if kind else "looks", text or None)
        asker = msgspec.structs.replace(caller, rights=with_own_looks(caller))
        parts: list[Node] = [_OURS, _LOOKS, events_only(parse(text)).filter]
        if kind is not None:
            parts.append(subject_node(kind, value, caller.rights))
        node = all_of(parts)
        query = self._resolved(asker, Query(node), act)
        refused = self._resolved(asker, Query(all_of([node, _REFUSED])), act)
        with self._context.turn(caller, act):
            counts = _Counts(asker.rights, lambda stats: self._count(asker, node, stats, act))
            counts.run()
            page = self._page(query, limit, before, own=True)
            none = before is not None or not counts.denied
            bad = None if none else self._page(refused, _REFUSED_MAX, None, own=True)
            note = self._context.note()
            self._context.own.write(caller, msgspec.structs.replace(act, rows=len(page.rows)))
        return LookersAnswer(
            (kind, value) if kind is not None else None,
            page.total, counts.rows, counts.denied, counts.lookers, counts.lookers_total,
            counts.subjects, counts.subjects_total,
            [hit_of(found.row, asker.rights, found.event) for found in bad.rows] if bad else [],
            [hit_of(found.row, asker.rights, found.event) for found in page.rows],
            page.next.encode() if page.next else None, caller.rights.filter is not None,
            counts.exact and page.total_is_exact, 0, note, page.size,
            [*dict.fromkeys([*page.warnings, *counts.warnings]), *kept_back(caller.rights)],
        )  # fmt: skip

    def _resolved(self, asker: Caller, query: Query, act: Act) -> Query:
        return resolve(self._context.allowed(asker, query, act), self._context.clock())

    def _count(self, asker: Caller, node: Node, stats: Stats, act: Act) -> Counted:
        most = Sort((Order("count", descending=True),))
        asked = Query(node, stats=stats, sort=most, limit=Limit(QUERY_LIMIT_ROWS_MAX))
        durable = self._context.port.status().size
        return self._analyst.stats(self._resolved(asker, asked, act), durable=durable, own=True)


class _Counts:
    """The tables of one answer while they are counted."""

    def __init__(self, reader: Rights, count: Callable[[Stats], Counted]) -> None:
        self._reader = reader
        self._count = count
        self.rows: int | None = 0 if may_ask("rows", reader) else None
        self.denied = self.lookers_total = self.subjects_total = 0
        self.lookers: list[Looker] = []
        self.subjects: list[LookedAt] = []
        self.exact = True
        self.warnings: list[str] = []

    def run(self) -> None:
        """Count everything that this reader may ask for."""
        self._count_lookers()
        if may_ask("resource.type", self._reader) and may_ask("resource.name", self._reader):
            self._count_subjects()

    def _table(self, keys: list[str], measures: list[Measure]) -> list[dict[str, Any]]:
        found = self._count(Stats(tuple(map(Key, keys)), tuple(measures)))
        self.exact = self.exact and found.table.exact
        self.warnings += found.warnings
        names = [column.name for column in found.table.columns]
        return [dict(zip(names, row, strict=True)) for row in found.table.rows]

    def _count_lookers(self) -> None:
        named = may_ask("actor.id", self._reader)
        keys = ["outcome", *(["actor.id"] if named else [])]
        keys += ["action"] if may_ask("action", self._reader) else []
        measures = [_COUNT, _LAST, *([_ROWS] if self.rows is not None else [])]
        found: dict[str, Looker] = {}
        for row in self._table(keys, measures):
            refused = row["outcome"] == "denied"
            self.denied += row["count"] if refused else 0
            rows = None if self.rows is None else row[_ROWS.name] or 0
            if self.rows is not None and rows is not None:
                self.rows += rows
            who = row.get("actor.id")
            if who is None:
                continue
            before = found.get(who) or Looker(who, {}, 0, None if rows is None else 0, 0, 0)
            found[who] = _with(before, row, rows, refused=refused)
        self.lookers_total = len(found)
        ranked = sorted(found.values(), key=lambda one: (-one.looks - one.denied, one.actor))
        self.lookers = ranked[:_NAMED_MAX]

    def _count_subjects(self) -> None:
        counted = may_ask("actor.id", self._reader)
        people = Measure("count_distinct", "actor.id")
        measures = [_COUNT, _LAST, *([people] if counted else [])]
        found = [
            LookedAt(
                row["resource.type"], row["resource.name"], row["count"],
                row[people.name] if counted else None, row[_LAST.name],
            )
            for row in self._table(["resource.type", "resource.name"], measures)
            if row["resource.type"] in SUBJECTS and row["resource.name"]
        ]  # fmt: skip
        self.subjects_total = len(found)
        self.subjects = found[:_NAMED_MAX]


def _with(before: Looker, row: dict[str, Any], rows: int | None, *, refused: bool) -> Looker:
    """Return somebody with one more group of looks."""
    acts, action = dict(before.acts), row.get("action")
    if action is not None and not refused:
        acts[action] = acts.get(action, 0) + row["count"]
    return Looker(
        before.actor, acts, before.looks + (0 if refused else row["count"]),
        None if rows is None else (before.rows or 0) + rows,
        before.denied + (row["count"] if refused else 0),
        max(before.last_us, row[_LAST.name]),
    )  # fmt: skip


def with_own_looks(caller: Caller) -> Rights:
    """Return the rights of a caller with what he himself did in his sessions and tokens."""
    reader = caller.rights
    if not reader.content or reader.filter is None:
        return reader
    mine = all_of([_OURS, Term("actor.id", "is", caller.name), Term("actor.session", "exists")])
    return Rights(any_of([reader.filter, mine]), reader.denied_fields, reader.content)


def subject_node(kind: str, value: str, reader: Rights) -> Node:
    """Return what finds the looks at one thing: at its page, and searches whose text names it.

    Raises UsageError for what can be none.
    """
    if kind not in SUBJECTS:
        raise UsageError(f"what is looked at is one of: {', '.join(SUBJECTS)}")
    if not value or len(value) > PROFILE_VALUE_CHARS_MAX:
        raise UsageError(f"a value has 1 to {PROFILE_VALUE_CHARS_MAX} characters")
    address = one_address(value) if kind == "ip" else None
    names = dict.fromkeys([value, *([address.text] if address else [])])
    page = all_of(
        [
            Term("resource.type", "is", kind),
            any_of(Term("resource.name", "is", name) for name in names),
        ]
    )
    if not may_ask("statement", reader):
        return page
    return any_of([page, *(Term("statement", "has", name) for name in names)])
