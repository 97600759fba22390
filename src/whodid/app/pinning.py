"""Reading as of a size of the log: an answer that can be asked for again and is the same.

It is about the first `at` entries alone; its checkpoint is signed for just these, and "now" in the
search is when the last of them was taken. What was erased since then is gone from it too: it is
said how many entries cannot be read. Rights are those of who asks, and when he asks.
"""

from collections.abc import Callable

import msgspec

from whodid.app.answer import Caller, SearchAnswer
from whodid.app.counting import kept_back, no_table
from whodid.app.counts import TableAnswer
from whodid.app.following import hit_of
from whodid.app.own import Act
from whodid.app.read_context import ReadContext
from whodid.errors import QueryError
from whodid.index.analyst import Analyst
from whodid.index.page import Page
from whodid.ledger.reader import LedgerReader
from whodid.query.parse import parse
from whodid.query.times import resolve
from whodid.query.tree import Query


class Pinning:
    """The pinned reads; turns, reader, analyst and pages are those of `LedgerReading`."""

    def __init__(
        self, context: ReadContext, reader: LedgerReader, analyst: Analyst,
        page: Callable[..., Page],
    ) -> None:  # fmt: skip
        self._context = context
        self._reader = reader
        self._analyst = analyst
        self._page = page

    def search(
        self, caller: Caller, text: str, at: int, *, limit: int, before: str | None, own: bool
    ) -> SearchAnswer:
        """Return events (see `Reading.search_at`)."""
        act = act_of(text, at)
        allowed = self._context.allowed(caller, no_table(parse(text)), act)
        note = self._context.port.head_at(at)
        with self._context.turn(caller, act):
            page = self._page(self._resolved(allowed, at), limit, before, own=own, at=at)
            hits = [hit_of(found.row, caller.rights, found.event) for found in page.rows]
            newer = self._context.port.status().size - at
            self._context.own.write(caller, msgspec.structs.replace(act, rows=len(hits)))
        return SearchAnswer(
            hits, page.total, page.total_is_exact, page.hidden_own,
            page.next.encode() if page.next else None, note, at,
            [*page.warnings, *kept_back(caller.rights)], newer=newer,
        )  # fmt: skip

    def table(self, caller: Caller, text: str, at: int, *, own: bool) -> TableAnswer:
        """Return a table (see `Reading.table_at`)."""
        act = act_of(text, at)
        query = parse(text)
        if query.stats is None:
            raise QueryError("this search has no | stats", len(text))
        allowed = self._context.allowed(caller, query, act)
        note = self._context.port.head_at(at)
        with self._context.turn(caller, act):
            durable = self._context.port.status().size
            found = self._analyst.stats(
                self._resolved(allowed, at), durable=durable, own=own, at=at
            )
            rows = len(found.table.rows)
            self._context.own.write(caller, msgspec.structs.replace(act, rows=rows))
        table = found.table
        return TableAnswer(
            table.columns, table.rows, table.groups, table.events, table.exact, table.other,
            found.hidden_own, note, at, [*found.warnings, *kept_back(caller.rights)],
            newer=durable - at,
        )  # fmt: skip

    def _resolved(self, query: Query, at: int) -> Query:
        return resolve(query, now_at(self._context, self._reader, at))


def now_at(context: ReadContext, reader: LedgerReader, at: int | None) -> int:
    """Return what "now" is (µs UTC) as of a size of the log, None: now. In a turn."""
    return context.clock() if at is None else reader.row(at - 1).leaf().appended_us


def act_of(text: str, at: int | None, action: str = "search") -> Act:
    """Return the act of reading events as of a size of the log, None: of now."""
    events = "events" if at is None else f"events of the first {at} entries"
    return Act(action, "read", "ledger", events, text)
