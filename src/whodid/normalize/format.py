"""What a format is. A new one is one new file that passes `testing.format_conformance`."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

from whodid.event import Mapped

Framing = Literal["json", "lines", "postgres-csv", "postgres-stderr"]
"""`json`: records are JSON values (object, array, one a line, or a document with `records_key`);
`lines`: a record is one line of text; `postgres-csv` and `postgres-stderr`: one or more lines."""


class RecordsKey(NamedTuple):
    """The key of a document under which its records are, and what must stand before that key.

    An everyday word (`items`) needs a mark: without it, objects that are records and happen to
    have such a list would be taken for documents, and all but the list would be lost.
    """

    key: str
    mark: bytes = b""


class Format(Protocol):
    """Maps the records of one kind of log.

    Invariants: `map` is pure and total. It never raises for any bytes: what it cannot map it
    returns with `quarantine` set to a reason. It never guesses a missing field. `mapping` counts
    up with each change of what `map` returns. A format whose `records_key` is an everyday word
    also has `records_mark` (see `RecordsKey`).
    """

    @property
    def name(self) -> str:
        """What sources and envelopes call it."""
        ...

    @property
    def mapping(self) -> int:
        """The version of the mapping."""
        ...

    @property
    def framing(self) -> Framing:
        """How its records stand in a body or a file."""
        ...

    @property
    def records_key(self) -> str | None:
        """The key of a document that holds records, if it has one."""
        ...

    def sniff(self, record: bytes) -> bool:
        """Tell whether this record is of this format; cheap, never raises."""
        ...

    def map(self, record: bytes, received_us: int) -> Mapped:
        """Map one record. `received_us` (µs UTC) only completes times that lack a year."""
        ...


def records_keys(formats: Sequence[Format]) -> tuple[RecordsKey, ...]:
    """Return the keys of documents of these formats; one format alone needs no mark."""
    return tuple(
        RecordsKey(key, b"" if len(formats) == 1 else getattr(known, "records_mark", b""))
        for known in formats
        if (key := known.records_key) is not None
    )
