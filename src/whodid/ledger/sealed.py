"""Reading sealed leaf files: hashes for the tree, leaves for proofs. Read-only."""

import contextlib
import os
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from whodid.errors import IntegrityError
from whodid.ledger.kept import Kept
from whodid.ledger.layout import LEAVES
from whodid.ledger.leaf_heads import LeafHead, LeafHeads
from whodid.ledger.leaves import LeafFile, decode_leaf, decode_leaf_file, decode_leaf_heads
from whodid.ledger.manifest import Manifest, SealedFile, all_files
from whodid.ledger.two_threads import TwoThreads
from whodid.limits import LEAF_FILES_KEPT, LEAF_HEADS_BYTES_MAX
from whodid.merkle.batch import sha256_each
from whodid.merkle.tiles import TILE_WIDTH


class SealedLeaves:
    """The leaf files that a manifest names. Files are checked as they are read.

    At most `kept` are kept decoded, and heads of leaves within `heads_bytes`. A leaf alone is read
    without that, and of a file that was found sound and has the same stamp since (inode, size,
    times of change), without hashing it again.
    """

    def __init__(
        self,
        directory: Path,
        manifest: Manifest,
        kept: int = LEAF_FILES_KEPT,
        heads_bytes: int = LEAF_HEADS_BYTES_MAX,
        threads: TwoThreads | None = None,
    ) -> None:
        self._threads = threads or TwoThreads()
        self._directory = directory
        self._files: list[SealedFile] = []
        self._firsts: list[int] = []
        self._kept_max = kept
        self._kept: OrderedDict[int, LeafFile] = OrderedDict()
        self._sound: dict[int, tuple[int, ...]] = {}
        self._heads: Kept[LeafHeads] = Kept(heads_bytes)
        self._last = -1
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

    def read(self, number: int) -> LeafFile:
        """Return the file of a number. Raises IntegrityError."""
        file = self._kept.get(number)
        if file is not None:
            self._kept.move_to_end(number)
            return file
        sealed = self._files[number]
        file = decode_leaf_file(self._bytes(number), self._directory / sealed.path)
        if (file.first, len(file.table)) != (sealed.first, sealed.count):
            raise IntegrityError(f"{sealed.path}: holds other entries than the manifest says")
        self._kept[number] = file
        if len(self._kept) > self._kept_max:
            self._kept.popitem(last=False)
        return file

    def _bytes(self, number: int) -> bytes:
        """Return a file that is as the manifest says."""
        data, self._sound[number] = self._read(number)
        return data

    def _read(self, number: int) -> tuple[bytes, tuple[int, ...]]:
        """Return a file that is as the manifest says, and its stamp."""
        sealed = self._files[number]
        path = self._directory / sealed.path
        try:
            with path.open("rb") as opened:
                stat = os.fstat(opened.fileno())  # before: what changes meanwhile shows later
                data = opened.read()
        except OSError as error:
            raise IntegrityError(f"{path}: a sealed leaf file cannot be read ({error})") from error
        stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
        if self._sound.get(number) != stamp and sha256(data).hexdigest() != sealed.sha256:
            raise IntegrityError(f"{path}: altered (its SHA-256 is not the manifest's)")
        return data, stamp

    def file_at(self, index: int) -> LeafFile:
        """Return the file that holds an entry. Raises IntegrityError when none does."""
        return self.read(self._number_at(index))

    def _number_at(self, index: int) -> int:
        number = bisect_right(self._firsts, index) - 1
        if number < 0 or index >= self.end:
            raise IntegrityError(f"entry {index} is in no sealed leaf file")
        return number

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
        number = self._number_at(index)
        sealed = self._files[number]
        if number in self._kept or number == self._last:  # more of this one are asked for
            return self.read(number).leaf(index - sealed.first)
        self._last = number
        path = self._directory / sealed.path
        return decode_leaf(self._bytes(number), index - sealed.first, path)

    def head(self, index: int) -> LeafHead:
        """Return the head of a leaf; those of all leaves beside it are kept."""
        number = self._number_at(index)
        heads = self._heads.get(number)
        if heads is None:
            [heads] = self._learn_heads([number])
        return heads.at(index - self._files[number].first)

    def prepare_heads(self, indexes: Sequence[int]) -> None:
        """Read the heads of these ascending entries, to be asked for; some in another thread.

        Whoever asks is told what is wrong with a file.
        """
        with contextlib.suppress(IntegrityError):
            unknown = [number for number in self._numbers(indexes) if not self._heads.get(number)]
            if len(unknown) > 1:
                self._learn_heads(unknown)

    def _learn_heads(self, numbers: Sequence[int]) -> list[LeafHeads]:
        """Read the heads of files and keep them. Raises IntegrityError."""
        found = []
        for number, stamp, heads in self._threads.run(self._read_heads, numbers):
            self._sound[number] = stamp
            found.append(self._heads.put(number, heads, heads.size_bytes))
        return found

    def _numbers(self, indexes: Sequence[int]) -> Iterator[int]:
        """Yield the number of each file that holds some of these ascending entries."""
        at = 0
        while at < len(indexes):
            number = self._number_at(indexes[at])
            yield number
            file = self._files[number]
            at = bisect_left(indexes, file.first + file.count, at)

    def _read_heads(self, numbers: Sequence[int]) -> list[tuple[int, tuple[int, ...], LeafHeads]]:
        """Return the number, the stamp and the heads of files. Raises IntegrityError."""
        found = []
        for number in numbers:
            data, stamp = self._read(number)
            path = self._directory / self._files[number].path
            found.append((number, stamp, decode_leaf_heads(data, path)))
        return found

    def last_time(self) -> int:
        """Return `appended_us` of the last sealed leaf."""
        return int(self.read(len(self._files) - 1).table["appended_us"][-1])
