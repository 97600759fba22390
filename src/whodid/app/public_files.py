"""The log's files for other people's tools (C2SP tlog-tiles), rendered when they are asked for.

Every tile belongs to the published checkpoint: its leaves give the signed root, or none is served.
Needs the public key only; opens no payload, takes no lock, writes nothing.
"""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from whodid.errors import IntegrityError, UsageError
from whodid.ledger.hash_tree import HashTree
from whodid.ledger.layout import CHECKPOINT
from whodid.ledger.manifest import Manifest, read_manifest
from whodid.ledger.sealed import SealedLeaves
from whodid.ledger.wal_tail import WalTail
from whodid.merkle.batch import sha256_each
from whodid.merkle.checkpoint import Checkpoint, Vkey, parse_body, verify_note
from whodid.merkle.tiles import TILE_WIDTH, entry_bundle, tile_path

_LEVEL_MAX = 7
_LOOKS_MAX = 5


class PublicFiles(Protocol):
    """What is served under `/ledger/<name>/`. Calls block."""

    def checkpoint(self) -> str:
        """Return the newest published checkpoint, a signed note."""
        ...

    def tile(self, level: int | None, index: int, width: int) -> bytes:
        """Return a hash tile, or an entry bundle when `level` is None.

        Raises UsageError when the published log has no such tile.
        """
        ...


class LedgerFiles:
    """The `PublicFiles` of the ledger in a directory. Safe for threads, which take turns.

    Invariant: `_tree` holds the leaves of the last checkpoint that was looked at, and their root
    was the signed one.
    """

    def __init__(self, directory: Path, vkey: Vkey) -> None:
        self._directory = directory
        self._vkey = vkey
        self._lock = threading.Lock()
        self._manifest = read_manifest(directory, vkey)
        self._sealed = SealedLeaves(directory, self._manifest)
        self._tail = WalTail(directory, self._manifest.ledger_id)
        self._tree: HashTree | None = None

    def checkpoint(self) -> str:
        """Return the newest published checkpoint (see `PublicFiles`)."""
        return (self._directory / CHECKPOINT).read_text()

    def check(self) -> None:
        """Check that the stored leaves give the published root, those of the last check first.

        Raises IntegrityError when they do not, or when no checkpoint can be read.
        """
        with self._lock:
            try:
                note = self.checkpoint()
            except OSError as error:
                raise IntegrityError(f"the checkpoint cannot be read ({error})") from error
            self._tree_of(parse_body(verify_note(note, self._vkey)))

    def tile(self, level: int | None, index: int, width: int) -> bytes:
        """Return a tile (see `PublicFiles`). Raises IntegrityError for wrong stored leaves."""
        with self._lock:
            checkpoint = parse_body(verify_note(self.checkpoint(), self._vkey))
            end = index * TILE_WIDTH + width
            if (level or 0) > _LEVEL_MAX or end << 8 * (level or 0) > checkpoint.size:
                raise UsageError(
                    f"The log of {checkpoint.size} entries has no {tile_path(level, index, width)}."
                )
            tree = self._tree_of(checkpoint)
            first = index * TILE_WIDTH
            if level is None:
                return entry_bundle(leaf[1:] for leaf in self._leaves(first, end))
            if level == 0:
                return b"".join(sha256_each(self._leaves(first, end)))
            return b"".join(tree.node(8 * level, i) for i in range(first, end))

    def _tree_of(self, checkpoint: Checkpoint) -> HashTree:
        if self._tree is not None and self._tree.size == checkpoint.size:
            return self._tree
        tree, self._tree = self._tree, None
        for cached in (True, False):  # a tile cache that is wrong is not used
            if tree is None:
                tree = self._new_tree(cached=cached)
            if tree.size <= checkpoint.size:
                self._extend(tree, checkpoint.size)
                if tree.root() == checkpoint.root:
                    tree.release(self._manifest.sealed)
                    self._tree = tree
                    return tree
            tree = None
        raise IntegrityError(
            f"the stored leaves do not give the root signed at size {checkpoint.size}: "
            "run `whodid verify` to see where"
        )

    def _new_tree(self, *, cached: bool) -> HashTree:
        """Return a tree of the leaves whose level-1 tiles are in the cache (none: an empty one)."""
        tree = HashTree(self._older)
        nodes = b""
        full = self._manifest.sealed // TILE_WIDTH // TILE_WIDTH
        for tile in range(full if cached else 0):
            path = self._directory / tile_path(1, tile)
            data = path.read_bytes() if path.is_file() else b""
            if len(data) != 32 * TILE_WIDTH:
                break
            nodes += data
        tree.load(nodes)
        return tree

    def _older(self, tile: int) -> list[bytes]:
        return self._sealed.tile_hashes(tile)

    def _extend(self, tree: HashTree, size: int) -> None:
        step = TILE_WIDTH * 16
        while tree.size < size:
            end = min(size, tree.size + step)
            tree.append(sha256_each(self._leaves(tree.size, end)))

    def _leaves(self, first: int, end: int) -> Iterator[bytes]:
        """Yield the leaves [first, end), each behind the 0x00 of RFC 6962."""
        at = first
        looks = 0
        while at < end:
            found = self._found(at, end)
            if found:
                yield from found
                at += len(found)
                looks = 0
            elif looks == _LOOKS_MAX:
                raise IntegrityError(f"entry {at} is neither sealed nor in the write-ahead log")
            else:  # it was recycled, which can happen again while this process waits for its turn
                self._refresh()
                looks += 1

    def _found(self, at: int, end: int) -> list[bytes]:
        """Return leaves from `at` on, as many as lie together; none when `at` is not known."""
        if at < self._sealed.end:
            file = self._sealed.file_at(at)
            return file.leaves()[at - file.first : end - file.first]
        for record in self._tail.records:
            if record.first <= at < record.end:
                sequenced = self._tail.open(record)
                if sequenced is None:
                    return []
                return sequenced.leaves()[at - record.first : end - record.first]
        return []

    def _refresh(self) -> None:
        manifest: Manifest = read_manifest(self._directory, self._vkey)
        if manifest != self._manifest:
            self._manifest = manifest
            self._sealed = SealedLeaves(self._directory, manifest)
        self._tail.poll()
        self._tail.forget(manifest.sealed)

    def close(self) -> None:
        """Close files."""
        with self._lock:
            self._tail.close()
