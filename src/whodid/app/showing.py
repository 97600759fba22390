"""One event by its id: shown, with its proof, or checked."""

import msgspec

from whodid.app.answer import Caller, EventProof, EventVerdict, Hit
from whodid.app.event_proof import check_proof, shown_proof
from whodid.app.following import hit_of
from whodid.app.looking import with_own_looks
from whodid.app.own import Act
from whodid.app.read_context import ReadContext
from whodid.errors import IntegrityError, UsageError
from whodid.index.search import Searcher
from whodid.ledger.stored import StoredRow
from whodid.limits import PAGE_ROWS_MAX
from whodid.merkle.checkpoint import Vkey
from whodid.query.times import resolve
from whodid.query.tree import Query, Term


class Showing:
    """The reads of one event; turns and searcher are those of `LedgerReading`."""

    def __init__(self, context: ReadContext, searcher: Searcher, vkey: Vkey) -> None:
        self._context = context
        self._searcher = searcher
        self._vkey = vkey

    def event(self, caller: Caller, event_id: str) -> Hit:
        """Return one event (see `Reading.event`)."""
        act = Act("show", "read", "event", event_id, rows=1)
        with self._context.turn(caller, act):
            hit = hit_of(self._find(caller, event_id, act), caller.rights)
            self._context.own.write(caller, act)
        return hit

    def proof(self, caller: Caller, event_id: str) -> tuple[Hit, EventProof]:
        """Return one event with its proof (see `Reading.proof`)."""
        act = Act("prove", "read", "event", event_id, rows=1)
        with self._context.turn(caller, act):
            row = self._find(caller, event_id, act)
            proof = shown_proof(self._prove(row), caller.rights)
            self._context.own.write(caller, act)
        return hit_of(row, caller.rights), proof

    def verify_event(self, caller: Caller, event_id: str) -> tuple[Hit, EventVerdict]:
        """Check one event (see `Reading.verify_event`)."""
        act = Act("verify", "read", "event", event_id, rows=1)
        with self._context.turn(caller, act):
            row = self._find(caller, event_id, act)
            verdict = check_proof(self._prove(row), self._vkey)
            reason = None if verdict.ok else "the event does not verify"
            self._context.own.write(caller, msgspec.structs.replace(act, reason=reason))
        return hit_of(row, caller.rights), verdict

    def _find(self, caller: Caller, event_id: str, act: Act) -> StoredRow:
        """Return the newest event of this id that the caller may see, his own looks among them.

        One that he may not see is not there, in the same words.
        """
        caller = msgspec.structs.replace(caller, rights=with_own_looks(caller))
        wanted = Query(Term("id", "is", event_id.lower()))
        query = self._context.allowed(caller, wanted, act)
        durable = self._context.port.status().size
        if query is wanted:
            row = self._searcher.by_id(event_id, durable=durable)
        else:
            query = resolve(query, self._context.clock())
            page = self._searcher.search(query, limit=PAGE_ROWS_MAX, durable=durable, own=True)
            newest = max((hit.row.index for hit in page.rows), default=None)
            row = None if newest is None else self._searcher.stored(newest)
        if row is None or row.groups is None:
            raise UsageError(f"there is no event {event_id[:64]!r} in this ledger")
        return row

    def _prove(self, row: StoredRow) -> EventProof:
        note, proof = self._context.port.prove(row.index)
        if row.seed is None or row.groups is None:
            raise IntegrityError(f"entry {row.index}: its payload is not here")
        size = int(note.split("\n", 2)[1])
        return EventProof(
            row.index, row.leaf_bytes, row.seed, row.groups, note, size, proof, self._vkey.encode()
        )
