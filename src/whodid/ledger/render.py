"""Render a log as the static files of C2SP tlog-tiles, which anybody's tools can check.

OUT gets `checkpoint`, the hash tiles `tile/<L>/<N>[.p/<W>]` and the entry bundles
`tile/entries/<N>[.p/<W>]` of one signed size. Bundles hold leaves (fixed-size commitments), never
payload. DIR is only read, without keys, also while a server writes to it.
"""

from collections.abc import Iterator
from pathlib import Path

from whodid.errors import IntegrityError, UsageError
from whodid.ledger.checkpoints_log import split_checkpoints
from whodid.ledger.layout import CHECKPOINT, CHECKPOINTS_LOG
from whodid.ledger.leaf import unprefixed
from whodid.ledger.manifest import read_manifest
from whodid.ledger.sealed import SealedLeaves
from whodid.ledger.wal_tail import WalTail
from whodid.merkle.checkpoint import Checkpoint, parse_body, parse_note
from whodid.merkle.tiles import TILE_WIDTH, entry_bundle, tile_path
from whodid.merkle.tree import EMPTY_ROOT, hash_leaves, hash_node, perfect_root, root_of

_TRIES = 5


def render_tiles(directory: Path, out: Path, *, size: int | None = None) -> Checkpoint:
    """Write the files of the published checkpoint, or of the kept one with this `size`.

    OUT is made when it is missing. The checkpoint is written last, once the tiles give its root.
    Raises UsageError when OUT holds anything or nothing was signed at `size`, IntegrityError when
    the leaves do not give the signed root.
    """
    note, head = _signed(directory, size)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: not an empty folder; tiles are rendered into a new one")
    out.mkdir(parents=True, exist_ok=True)
    tree = _Renderer(out)
    leaves: list[bytes] = []
    for leaf in _leaves(directory, head.size):
        leaves.append(leaf)
        if len(leaves) == TILE_WIDTH:
            tree.add(leaves)
            leaves = []
    root = tree.finish(leaves)
    if root != head.root:
        raise IntegrityError(
            f"{directory}: its leaves do not give the root that was signed at size {head.size};"
            " run `whodid verify`"
        )
    (out / CHECKPOINT).write_bytes(note)
    return head


def _signed(directory: Path, size: int | None) -> tuple[bytes, Checkpoint]:
    try:
        note = (directory / CHECKPOINT).read_bytes()
    except OSError as error:
        raise UsageError(f"{directory}: no ledger here ({error})") from error
    head = parse_body(parse_note(note)[0])
    if size is None or head.size == size:
        return note, head
    log = directory / CHECKPOINTS_LOG
    for item in split_checkpoints(log.read_bytes() if log.exists() else b"")[0]:
        kept = parse_body(parse_note(item.note)[0])
        if kept.size == size:
            return item.note, kept
    raise UsageError(f"no checkpoint of size {size} is kept; the published one has {head.size}")


def _leaves(directory: Path, size: int) -> Iterator[bytes]:
    """Yield the first `size` leaves. What is sealed meanwhile is read from where it went."""
    manifest = read_manifest(directory, None)
    sealed = SealedLeaves(directory, manifest)
    tail = WalTail(directory, manifest.ledger_id)
    at = 0
    try:
        for _ in range(_TRIES):
            for file in sealed.files(at, size):
                yield from unprefixed(file.leaves())[at - file.first : size - file.first]
                at = min(file.end, size)
            tail.poll()
            tail.forget(at)
            for record in list(tail.records):
                found = tail.open(record) if record.first <= at < min(record.end, size) else None
                if found is not None:
                    yield from unprefixed(found.leaves())[at - found.first : size - found.first]
                    at = min(found.end, size)
            if at == size:
                return
            sealed = SealedLeaves(directory, read_manifest(directory, None))
    finally:
        tail.close()
    raise IntegrityError(f"{directory}: {size} entries were signed, only {at} are here")


class _Renderer:
    """Writes tiles level by level; keeps less than one tile of each level."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._levels: list[list[bytes]] = [[]]
        self._done: list[int] = [0]
        self._bundles = 0

    def add(self, leaves: list[bytes]) -> None:
        """Take a full bundle of 256 leaves."""
        self._write(tile_path(None, self._bundles), entry_bundle(leaves))
        self._bundles += 1
        self._levels[0] = hash_leaves(leaves)
        level = 0
        while len(self._levels[level]) == TILE_WIDTH:
            hashes = self._levels[level]
            self._write(tile_path(level, self._done[level]), b"".join(hashes))
            self._done[level] += 1
            self._levels[level] = []
            level += 1
            if level == len(self._levels):
                self._levels.append([])
                self._done.append(0)
            self._levels[level].append(perfect_root(hashes))

    def finish(self, leaves: list[bytes]) -> bytes:
        """Write the partial right edge and return the root."""
        if leaves:
            self._write(tile_path(None, self._bundles, len(leaves)), entry_bundle(leaves))
            self._levels[0] = hash_leaves(leaves)
        root: bytes | None = None
        for level, hashes in enumerate(self._levels):
            if not hashes:
                continue
            path = tile_path(level, self._done[level], len(hashes))
            self._write(path, b"".join(hashes))
            peak = root_of(hashes) if root is None else _root_before(hashes, root)
            root = peak
        return EMPTY_ROOT if root is None else root

    def _write(self, path: str, data: bytes) -> None:
        file = self._out / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)


def _root_before(hashes: list[bytes], root: bytes) -> bytes:
    """Return the root of full subtrees `hashes`, all of one size, with a smaller tree behind."""
    end = len(hashes)
    while end:
        width = end & -end
        root = hash_node(perfect_root(hashes[end - width : end]), root)
        end -= width
    return root
