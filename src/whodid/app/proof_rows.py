"""Opening the entries of an answer with a proof: whole, or as far as shows that it has them not."""

from whodid.app.answer_proof import ShownEntry
from whodid.errors import IntegrityError
from whodid.event import FIELDS, GROUPS, Event
from whodid.ledger.stored import StoredRow
from whodid.merkle.commitment import reveal
from whodid.query.match import value_predicate
from whodid.query.own import is_own
from whodid.query.provable import Provable

_NUMBERS = {name: number for number, (name, _) in enumerate(GROUPS, 1)}
_EVERY = tuple(range(1, len(GROUPS) + 1))


class Opener:
    """Opens entries for one question. `hide` takes whodid's own events for no answer."""

    def __init__(self, asked: Provable, *, hide: bool) -> None:
        self._asked = asked
        self._hide = hide
        self._terms = [(term.fields, value_predicate(term.asked())) for term in asked.terms]

    def open(self, row: StoredRow) -> tuple[bool, ShownEntry]:
        """Return whether an entry matches, and what of it is shown.

        Raises IntegrityError for an event whose payload is not here.
        """
        found = self._opened(row)
        if found is None:
            raise IntegrityError(
                f"entry {row.index}: its payload is not here, so nothing can be proved with it"
            )
        return found

    def open_tail(self, row: StoredRow) -> tuple[bool, ShownEntry]:
        """Return the same of an entry behind the ranges, which may be no event, or not readable."""
        return self._opened(row) or (False, ShownEntry(row.index, row.leaf_bytes))

    def _opened(self, row: StoredRow) -> tuple[bool, ShownEntry] | None:
        event = row.event()
        if event is None or row.seed is None or row.groups is None:
            return None
        needed = self._needed(event)
        opening = reveal(row.seed, row.groups, needed or _EVERY)
        shown = [(one.group, one.salt, one.data) for one in opening.revealed]
        entry = ShownEntry(row.index, row.leaf_bytes, hashes=list(opening.hashes), shown=shown)
        return not needed, entry

    def _needed(self, event: Event) -> tuple[int, ...]:
        """Return the groups that show that an event does not match, none when it does."""
        if self._hide and is_own(event):
            return (_NUMBERS["envelope"],)
        time_us = event.when.received if event.when.time is None else event.when.time
        low, high = self._asked.from_us, self._asked.to_us
        if (low is not None and time_us < low) or (high is not None and time_us >= high):
            return (_NUMBERS["when"],)
        for names, has in self._terms:
            if not any(has(event.field(name)) for name in names):
                return tuple(sorted({_NUMBERS[FIELDS[name][0]] for name in names}))
        return ()
