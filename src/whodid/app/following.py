"""A live tail: entries that match, as they become durable; and what of an entry a reader sees."""

from typing import Protocol

from msgspec import Struct

from whodid.app.answer import Hit
from whodid.errors import UsageError
from whodid.event import Event
from whodid.index.evaluate import states_of
from whodid.ledger.stored import FoundRow, StoredRow
from whodid.query.match import matcher
from whodid.query.own import is_own
from whodid.query.rights import Rights, visible
from whodid.query.times import resolve
from whodid.query.tree import Query


class NewRows(Protocol):
    """Where new entries come from."""

    def new_rows(self, first: int) -> tuple[list[StoredRow], int]:
        """Return durable rows from `first` on (bounded), and where they end."""
        ...

    def now(self) -> int:
        """Return the clock, µs UTC."""
        ...


class Tail(Struct):
    """A `Following`: matches rows as they become durable; `at` is the next entry to look at.

    `query` is the caller's, cut to his rights, with times that are relative to each poll.
    """

    log: NewRows
    query: Query
    rights: Rights
    hide_own: bool
    at: int

    def poll(self) -> list[Hit]:
        """Return new hits."""
        states: frozenset[str] = frozenset()
        query = resolve(self.query, self.log.now())
        matches = matcher(query.filter, lambda _: states)
        rows, self.at = self.log.new_rows(self.at)
        hits = []
        for row in rows:
            event = row.event()
            if event is None or (self.hide_own and is_own(event)):
                continue
            states = states_of(row.head().flags)
            if matches(event):
                hits.append(hit_of(row, self.rights, event))
        return hits


def hit_of(row: FoundRow, reader: Rights, event: Event | None = None) -> Hit:
    """Return an event as its reader may see it; `event` where it is decoded already.

    Raises UsageError for an entry that is none.
    """
    event = event or row.event()
    if event is None:
        raise UsageError(f"entry {row.index} is not an event")
    head = row.head()
    withheld = tuple(sorted(reader.withheld))
    return Hit(row.index, visible(event, reader), head.appended_us, head.flags, withheld)
