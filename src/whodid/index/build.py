"""Building a table of the ledger's entries, as far as their payload can be opened."""

from collections.abc import Iterator, Sequence

import numpy as np

from whodid.errors import LedgerError
from whodid.index.builder import TableBuilder
from whodid.index.table import MemoryTable
from whodid.ledger.pieces import Grid
from whodid.ledger.reader import LedgerReader
from whodid.ledger.stored import GroupRows
from whodid.limits import FRAME_ROWS, INDEX_SEGMENT_BYTES_MAX

_ROWS_AT_ONCE = 2048
_BYTES_AT_ONCE = 8 * 1024 * 1024


def build_table(reader: LedgerReader, first: int, end: int, *, signed: bool = False) -> MemoryTable:
    """Return the table of entries [first, end), of fewer when their fields are long.

    `signed` gives it a signature instead of ids: it is to become a segment.

    Rows whose payload cannot be opened are in it as unreadable. Raises LedgerError when not even
    their leaves can be read.
    """
    builder = TableBuilder(first, signed=signed)
    for rows in gathered(readable(reader, first, end, builder.wanted)):
        builder.add(rows)
        if builder.size_bytes >= INDEX_SEGMENT_BYTES_MAX:
            break
    return builder.finish()


def readable(
    reader: LedgerReader, first: int, end: int, wanted: Sequence[int]
) -> Iterator[GroupRows]:
    """Yield entries [first, end) with some groups; where one is damaged, it without payload."""
    at = first
    while at < end:
        try:
            for rows in reader.groups(at, end, wanted):
                yield rows
                at += len(rows.types)
        except LedgerError:
            stop = min(end, (at // FRAME_ROWS + 1) * FRAME_ROWS)
            yield _one_by_one(reader, at, stop, wanted)
            at = stop


def _one_by_one(reader: LedgerReader, first: int, end: int, wanted: Sequence[int]) -> GroupRows:
    rows = sorted(reader.pick(range(first, end)), key=lambda row: row.index)
    heads = [row.leaf_bytes for row in rows]
    here = [row.groups for row in rows if row.groups is not None]
    return GroupRows(
        first,
        np.array([leaf[1] for leaf in heads], dtype=np.uint8),
        np.array([int.from_bytes(leaf[2:4], "big") for leaf in heads], dtype=np.uint16),
        np.array([row.groups is not None for row in rows], dtype=np.bool_),
        Grid.of([[groups[number] for groups in here] for number in wanted]),
    )


def gathered(chunks: Iterator[GroupRows]) -> Iterator[GroupRows]:
    """Join small chunks: each call of the builder has a price of its own."""
    waiting: list[GroupRows] = []
    count = size = 0
    for chunk in chunks:
        waiting.append(chunk)
        count += len(chunk.types)
        size += int(chunk.groups.sizes.sum())
        if count >= _ROWS_AT_ONCE or size >= _BYTES_AT_ONCE:
            yield _joined(waiting)
            waiting, count, size = [], 0, 0
    if waiting:
        yield _joined(waiting)


def _joined(chunks: list[GroupRows]) -> GroupRows:
    if len(chunks) == 1:
        return chunks[0]
    return GroupRows(
        chunks[0].first,
        np.concatenate([chunk.types for chunk in chunks]),
        np.concatenate([chunk.flags for chunk in chunks]),
        np.concatenate([chunk.here for chunk in chunks]),
        Grid.stacked([chunk.groups for chunk in chunks]),
    )
