"""Records of alerts as whodid's own events, and back.

What an event told (values, sentences, notes) is in the raw part only, which is withheld from
whoever any field is withheld from; who does not see every event finds none of them in a search
(`query.rights.restrict`) and reads alerts where they are cut to what he may see (`alert_desk`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from hashlib import sha256
from typing import assert_never

import msgspec

from whodid.app.answer import Caller
from whodid.app.own import Act, OwnEvents, Written
from whodid.detection.alerts.record import (
    AlertRecord,
    Handled,
    Raised,
    Silenced,
    Unsilenced,
    decode_record,
    encode_record,
)
from whodid.errors import InputError
from whodid.event import Event
from whodid.index.search import Searcher
from whodid.ledger.port import SequencerPort
from whodid.ledger.reader import LedgerReader
from whodid.ledger.stored import StoredRow
from whodid.limits import BATCH_ROWS_MAX, PAGE_ROWS_MAX
from whodid.query.own import is_own
from whodid.query.rights import ALERT_EVENTS, ALERT_KINDS
from whodid.query.tree import Query

RAISED = {"fired": "raise alert", "repeated": "repeat alert", "muted": "mute alert"}
HANDLED = {
    "acknowledge": "acknowledge alert", "assign": "assign alert", "close": "close alert",
    "reopen": "reopen alert", "note": "note alert", "quiet": "end alert",
}  # fmt: skip
SILENCED = {"silence": "silence alerts", "exclusion": "exclude alerts"}
UNSILENCED = "unmute alerts"

_NEAR = 50_000
"""So many newest entries are looked through one by one; for more the index is asked."""

_ROWS_AT_ONCE = BATCH_ROWS_MAX // 4

Guard = Callable[[], AbstractContextManager[None]]


class LedgerJournal:
    """The `Journal` of one ledger, written in the name of a caller.

    `guard` is held while the reader is used: neither it nor the searcher is safe for threads.
    """

    def __init__(
        self, port: SequencerPort, own: OwnEvents, caller: Caller, reader: LedgerReader,
        searcher: Searcher, guard: Guard = nullcontext,
    ) -> None:  # fmt: skip
        self._port = port
        self._own = own
        self._caller = caller
        self._reader = reader
        self._searcher = searcher
        self._guard = guard

    def of(self, caller: Caller) -> "LedgerJournal":
        """Return the same, written in another's name."""
        return LedgerJournal(
            self._port, self._own, caller, self._reader, self._searcher, self._guard
        )

    def size(self) -> int:
        """Return how many entries are durable."""
        return self._port.status().size

    def append(self, records: Sequence[AlertRecord]) -> list[int | None]:
        """Write records (see `Journal.append`)."""
        written = [Written(self._caller, *event_of(record)) for record in records]
        found: list[int | None] = []
        for start in range(0, len(written), _ROWS_AT_ONCE):
            found += self._own.write_all(written[start : start + _ROWS_AT_ONCE])
        return found

    def records(self, first: int) -> Iterator[tuple[int, AlertRecord]]:
        """Yield the records at and behind `first`, in order."""
        durable = self._port.status().size
        with self._guard():
            indexes = self._indexes(first, durable)
        for start in range(0, len(indexes), PAGE_ROWS_MAX):
            yield from sorted(self.at(indexes[start : start + PAGE_ROWS_MAX]).items())

    def _indexes(self, first: int, durable: int) -> list[int]:
        if durable - first <= _NEAR:
            self._reader.refresh()
            rows = self._reader.rows(first, min(durable, self._reader.size))
            return [row.index for row in rows if record_of(row) is not None]
        query, before = Query(ALERT_EVENTS), None
        found: list[int] = []
        while True:
            page = self._searcher.search(
                query, limit=PAGE_ROWS_MAX, durable=durable, before=before, own=True
            )
            found += [hit.row.index for hit in page.rows if hit.row.index >= first]
            before = page.next
            if before is None:
                return sorted(found)

    def at(self, entries: Sequence[int]) -> dict[int, AlertRecord]:
        """Return the records of entries, of those that can be read."""
        found = {}
        with self._guard():
            for row in self.rows(entries):
                record = record_of(row)
                if record is not None:
                    found[row.index] = record
        return found

    def rows(self, entries: Sequence[int]) -> list[StoredRow]:
        """Return entries, in some order; the guard is held by who calls."""
        wanted = sorted(set(entries))
        if wanted and wanted[-1] >= self._reader.size:
            size = self._reader.refresh()
            wanted = [entry for entry in wanted if entry < size]
        return list(self._reader.pick(wanted))

    def count(self) -> int | None:
        """Return how many records there are; None when the index does not know for sure."""
        durable = self._port.status().size
        with self._guard():
            page = self._searcher.search(Query(ALERT_EVENTS), limit=1, durable=durable, own=True)
        return page.total if page.total_is_exact and not page.warnings else None


def record_of(row: StoredRow) -> AlertRecord | None:
    """Return the record of an entry; None when it is no event about alerts, or is gone."""
    if row.groups is None or not row.groups[6]:
        return None
    try:
        event = row.event()
        return None if event is None or not is_about_alerts(event) else decode_record(event.raw)
    except (msgspec.DecodeError, InputError):
        return None


def is_about_alerts(event: Event) -> bool:
    """Tell whether an event is about alerts and holds their record."""
    return is_own(event) and event.what.resource_type in ALERT_KINDS and bool(event.raw)


def event_of(record: AlertRecord) -> tuple[Act, str | None]:
    """Return the event of a record, and the name under which it is written only once."""
    data = encode_record(record)
    match record:
        case Raised():
            digest = sha256(" ".join(sorted(record.finding_tags)).encode()).hexdigest()
            act = Act(
                RAISED[record.kind], "other", "alert", record.alert, reason=record.rule.title,
                record=data, parent=record.rule.id, labels=(record.rule.level,),
                others=tuple(match.id for match in record.matches), story=record.alert,
            )  # fmt: skip
            return act, f"findings {digest[:32]}"
        case Handled():
            act = Act(HANDLED[record.act], "administer", "alert", record.alert, record=data,
                      story=record.alert)  # fmt: skip
            return act, None
        case Silenced():
            action = SILENCED[record.kind]
            return Act(action, "administer", "silence", record.id, record=data), None
        case Unsilenced():
            return Act(UNSILENCED, "administer", "silence", record.id, record=data), None
        case _:
            assert_never(record)
