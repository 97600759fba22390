"""Reading sealed payload blocks: from a log index to a row. Read-only; needs the key folder."""

import contextlib
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy as np
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger import frame
from whodid.ledger.block_file import BlockFile, check_block
from whodid.ledger.kept import Kept
from whodid.ledger.keys import KeyFolder
from whodid.ledger.keys_db import DataKeys
from whodid.ledger.layout import PAYLOAD
from whodid.ledger.manifest import SealedFile, all_files, read_manifest
from whodid.ledger.pieces import Grid
from whodid.ledger.read_memory import USUAL, ReadMemory

Array = np.ndarray
_ASKED_MAX = 8192
"""Of so many frames is kept which of their rows the last look is asked of."""

_AT_ONCE = 2
"""So many blocks are checked, and frames opened, at once: the interpreter is let go meanwhile."""

Row = tuple[bytes, tuple[bytes, ...], bytes]
"""(seed, eight groups, content tag)"""


class _Part(Struct, frozen=True):
    """A frame of a block, the indexes of its rows, and which of them are wanted (ascending)."""

    block: BlockFile
    number: int
    here: Sequence[int]
    wanted: Sequence[int]
    place: Hashable


class SealedPayload:
    """The payload blocks that a manifest names; a few opened frames are kept.

    Not safe for threads. Its own threads hash and decrypt what they are given, and touch nothing.
    """

    def __init__(self, directory: Path, keys: KeyFolder, memory: ReadMemory = USUAL) -> None:
        self._directory = directory
        self._data_keys = DataKeys(directory, keys.ledger_id, keys.keks())
        self._firsts: list[int] = []
        self._files: dict[int, list[SealedFile]] = {}
        self._blocks: Kept[BlockFile] = Kept(memory.block_heads)
        self._asked: tuple[frame.Look | None, dict[Hashable, Sequence[int]]] = (None, {})
        self._frames: Kept[frame.OpenFrame] = Kept(memory.frames)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(_AT_ONCE, "payload")

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

    def _block(self, file: SealedFile) -> BlockFile:
        """Return a block that is as the manifest says. Raises IntegrityError."""
        known = self._blocks.get(file.path)
        if known is not None and known.is_as_checked():
            return known
        self._blocks.drop(file.path)
        found = check_block(self._directory / file.path, file.sha256)
        return self._blocks.put(file.path, found, found.size_bytes)

    def _frame(self, block: BlockFile, number: int) -> frame.OpenFrame:
        """Return a frame, from those kept when the block is still the same."""
        place = (block.path, block.stamp, number)
        kept = self._frames.get(place)
        if kept is not None:
            return kept
        found = self._read_frame(block, number)
        return self._frames.put(place, found, found.size_bytes)

    def _read_frame(self, block: BlockFile, number: int) -> frame.OpenFrame:
        return block.open_frame(number, self._data_keys.key(block.head.key_id))

    def _of(self, index: int) -> list[SealedFile]:
        number = bisect_right(self._firsts, index) - 1
        return self._files[self._firsts[number]] if number >= 0 else []

    def row(self, index: int) -> Row | None:
        """Return one row, None when its payload is no longer here.

        Raises IntegrityError (altered) or LedgerError (the key is gone).
        """
        for file in self._of(index):
            block = self._block(file)
            try:
                number, at = block.head.frame_of(index)
            except KeyError:
                continue
            rows = self._frame(block, number)
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
        block = self._block(file)
        start = 0
        for number, (_, _, count) in enumerate(block.head.frames):
            indexes = block.head.indexes[start : start + count]
            start += count
            low, high = bisect_left(indexes, first), bisect_left(indexes, end)
            if low < high:
                groups = self._read_frame(block, number).grid().columns(wanted)
                yield np.array(indexes[low:high]), groups.part(slice(low, high))

    def pick(
        self, indexes: Sequence[int], look: frame.Look | None
    ) -> Iterator[tuple[int, Row | None]]:
        """Yield the rows at these ascending indexes, in some order, None for one that is not here.

        With a `look`, only those for which it holds of the bytes of their groups. Raises as `row`.
        """
        parts, missing = self._parts(indexes, look)
        for part, rows in self._ahead(parts):
            wanted = part.wanted
            if look is not None:
                asked = self._rows_to_ask(part.place, rows, look)
                wanted = _shared(wanted, [part.here[row] for row in asked])[0]
            for index in wanted:
                row = bisect_left(part.here, index)
                if look is None or look.holds(rows.row_bytes(row)):
                    yield index, (rows.seed(row), rows.row(row), rows.content_tag(row))
        for index in missing:
            yield index, None

    def _parts(
        self, indexes: Sequence[int], look: frame.Look | None
    ) -> tuple[list[_Part], list[int]]:
        """Return the frames with these ascending indexes, and the indexes that are not here."""
        parts: list[_Part] = []
        missing: list[int] = []
        units = list(self._units(indexes))
        self._check([files[0] for files, _ in units if files])
        for files, wanted in units:
            left = wanted
            for file in files:
                block = self._block(file)
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
    ) -> Iterator[_Part]:
        """Yield the frames of a block with these indexes, but for those known not to match."""
        start = at = 0
        for number, (_, _, count) in enumerate(block.head.frames):
            here = block.head.indexes[start : start + count]
            start += count
            end = bisect_right(indexes, here[-1], at)
            wanted, at = indexes[at:end], end
            place = (block.path, block.stamp, number)
            asked = self._known(look).get(place) if wanted and look is not None else None
            if asked is not None:
                wanted = _shared(wanted, [here[row] for row in asked])[0]
            if wanted:
                yield _Part(block, number, here, wanted, place)

    def _check(self, files: list[SealedFile]) -> None:
        """Check blocks that are not known yet, some at once; who reads one says what is wrong."""
        fresh = [file for file in files if self._blocks.get(file.path) is None]
        if len(fresh) < _AT_ONCE:
            return
        checks = [
            self._pool.submit(check_block, self._directory / file.path, file.sha256)
            for file in fresh
        ]
        for file, check in zip(fresh, checks, strict=True):
            with contextlib.suppress(IntegrityError):
                found = check.result()
                self._blocks.put(file.path, found, found.size_bytes)

    def _ahead(self, parts: list[_Part]) -> Iterator[tuple[_Part, frame.OpenFrame]]:
        """Yield each with its frame; the next ones are opened meanwhile, where there are some."""
        waiting: deque[Future[frame.OpenFrame] | None] = deque()
        asked = 0
        for number, part in enumerate(parts):
            while len(parts) > 1 and asked < len(parts) and asked <= number + _AT_ONCE:
                waiting.append(self._begin(parts[asked]))
                asked += 1
            opening = waiting.popleft() if waiting else None
            if opening is None:
                yield part, self._frame(part.block, part.number)
            else:
                found = opening.result()
                yield part, self._frames.put(part.place, found, found.size_bytes)

    def _begin(self, part: _Part) -> "Future[frame.OpenFrame] | None":
        """Begin to open a frame; None for one that is kept."""
        if self._frames.get(part.place) is not None:
            return None
        key = self._data_keys.key(part.block.head.key_id)
        return self._pool.submit(part.block.open_frame, part.number, key)

    def _known(self, look: frame.Look) -> dict[Hashable, Sequence[int]]:
        """Return, by frame, which rows the last look is asked of; nothing yet for another one."""
        if self._asked[0] is not look or len(self._asked[1]) > _ASKED_MAX:
            self._asked = (look, {})
        return self._asked[1]

    def _rows_to_ask(
        self, place: Hashable, rows: frame.OpenFrame, look: frame.Look
    ) -> Sequence[int]:
        """Return the rows of a frame for which a look may hold."""
        known = self._known(look)
        found = known.get(place)
        if found is None:
            asked = rows.rows_to_ask(look)
            found = known[place] = range(rows.count) if asked is None else asked.tolist()
        return found

    def _in_file(self, file: SealedFile, first: int, end: int) -> Iterator[tuple[int, Row]]:
        block = self._block(file)
        start = 0
        for number, (_, _, count) in enumerate(block.head.frames):
            indexes = block.head.indexes[start : start + count]
            start += count
            if not indexes or indexes[-1] < first or indexes[0] >= end:
                continue
            rows = self._frame(block, number).rows()
            parts = zip(indexes, rows.seeds, rows.groups, rows.content_tags, strict=True)
            for index, seed, groups, tag in parts:
                if first <= index < end:
                    yield index, (seed, groups, tag)


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
