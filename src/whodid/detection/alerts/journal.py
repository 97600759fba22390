"""The ledger as alerts see it."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from whodid.detection.alerts.record import AlertRecord


class Journal(Protocol):
    """Where records of alerts are written and read. Calls block.

    Every call may raise RefusedError and StoppedError, reads LedgerError too.
    """

    def size(self) -> int:
        """Return how many entries are durable."""
        ...

    def append(self, records: Sequence[AlertRecord]) -> list[int | None]:
        """Write records, durable on return; their entries, None for what was there already."""
        ...

    def records(self, first: int) -> Iterator[tuple[int, AlertRecord]]:
        """Yield the records at and behind entry `first`, in order."""
        ...

    def at(self, entries: Sequence[int]) -> dict[int, AlertRecord]:
        """Return the records of entries; what cannot be read (erased, damaged) is not in it."""
        ...

    def count(self) -> int | None:
        """Return how many records there are; None when that is not sure now."""
        ...
