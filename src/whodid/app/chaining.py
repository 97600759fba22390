"""The read that finds chains of events, one event of its own before it answers.

Rights hold as for a search: every step is cut to them, and no field that is denied is asked for.
"""

import msgspec

from whodid.app.answer import Caller
from whodid.app.chains import Chain, ChainsAnswer
from whodid.app.counting import kept_back
from whodid.app.following import hit_of
from whodid.app.own import Act
from whodid.app.read_context import ReadContext
from whodid.errors import QueryError
from whodid.index.analyst import Analyst
from whodid.index.page import Hit, decode_cursor
from whodid.limits import SEQUENCE_CHAINS_MAX
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.parse import parse
from whodid.query.times import resolve


class Chaining:
    """The reads of chains; it shares turns, analyst and rights with `LedgerReading`."""

    def __init__(self, context: ReadContext, analyst: Analyst) -> None:
        self._context = context
        self._analyst = analyst

    def chains(
        self, caller: Caller, text: str, *, limit: int, before: str | None, own: bool
    ) -> ChainsAnswer:
        """Return a page of chains (see `Reading.chains`)."""
        act = Act("search", "read", "ledger", "events", text)
        query = parse(text)
        if query.sequence is None:
            raise QueryError("this search has no | sequence", len(text))
        cursor = decode_cursor(before) if before else None
        query = resolve(self._context.allowed(caller, query, act), self._context.clock())
        wanted = limit if query.limit is None else query.limit.count
        with self._context.turn(caller, act):
            page = self._analyst.chains(
                query, limit=max(1, min(wanted, SEQUENCE_CHAINS_MAX)), before=cursor,
                durable=self._context.port.status().size, own=own,
            )  # fmt: skip
            by = query.sequence.by if query.sequence is not None else ""
            found = [
                Chain(_value(by, hits[0]), [hit_of(hit.row, caller.rights) for hit in hits])
                for hits in page.chains
                if hits
            ]
            note = self._context.note()
            rows = sum(len(chain.hits) for chain in found)
            self._context.own.write(caller, msgspec.structs.replace(act, rows=rows))
        following = page.next if query.limit is None else None
        return ChainsAnswer(
            by, found, page.total, page.total_is_exact, page.hidden_own,
            following.encode() if following else None, note, page.size,
            [*page.warnings, *kept_back(caller.rights)],
        )  # fmt: skip


def _value(field: str, hit: Hit) -> str | int:
    """Return the value of a field by which chains are made; such an event has one."""
    values = (hit.event.field(column) for column in SEARCH_FIELDS[field].columns)
    found: str | int = next((value for value in values if value is not None), "")
    return found
