"""Reading sealed payload blocks: from a log index to a row. Read-only; needs the key folder."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from whodid.errors import IntegrityError
from whodid.ledger import frame
from whodid.ledger.blocks import Block, decode_block
from whodid.ledger.keys import KeyFolder
from whodid.ledger.keys_db import DataKeys
from whodid.ledger.layout import PAYLOAD
from whodid.ledger.manifest import SealedFile, all_files, read_manifest

Row = tuple[bytes, tuple[bytes, ...], bytes]
"""(seed, eight groups, content tag)"""


class SealedPayload:
    """The payload blocks that a manifest names; a few opened frames are kept."""

    def __init__(self, directory: Path, keys: KeyFolder) -> None:
        self._directory = directory
        self._data_keys = DataKeys(directory, keys.ledger_id, keys.keks())
        self._firsts: list[int] = []
        self._files: dict[int, list[SealedFile]] = {}
        self._block = lru_cache(maxsize=16)(self._read_block)
        self._frame = lru_cache(maxsize=16)(self._read_frame)

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

    def _read_block(self, path: str, digest: str) -> Block:
        name = self._directory / path
        try:
            data = name.read_bytes()
        except OSError as error:
            raise IntegrityError(f"{name}: a sealed block cannot be read ({error})") from error
        if sha256(data).hexdigest() != digest:
            raise IntegrityError(f"{name}: altered (its SHA-256 is not the manifest's)")
        return decode_block(data, name)

    def _read_frame(self, path: str, digest: str, number: int) -> frame.Rows:
        block = self._block(path, digest)
        return block.read_frame(number, self._data_keys.key(block.key_id))

    def _of(self, index: int) -> list[SealedFile]:
        number = bisect_right(self._firsts, index) - 1
        return self._files[self._firsts[number]] if number >= 0 else []

    def row(self, index: int) -> Row | None:
        """Return one row, None when its payload is no longer here.

        Raises IntegrityError (altered) or LedgerError (the key is gone).
        """
        for file in self._of(index):
            block = self._block(file.path, file.sha256)
            try:
                number, at = block.frame_of(index)
            except KeyError:
                continue
            rows = self._frame(file.path, file.sha256, number)
            return rows.seeds[at], rows.groups[at], rows.content_tags[at]
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

    def _in_file(self, file: SealedFile, first: int, end: int) -> Iterator[tuple[int, Row]]:
        block = self._block(file.path, file.sha256)
        start = 0
        for number, (_, _, count) in enumerate(block.frames):
            indexes = block.indexes[start : start + count]
            start += count
            if not indexes or indexes[-1] < first or indexes[0] >= end:
                continue
            rows = self._frame(file.path, file.sha256, number)
            parts = zip(indexes, rows.seeds, rows.groups, rows.content_tags, strict=True)
            for index, seed, groups, tag in parts:
                if first <= index < end:
                    yield index, (seed, groups, tag)


def content_tags(directory: Path, keys: KeyFolder, first: int, end: int) -> dict[int, bytes]:
    """Return the content tags of sealed rows [first, end). Raises WhodidError when unreadable."""
    payload = SealedPayload(directory, keys)
    payload.extend(all_files(directory, read_manifest(directory, keys.vkey())))
    return {index: row[2] for index, row in payload.rows(first, end)}
