"""The content of a type-2 entry: a source opened. Group 7 is compact JSON, the others are empty."""

import msgspec
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger.state_db import Source


class SourceOpened(Struct, frozen=True, tag_field="op", tag="open"):
    """What the entry commits to."""

    name: str
    format: str
    domain: str
    class_: int = msgspec.field(name="class")


def source_groups(source: Source) -> tuple[bytes, ...]:
    """Return the eight groups of the entry that opens `source`."""
    opened = SourceOpened(source.name, source.format, source.domain, source.class_)
    return (b"", b"", b"", b"", b"", b"", msgspec.json.encode(opened), b"")


def parse_source_entry(groups: tuple[bytes, ...]) -> SourceOpened:
    """Read it back. Raises IntegrityError for anything else."""
    try:
        return msgspec.json.decode(groups[6], type=SourceOpened)
    except msgspec.DecodeError as error:
        raise IntegrityError(f"a source entry that does not decode ({error})") from error
