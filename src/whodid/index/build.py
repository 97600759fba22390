"""Building a table of the ledger's entries, as far as their payload can be opened."""

from collections.abc import Iterator

import numpy as np

from whodid.errors import LedgerError
from whodid.index.builder import WANTED, TableBuilder
from whodid.index.table import MemoryTable
from whodid.ledger.reader import GroupRows, LedgerReader
from whodid.limits import FRAME_ROWS, INDEX_SEGMENT_BYTES_MAX

_ROWS_AT_ONCE = 2048


def build_table(reader: LedgerReader, first: int, end: int) -> MemoryTable:
    """Return the table of entries [first, end), of fewer when their fields are long.

    Rows whose payload cannot be opened are in it as unreadable. Raises LedgerError when not even
    their leaves can be read.
    """
    builder = TableBuilder(first)
    for rows in _gathered(readable(reader, first, end)):
        builder.add(rows)
        if builder.size_bytes >= INDEX_SEGMENT_BYTES_MAX:
            break
    return builder.finish()


def readable(reader: LedgerReader, first: int, end: int) -> Iterator[GroupRows]:
    """Yield entries [first, end); where some is damaged, those rows without payload."""
    at = first
    while at < end:
        try:
            for rows in reader.groups(at, end, WANTED):
                yield rows
                at += len(rows.types)
        except LedgerError:
            stop = min(end, (at // FRAME_ROWS + 1) * FRAME_ROWS)
            yield _one_by_one(reader, at, stop)
            at = stop


def _one_by_one(reader: LedgerReader, first: int, end: int) -> GroupRows:
    rows = sorted(reader.pick(range(first, end)), key=lambda row: row.index)
    heads = [row.leaf_bytes for row in rows]
    here = [row.groups for row in rows if row.groups is not None]
    return GroupRows(
        first,
        np.array([leaf[1] for leaf in heads], dtype=np.uint8),
        np.array([int.from_bytes(leaf[2:4], "big") for leaf in heads], dtype=np.uint16),
        np.array([row.groups is not None for row in rows], dtype=np.bool_),
        [[groups[number] for groups in here] for number in WANTED],
    )


def _gathered(chunks: Iterator[GroupRows]) -> Iterator[GroupRows]:
    """Join small chunks: each call of the builder has a price of its own."""
    waiting: list[GroupRows] = []
    count = 0
    for chunk in chunks:
        waiting.append(chunk)
        count += len(chunk.types)
        if count >= _ROWS_AT_ONCE:
            yield _joined(waiting)
            waiting, count = [], 0
    if waiting:
        yield _joined(waiting)


def _joined(chunks: list[GroupRows]) -> GroupRows:
    if len(chunks) == 1:
        return chunks[0]
    columns = zip(*(chunk.groups for chunk in chunks), strict=True)
    return GroupRows(
        chunks[0].first,
        np.concatenate([chunk.types for chunk in chunks]),
        np.concatenate([chunk.flags for chunk in chunks]),
        np.concatenate([chunk.here for chunk in chunks]),
        [[part for column in parts for part in column] for parts in columns],
    )
