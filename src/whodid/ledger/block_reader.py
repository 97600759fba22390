"""Checking blocks and opening their frames: some are kept, many are done by two threads."""

import contextlib
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger.block_file import BlockFile, check_block
from whodid.ledger.frame import Look, OpenFrame
from whodid.ledger.kept import Kept
from whodid.ledger.keys_db import DataKeys
from whodid.ledger.manifest import SealedFile
from whodid.ledger.read_memory import ReadMemory
from whodid.ledger.two_threads import TwoThreads

_ASKED_MAX = 8192
"""Of so many frames is kept which of their rows the last look is asked of."""

_SHARE_BYTES = 16 * 1024 * 1024
"""A thread opens no further frame when it has opened so much."""

_SHARE = 16
"""Nor more frames than these: whoever asks for rows may not need the next ones."""


class Part(Struct, frozen=True):
    """A frame of a block, the indexes of its rows, and which of them are wanted (ascending)."""

    block: BlockFile
    number: int
    here: Sequence[int]
    wanted: Sequence[int]

    @property
    def place(self) -> Hashable:
        """What tells it from all other frames, and from those of an altered block."""
        return _place(self.block, self.number)


def _place(block: BlockFile, number: int) -> Hashable:
    return block.path, block.stamp, number


class BlockReader:
    """Reads the blocks of a ledger. Not safe for threads, but for its own."""

    def __init__(
        self, directory: Path, data_keys: DataKeys, memory: ReadMemory, threads: TwoThreads
    ) -> None:
        self._threads = threads
        self._directory = directory
        self._data_keys = data_keys
        self._blocks: Kept[BlockFile] = Kept(memory.block_heads)
        self._frames: Kept[OpenFrame] = Kept(memory.frames)
        self._asked: tuple[Look | None, dict[Hashable, Sequence[int]]] = (None, {})

    # --- blocks ----------------------------------------------------------------------------------

    def block(self, file: SealedFile) -> BlockFile:
        """Return a block that is as the manifest says. Raises IntegrityError."""
        known = self._blocks.get(file.path)
        if known is not None and known.is_as_checked():
            return known
        self._blocks.drop(file.path)
        found = check_block(self._directory / file.path, file)
        return self._blocks.put(file.path, found, found.size_bytes)

    def check(self, files: Sequence[SealedFile]) -> None:
        """Check blocks that are not known yet; who asks for one is told what is wrong with it."""

        def checked(some: Sequence[SealedFile]) -> list[BlockFile]:
            found = []
            for file in some:
                with contextlib.suppress(IntegrityError):
                    found.append(check_block(self._directory / file.path, file))
            return found

        fresh = [file for file in files if self._blocks.get(file.path) is None]
        if len(fresh) > 1:
            for block in self._threads.run(checked, fresh):
                self._blocks.put(block.file.path, block, block.size_bytes)

    # --- frames ----------------------------------------------------------------------------------

    def read_frame(self, block: BlockFile, number: int) -> OpenFrame:
        """Open a frame. Raises IntegrityError (altered) or LedgerError (the key is gone)."""
        return block.open_frame(number, self._data_keys.key(block.head.key_id))

    def opened_frame(self, block: BlockFile, number: int) -> OpenFrame:
        """Return a frame, from those kept when the block is still the same. Raises as above."""
        place = _place(block, number)
        kept = self._frames.get(place)
        if kept is not None:
            return kept
        found = self.read_frame(block, number)
        return self._frames.put(place, found, found.size_bytes)

    def frames(
        self, parts: Sequence[Part], look: Look | None
    ) -> Iterator[tuple[Part, OpenFrame, Sequence[int] | None]]:
        """Yield each with its frame and the rows for which a look may hold, in some order.

        These are None without a look. Raises as above.
        """
        left = list(parts)
        while left:
            some, left = left[: 2 * _SHARE], left[2 * _SHARE :]
            closed = []
            for part in some:
                kept = self._frames.get(part.place)
                if kept is None:
                    closed.append((part, self._data_keys.key(part.block.head.key_id)))
                else:
                    yield part, kept, self._rows_to_ask(part, kept, look)
            opened = self._threads.run(lambda items: _opened(items, look), closed)
            done = {part.place for part, _, _ in opened}
            left = [part for part, _ in closed if part.place not in done] + left
            for part, found, asked in opened:
                if look is not None and asked is not None:
                    self._last(look)[part.place] = asked
                yield part, self._frames.put(part.place, found, found.size_bytes), asked

    # --- looks -----------------------------------------------------------------------------------

    def known(self, look: Look | None, place: Hashable) -> Sequence[int] | None:
        """Return the rows of a frame for which the last look may hold; None when not known."""
        return None if look is None else self._last(look).get(place)

    def _rows_to_ask(self, part: Part, rows: OpenFrame, look: Look | None) -> Sequence[int] | None:
        if look is None:
            return None
        known = self._last(look)
        found = known.get(part.place)
        if found is None:
            found = known[part.place] = rows.rows_to_ask(look)
        return found

    def _last(self, look: Look) -> dict[Hashable, Sequence[int]]:
        """Return, by frame, which rows the last look is asked of; nothing yet for another one."""
        if self._asked[0] is not look or len(self._asked[1]) > _ASKED_MAX:
            self._asked = (look, {})
        return self._asked[1]


def _opened(
    parts: Sequence[tuple[Part, bytes]], look: Look | None
) -> list[tuple[Part, OpenFrame, Sequence[int] | None]]:
    """Open frames with their keys, the first of them until it is much, and look at them."""
    found: list[tuple[Part, OpenFrame, Sequence[int] | None]] = []
    taken = 0
    for part, key in parts:
        if taken > _SHARE_BYTES:
            break
        rows = part.block.open_frame(part.number, key)
        taken += rows.size_bytes
        found.append((part, rows, None if look is None else rows.rows_to_ask(look)))
    return found
