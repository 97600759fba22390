"""Reading sealed payload blocks: from a log index to a row. Read-only; needs the key folder."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np

from whodid.ledger import frame
from whodid.ledger.block_file import BlockFile
from whodid.ledger.block_reader import BlockReader, Part
from whodid.ledger.keys import KeyFolder
from whodid.ledger.keys_db import DataKeys
from whodid.ledger.layout import PAYLOAD
from whodid.ledger.manifest import SealedFile, all_files, read_manifest
from whodid.ledger.pieces import Grid
from whodid.ledger.read_memory import USUAL, ReadMemory
from whodid.ledger.two_threads import TwoThreads

Array = np.ndarray
Row = tuple[bytes, tuple[bytes, ...], bytes]
"""(seed, eight groups, content tag)"""


class SealedPayload:
    """The payload blocks that a manifest names. Not safe for threads."""

    def __init__(
        self,
        directory: Path,
        keys: KeyFolder,
        memory: ReadMemory = USUAL,
        threads: TwoThreads | None = None,
    ) -> None:
        data_keys = DataKeys(directory, keys.ledger_id, keys.keks())
        self._reader = BlockReader(directory, data_keys, memory, threads or TwoThreads())
        self._firsts: list[int] = []
        self._files: dict[int, list[SealedFile]] = {}

    def extend(self, files: Iterable[SealedFile]) -> None:
        """Learn of blocks; those known already are skipped."""
        for file in files:
            if not file.path.startswith(PAYLOAD + "/"):
                continue
            same = self._files.setdefault(file.first, [])
            if not same and (not self._firsts or file.first > self._firsts[-1]):
                self._firsts.append(file.first)
            if file not in same:
                same.append(file)

    def _of(self, index: int) -> list[SealedFile]:
        number = bisect_right(self._firsts, index) - 1
        return self._files[self._firsts[number]] if number >= 0 else []

    def row(self, index: int) -> Row | None:
        """Return one row, None when its payload is no longer here.

        Raises IntegrityError (altered) or LedgerError (the key is gone).
        """
        for file in self._of(index):
            block = self._reader.block(file)
            try:
                number, at = block.head.frame_of(index)
            except KeyError:
                continue
            rows = self._reader.opened_frame(block, number)
            return rows.seed(at), rows.row(at), rows.content_tag(at)
        return None

    def rows(self, first: int, end: int) -> Iterator[tuple[int, Row]]:
        """Yield (index, row) of the rows in [first, end) that are here, in order."""
        at = max(bisect_right(self._firsts, first) - 1, 0)
        for start in self._firsts[at:]:
            if start >= end:
                return
            found: list[tuple[int, Row]] = []
            for file in self._files[start]:
                found += self._in_file(file, first, end)
            yield from sorted(found, key=lambda item: item[0])

    def groups(self, first: int, end: int, wanted: Sequence[int]) -> Iterator[tuple[Array, Grid]]:
        """Yield (ascending indexes, i64, some groups of those rows) of the rows in [first, end).

        A yield is some frames of one block, or all of a unit that has blocks of several classes.
        """
        at = max(bisect_right(self._firsts, first) - 1, 0)
        for start in self._firsts[at:]:
            if start >= end:
                return
            files = self._files[start]
            chunks = [self._chunks(file, first, end, wanted) for file in files]
            if len(files) == 1:
                yield from chunks[0]
            else:
                yield from _in_order([chunk for file in chunks for chunk in file])

    def _chunks(
        self, file: SealedFile, first: int, end: int, wanted: Sequence[int]
    ) -> Iterator[tuple[Array, Grid]]:
        block = self._reader.block(file)
        start = 0
        for number, (_, _, count) in enumerate(block.head.frames):
            indexes = block.head.indexes[start : start + count]
            start += count
            low, high = bisect_left(indexes, first), bisect_left(indexes, end)
            if low < high:
                groups = self._reader.read_frame(block, number).grid().columns(wanted)
                yield np.array(indexes[low:high]), groups.part(slice(low, high))

    def pick(
        self, indexes: Sequence[int], look: frame.Look | None
    ) -> Iterator[tuple[int, Row | None]]:
        """Yield the rows at these ascending indexes, in some order, None for one that is not here.

        With a `look`, only those for which it holds of the bytes of their groups. Raises as `row`.
        """
        parts, missing = self._parts(indexes, look)
        for part, rows, asked in self._reader.frames(parts, look):
            wanted = part.wanted
            if asked is not None:
                wanted = _among(wanted, [part.here[row] for row in asked])
            for index in wanted:
                row = bisect_left(part.here, index)
                if look is None or look.holds(rows.row_bytes(row)):
                    yield index, (rows.seed(row), rows.row(row), rows.content_tag(row))
        for index in missing:
            yield index, None

    def _parts(
        self, indexes: Sequence[int], look: frame.Look | None
    ) -> tuple[list[Part], list[int]]:
        """Return the frames with these ascending indexes, and the indexes that are not here."""
        parts: list[Part] = []
        missing: list[int] = []
        units = list(self._units(indexes))
        self._reader.check([files[0] for files, _ in units if files])
        for files, wanted in units:
            left = wanted
            for file in files:
                block = self._reader.block(file)
                mine, left = _shared(left, block.head.indexes)
                parts += self._parts_in(block, mine, look)
                if not left:
                    break
            missing += left
        return parts, missing

    def _units(self, indexes: Sequence[int]) -> Iterator[tuple[list[SealedFile], list[int]]]:
        """Yield the files of each unit, and those of the indexes that are in it."""
        at = 0
        while at < len(indexes):
            unit = bisect_right(self._firsts, indexes[at]) - 1
            last = unit + 1 == len(self._firsts)
            end = len(indexes) if last else bisect_left(indexes, self._firsts[unit + 1], at)
            yield self._files[self._firsts[unit]] if unit >= 0 else [], list(indexes[at:end])
            at = end

    def _parts_in(
        self, block: BlockFile, indexes: Sequence[int], look: frame.Look | None
    ) -> Iterator[Part]:
        """Yield the frames of a block with these indexes, but for those known not to match."""
        start = at = 0
        for number, (_, _, count) in enumerate(block.head.frames):
            here = block.head.indexes[start : start + count]
            start += count
            end = bisect_right(indexes, here[-1], at)
            wanted, at = indexes[at:end], end
            if not wanted:
                continue
            part = Part(block, number, here, wanted)
            asked = self._reader.known(look, part.place)
            if asked is not None:
                wanted = _among(wanted, [here[row] for row in asked])
                part = msgspec.structs.replace(part, wanted=wanted)
            if part.wanted:
                yield part

    def _in_file(self, file: SealedFile, first: int, end: int) -> Iterator[tuple[int, Row]]:
        block = self._reader.block(file)
        start = 0
        for number, (_, _, count) in enumerate(block.head.frames):
            indexes = block.head.indexes[start : start + count]
            start += count
            if not indexes or indexes[-1] < first or indexes[0] >= end:
                continue
            rows = self._reader.opened_frame(block, number).rows()
            parts = zip(indexes, rows.seeds, rows.groups, rows.content_tags, strict=True)
            for index, seed, groups, tag in parts:
                if first <= index < end:
                    yield index, (seed, groups, tag)


def _among(wanted: Sequence[int], few: Sequence[int]) -> list[int]:
    """Return which of a few are wanted; both are ascending."""
    found = []
    for index in few:
        at = bisect_left(wanted, index)
        if at < len(wanted) and wanted[at] == index:
            found.append(index)
    return found


def _shared(wanted: Sequence[int], here: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return which of the wanted are here, and which are not; both are ascending."""
    if isinstance(here, range):
        low, high = bisect_left(wanted, here.start), bisect_left(wanted, here.stop)
        return list(wanted[low:high]), [*wanted[:low], *wanted[high:]]
    there = frozenset(here)
    mine = [index for index in wanted if index in there]
    return mine, [index for index in wanted if index not in there] if len(mine) < len(
        wanted
    ) else []


def _in_order(chunks: list[tuple[Array, Grid]]) -> Iterator[tuple[Array, Grid]]:
    """Yield the rows of several blocks as one chunk, by index."""
    if not chunks:
        return
    indexes = np.concatenate([chunk for chunk, _ in chunks])
    order = np.argsort(indexes)
    yield indexes[order], Grid.stacked([groups for _, groups in chunks]).part(order)


def content_tags(directory: Path, keys: KeyFolder, first: int, end: int) -> dict[int, bytes]:
    """Return the content tags of sealed rows [first, end). Raises WhodidError when unreadable."""
    payload = SealedPayload(directory, keys)
    payload.extend(all_files(directory, read_manifest(directory, keys.vkey())))
    return {index: row[2] for index, row in payload.rows(first, end)}
