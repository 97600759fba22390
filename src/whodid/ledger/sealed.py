"""Reading sealed leaf files: hashes for the tree, leaves for proofs. Read-only."""

from bisect import bisect_right
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from whodid.errors import IntegrityError
from whodid.ledger.layout import LEAVES
from whodid.ledger.leaves import LeafFile, decode_leaf_file
from whodid.ledger.manifest import Manifest, SealedFile, all_files
from whodid.limits import LEAF_FILES_KEPT
from whodid.merkle.batch import sha256_each
from whodid.merkle.tiles import TILE_WIDTH


class SealedLeaves:
    """The leaf files that a manifest names. Files are checked as they are read."""

    def __init__(self, directory: Path, manifest: Manifest, kept: int = LEAF_FILES_KEPT) -> None:
        self._directory = directory
        self._files: list[SealedFile] = []
        self._firsts: list[int] = []
        self.read = lru_cache(maxsize=kept)(self._read)
        self.extend(all_files(directory, manifest))

    def extend(self, files: Iterator[SealedFile]) -> None:
        """Learn of the leaf files of a newer manifest."""
        for file in files:
            if file.path.startswith(LEAVES + "/") and file.first >= self.end:
                self._files.append(file)
                self._firsts.append(file.first)

    @property
    def end(self) -> int:
        """Index behind the last sealed leaf."""
        return self._files[-1].first + self._files[-1].count if self._files else 0

    def _read(self, number: int) -> LeafFile:
        sealed = self._files[number]
        path = self._directory / sealed.path
        try:
            data = path.read_bytes()
        except OSError as error:
            raise IntegrityError(f"{path}: a sealed leaf file cannot be read ({error})") from error
        if sha256(data).hexdigest() != sealed.sha256:
            raise IntegrityError(f"{path}: altered (its SHA-256 is not the manifest's)")
        file = decode_leaf_file(data, path)
        if (file.first, len(file.table)) != (sealed.first, sealed.count):
            raise IntegrityError(f"{path}: holds other entries than the manifest says")
        return file

    def file_at(self, index: int) -> LeafFile:
        """Return the file that holds an entry. Raises IntegrityError when none does."""
        number = bisect_right(self._firsts, index) - 1
        if number < 0 or index >= self.end:
            raise IntegrityError(f"entry {index} is in no sealed leaf file")
        return self.read(number)

    def files(self, first: int, end: int) -> Iterator[LeafFile]:
        """Yield the files that overlap [first, end), in order."""
        at = first
        while at < min(end, self.end):
            file = self.file_at(at)
            yield file
            at = file.end

    def hashes(self, first: int, end: int) -> list[bytes]:
        """Return the leaf hashes of [first, end)."""
        out: list[bytes] = []
        for file in self.files(first, end):
            leaves = file.leaves()[max(first - file.first, 0) : end - file.first]
            out += sha256_each(leaves)
        return out

    def tile_hashes(self, tile: int) -> list[bytes]:
        """Return the 256 leaf hashes of a full tile."""
        hashes = self.hashes(tile * TILE_WIDTH, (tile + 1) * TILE_WIDTH)
        if len(hashes) != TILE_WIDTH:
            raise IntegrityError(f"the leaves of tile {tile} are not all there")
        return hashes

    def leaf(self, index: int) -> bytes:
        """Return one leaf, without the 0x00."""
        file = self.file_at(index)
        return file.leaf(index - file.first)

    def last_time(self) -> int:
        """Return `appended_us` of the last sealed leaf."""
        return int(self.read(len(self._files) - 1).table["appended_us"][-1])
