"""The seam between a way in and the ledger."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from msgspec import Struct, structs


class Tally(Struct, frozen=True):
    """What became of records, all of it durable.

    `first` and `last` are log indexes, None when nothing was added. `exactly_once` tells whether
    every record had an identity under which a second delivery is recognised.
    """

    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    conflict: int = 0
    first: int | None = None
    last: int | None = None
    exactly_once: bool = True
    checkpoint_size: int = 0

    def plus(self, other: "Tally") -> "Tally":
        """Add up two tallies, this one first."""
        return Tally(
            self.accepted + other.accepted,
            self.duplicate + other.duplicate,
            self.quarantined + other.quarantined,
            self.conflict + other.conflict,
            other.first if self.first is None else self.first,
            self.last if other.last is None else other.last,
            self.exactly_once and other.exactly_once,
            max(self.checkpoint_size, other.checkpoint_size),
        )


class Delivery(Struct, frozen=True):
    """Records of one declared source as they came in, in order.

    `offsets` (with `fingerprint`) are places in a file, in decompressed bytes; `request_key` is
    the sender's Idempotency-Key; the first record here is record `first` of what was sent under it.
    `received_us` is our clock, µs UTC.
    """

    source: str
    records: Sequence[bytes]
    received_us: int
    fingerprint: str | None = None
    offsets: Sequence[int] | None = None
    request_key: str | None = None
    cut: dict[int, str] = {}
    """Row → reason, of records that were too long and were cut."""

    first: int = 0

    def pieces(self, records_max: int, bytes_max: int) -> "Iterator[Delivery]":
        """Yield it in pieces, in order; a piece has more bytes than that in one record only."""
        start = size = 0
        for number, record in enumerate(self.records):
            if number > start and (number - start >= records_max or size + len(record) > bytes_max):
                yield self._piece(start, number)
                start, size = number, 0
            size += len(record)
        yield self._piece(start, len(self.records))

    def _piece(self, start: int, end: int) -> "Delivery":
        if start == 0 and end == len(self.records):
            return self
        return structs.replace(
            self,
            records=self.records[start:end],
            offsets=None if self.offsets is None else self.offsets[start:end],
            cut={row - start: why for row, why in self.cut.items() if start <= row < end},
            first=self.first + start,
        )


class Intake(Protocol):
    """Takes deliveries. When a call returns, what it tallies is on disk (fsync)."""

    def accept(self, delivery: Delivery) -> Tally:
        """Normalise, commit, store.

        Raises RefusedError (nothing of it is stored, try later), StoppedError (the log has
        stopped) or UsageError (the source is not declared).
        """
        ...


class AsyncIntake(Protocol):
    """The same for a way in that runs on an event loop."""

    async def accept(self, delivery: Delivery) -> Tally:
        """As `Intake.accept`."""
        ...
