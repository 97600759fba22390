"""Deciding what becomes of findings, and of what people do with alerts; writing it first."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from whodid.detection.alerts.alert import Alert, Notice
from whodid.detection.alerts.record import AlertRecord, Raised
from whodid.detection.finding import Finding


class Journal(Protocol):
    """The ledger, as alerts see it. Calls block; they raise RefusedError and StoppedError."""

    def size(self) -> int:
        """Return how many entries are durable."""
        ...

    def append(self, records: Sequence[AlertRecord]) -> list[int | None]:
        """Write records, durable on return; their entries, None for what was there already."""
        ...

    def records(self, first: int) -> Iterator[tuple[int, AlertRecord]]:
        """Yield the records at and behind entry `first`, in order."""
        ...

    def at(self, entry: int) -> AlertRecord:
        """Return the record of an entry. Raises LedgerError when it cannot be read."""
        ...


class Told(Struct, frozen=True):
    """A notice with all that a message may say: the alert as it is now, and its newest content."""

    notice: Notice
    alert: Alert
    content: Raised


class Alerts:
    """The alerts of one ledger. Safe for threads and processes; calls block.

    Invariant: a record is durable in the ledger before anything of it is in the table.
    """

    def __init__(self, journal: Journal, clock: Callable[[], int]) -> None:
        self._journal = journal
        self._clock = clock

    def take(self, findings: Sequence[Finding]) -> int:
        """Make alerts of findings; return how many records that took.

        A finding that was taken before (its rule's version, key, times and entries say so) changes
        nothing. Raises RefusedError and StoppedError: then call again with the same findings.
        """
        raise NotImplementedError

    def tick(self) -> int:
        """End what is over: alerts of which nothing more came, silences that expired."""
        raise NotImplementedError

    def notices(self, after: int, limit: int = 100) -> list[Notice]:
        """Return what is to be told and came of entries behind `after` (-1: from the first)."""
        raise NotImplementedError

    def told(self, notice: Notice) -> Told | None:
        """Return a notice with its content; None when its alert is no longer kept."""
        raise NotImplementedError
