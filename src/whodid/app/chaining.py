"""The read that finds chains of events, one event of its own before it answers.

Rights hold as for a search: every step is cut to them, and no field that is denied is asked for.
"""

import msgspec

from whodid.app.answer import Caller
from whodid.app.chains import Chain, ChainsAnswer
from whodid.app.counting import kept_back
from whodid.app.following import hit_of
from whodid.app.pinning import act_of, now_at
from whodid.app.read_context import ReadContext
from whodid.errors import QueryError
from whodid.index.analyst import Analyst
from whodid.index.page import Hit, decode_cursor
from whodid.ledger.reader import LedgerReader
from whodid.limits import SEQUENCE_CHAINS_MAX
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.parse import parse
from whodid.query.times import resolve


class Chaining:
    """The reads of chains; it shares turns, analyst and rights with `LedgerReading`."""

    def __init__(self, context: ReadContext, reader: LedgerReader, analyst: Analyst) -> None:
        self._context = context
        self._reader = reader
        self._analyst = analyst

    def chains(
        self, caller: Caller, text: str, *, limit: int, before: str | None, own: bool,
        at: int | None = None,
    ) -> ChainsAnswer:  # fmt: skip
        """Return a page of chains (see `Reading.chains`, `Reading.chains_at`)."""
        act = act_of(text, at)
        query = parse(text)
        if query.sequence is None:
            raise QueryError("this search has no | sequence", len(text))
        cursor = decode_cursor(before) if before else None
        query = self._context.allowed(caller, query, act)
        note = None if at is None else self._context.port.head_at(at)
        wanted = limit if query.limit is None else query.limit.count
        with self._context.turn(caller, act):
            query = resolve(query, now_at(self._context, self._reader, at))
            durable = self._context.port.status().size
            page = self._analyst.chains(
                query, limit=max(1, min(wanted, SEQUENCE_CHAINS_MAX)), before=cursor,
                durable=durable, own=own, at=at,
            )  # fmt: skip
            by = query.sequence.by if query.sequence is not None else ""
            found = [
                Chain(
                    _value(by, hits[0]), [hit_of(hit.row, caller.rights, hit.event) for hit in hits]
                )
                for hits in page.chains
                if hits
            ]
            note = self._context.note() if note is None else note
            rows = sum(len(chain.hits) for chain in found)
            self._context.own.write(caller, msgspec.structs.replace(act, rows=rows))
        following = page.next if query.limit is None else None
        return ChainsAnswer(
            by, found, page.total, page.total_is_exact, page.hidden_own,
            following.encode() if following else None, note, page.size,
            [*page.warnings, *kept_back(caller.rights)],
            newer=None if at is None else durable - at,
        )  # fmt: skip


def _value(field: str, hit: Hit) -> str | int:
    """Return the value of a field by which chains are made; such an event has one."""
    values = (hit.event.field(column) for column in SEARCH_FIELDS[field].columns)
    found: str | int = next((value for value in values if value is not None), "")
    return found
