"""The records found so far in a file, with their places; what a framing fills."""

from collections.abc import Sequence
from typing import Protocol

from whodid.limits import RECORD_BYTES_MAX
from whodid.sources.long_record import cut_long


class Found:
    """Records in order. Invariants: as many offsets as records; the keys of `cut` are rows.

    An offset is that of the first byte of a record in decompressed bytes.
    """

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.offsets: list[int] = []
        self.cut: dict[int, str] = {}
        self.size_bytes = 0

    def __len__(self) -> int:
        """Return the number of records that wait."""
        return len(self.records)

    def add(self, offset: int, record: bytes, reason: str | None = None) -> None:
        """Add a record; `reason` when it has been cut already."""
        if reason is None and len(record) > RECORD_BYTES_MAX:
            (record,), reasons = cut_long((record,))
            reason = reasons[0]
        if reason is not None:
            self.cut[len(self.records)] = reason
        self.records.append(record)
        self.offsets.append(offset)
        self.size_bytes += len(record)

    def take(self, count: int) -> tuple[Sequence[bytes], Sequence[int], dict[int, str]]:
        """Take away the first `count`: records, offsets, row → reason of those that were cut."""
        records, offsets = self.records[:count], self.offsets[:count]
        cut = {row: reason for row, reason in self.cut.items() if row < count}
        self.cut = {row - count: reason for row, reason in self.cut.items() if row >= count}
        del self.records[:count], self.offsets[:count]
        self.size_bytes -= sum(map(len, records))
        return records, offsets, cut


class Framing(Protocol):
    """Finds records in the bytes of a file. Any pieces of the same bytes give the same records."""

    def feed(self, piece: bytes, found: Found) -> None:
        """Add the records that end in this piece. Raises InputError that names the byte."""
        ...

    def pause(self, found: Found) -> None:
        """Add what is held back only until more comes: nothing came for a while."""
        ...

    def finish(self, found: Found) -> None:
        """Add what the end of the file ends. Raises InputError when it ends too early."""
        ...
