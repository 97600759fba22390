"""What a format is. A new one is one new file that passes `testing.format_conformance`."""

from typing import ClassVar, Literal, Protocol

from whodid.event import Mapped

Framing = Literal["json", "lines"]
"""`json`: records are JSON values (object, array, one a line, or a document with `records_key`);
`lines`: a record is one line of text."""


class Format(Protocol):
    """Maps the records of one kind of log.

    Invariants: `map` is pure and total. It never raises for any bytes: what it cannot map it
    returns with `quarantine` set to a reason. It never guesses a missing field. `mapping` counts
    up with each change of what `map` returns.
    """

    name: ClassVar[str]
    mapping: ClassVar[int]
    framing: ClassVar[Framing]
    records_key: ClassVar[str | None]

    def sniff(self, record: bytes) -> bool:
        """Tell whether this record is of this format; cheap, never raises."""
        ...

    def map(self, record: bytes, received_us: int) -> Mapped:
        """Map one record. `received_us` (µs UTC) only completes times that lack a year."""
        ...
