"""Entries of the ledger as records, many at a time, in the order of the log."""

from collections.abc import Iterator

from msgspec import Struct

from whodid.detection.record import NativeOf, Record
from whodid.event import GROUPS
from whodid.index.build import readable
from whodid.ledger.leaf import LeafType
from whodid.ledger.reader import LedgerReader

_ALL = tuple(range(len(GROUPS)))


class Portion(Struct, frozen=True):
    """Records of consecutive entries; `unreadable` events had no payload that is an event's."""

    records: list[Record]
    unreadable: int


def portions(reader: LedgerReader, first: int, end: int, native_of: NativeOf) -> Iterator[Portion]:
    """Yield the events among entries [first, end). Raises LedgerError for unreadable leaves.

    Every record that is given out is `readable`: a door that was taken over may have stored
    anything.
    """
    for rows in readable(reader, first, end, _ALL):
        records: list[Record] = []
        unreadable = 0
        groups = zip(*map(iter, rows.groups), strict=True)
        types = rows.types.tolist()
        for at, here in enumerate(rows.here.tolist()):
            found = next(groups) if here else None
            if types[at] != LeafType.EVENT:
                continue
            record = None if found is None else Record(rows.first + at, found, native_of)
            if record is None or not record.readable:
                unreadable += 1
                continue
            records.append(record)
        yield Portion(records, unreadable)
