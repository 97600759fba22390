"""The sequencer's tree: leaf hashes of the tail, and every full node of level 8 and above.

Level 8 nodes (one per 256 leaves) are kept in memory, 0.125 bytes a leaf; the tiles of level >= 1
(C2SP tlog-tiles) are written to `tile/` when full, as a cache that anybody can derive again.
Leaf hashes below `base` come from the leaf files through `older`.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from msgspec import Struct

from whodid.errors import IntegrityError, UsageError
from whodid.ledger.layout import TILES
from whodid.merkle.tiles import TILE_WIDTH, tile_path
from whodid.merkle.tree import inclusion_proof, pair_up, perfect_root, root_at

OlderTile = Callable[[int], list[bytes]]
"""Tile number → the 256 leaf hashes of that full tile, from sealed leaves."""

_H = 32
_TILE_LEVEL = TILE_WIDTH.bit_length() - 1


class Paths(Struct, frozen=True):
    """Inclusion proofs of some entries in one tree, and the compact range of its first entries."""

    paths: list[list[bytes]]
    edge: list[bytes]


class HashTree:
    """Append-only. One owner: the sequencer.

    Invariants: `_levels[k]` holds the hashes of all full subtrees of 256**(k+1) leaves;
    `_tail` holds the leaf hashes [base, size), base a multiple of 256.
    """

    def __init__(self, older: OlderTile) -> None:
        self._older = older
        self._levels: list[bytearray] = []
        self._tail = bytearray()
        self.base = 0
        self.size = 0

    def append(self, hashes: list[bytes]) -> None:
        """Integrate leaf hashes in order."""
        full_before = self.size // TILE_WIDTH
        self._tail += b"".join(hashes)
        self.size += len(hashes)
        for tile in range(full_before, self.size // TILE_WIDTH):
            self._promote(0, perfect_root(self._leaf_tile(tile)))

    def _promote(self, level: int, node: bytes) -> None:
        if level == len(self._levels):
            self._levels.append(bytearray())
        row = self._levels[level]
        row += node
        count = len(row) // _H
        if count % TILE_WIDTH == 0:
            self._promote(level + 1, perfect_root(self._row(level, count // TILE_WIDTH - 1)))

    def load(self, nodes: bytes) -> None:
        """Start from the level-8 nodes of [0, 256 x n): what the tile cache or leaf files give."""
        if self.size:
            raise IntegrityError("a tree is loaded before anything is appended")
        for at in range(0, len(nodes), _H):
            self._promote(0, nodes[at : at + _H])
        self.base = self.size = len(nodes) // _H * TILE_WIDTH

    def release(self, index: int) -> None:
        """Forget leaf hashes of full tiles below `index`; they are in leaf files now."""
        new = min(index, self.size) // TILE_WIDTH * TILE_WIDTH
        if new > self.base:
            del self._tail[: (new - self.base) * _H]
            self.base = new

    def digest(self, first: int, end: int) -> bytes:
        """Return SHA-256 over the leaf hashes of [first, end), which are still in memory."""
        if not self.base <= first <= end <= self.size:
            raise IntegrityError(f"leaf hashes [{first}, {end}) are not all in memory")
        return sha256(self._tail[(first - self.base) * _H : (end - self.base) * _H]).digest()

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of the full subtree of 2**level leaves at index << level."""
        rows, rest = divmod(level, 8)
        if rows and rest == 0:
            return bytes(self._levels[rows - 1][index * _H : index * _H + _H])
        width = 1 << rest
        first = index * width
        if rows == 0:
            hashes = self._leaf_tile(first // TILE_WIDTH)[first % TILE_WIDTH :][:width]
        else:
            row = self._levels[rows - 1]
            hashes = [bytes(row[i * _H : i * _H + _H]) for i in range(first, first + width)]
        while len(hashes) > 1:
            hashes = pair_up(hashes)
        return hashes[0]

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first `size` leaves (all, by default)."""
        return root_at(self.size if size is None else size, self.node)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the inclusion proof of an entry in the tree of `size` leaves."""
        return inclusion_proof(index, size, self.node)

    def paths(self, size: int, indexes: Sequence[int], edge: int) -> Paths:
        """Return inclusion proofs in the tree of `size`; and the compact range of `edge` leaves.

        Raises UsageError for what is not in the log.
        """
        if not 0 <= edge <= size <= self.size or any(not 0 <= i < size for i in indexes):
            raise UsageError(f"the log has {self.size} entries: no proof of others")
        peaks = [level for level in range(edge.bit_length()) if edge >> level & 1]
        nodes = [self.node(level, (edge >> level) - 1) for level in reversed(peaks)]
        tiles: dict[int, list[list[bytes]]] = {}

        def node(level: int, index: int) -> bytes:
            if level >= _TILE_LEVEL:
                return self.node(level, index)
            tile = index >> _TILE_LEVEL - level
            if tile not in tiles:
                tiles[tile] = _levels(self._leaf_tile(tile))
            return tiles[tile][level][index - (tile << _TILE_LEVEL - level)]

        return Paths([inclusion_proof(index, size, node) for index in indexes], nodes)

    def _leaf_tile(self, tile: int) -> list[bytes]:
        start = tile * TILE_WIDTH
        if start < self.base:
            return self._older(tile)
        end = min(start + TILE_WIDTH, self.size)
        tail, offset = self._tail, self.base
        return [bytes(tail[(i - offset) * _H : (i - offset + 1) * _H]) for i in range(start, end)]

    def _row(self, level: int, tile: int) -> list[bytes]:
        row = self._levels[level]
        start = tile * TILE_WIDTH
        return [bytes(row[i * _H : i * _H + _H]) for i in range(start, start + TILE_WIDTH)]

    # --- the cache of tiles ----------------------------------------------------------------------

    def full_tiles(self) -> list[tuple[int, int]]:
        """Return (level, number) of every full tile of level >= 1."""
        return [
            (level + 1, tile)
            for level, row in enumerate(self._levels)
            for tile in range(len(row) // _H // TILE_WIDTH)
        ]

    def save_tiles(self, directory: Path, done: set[tuple[int, int]]) -> None:
        """Write the full tiles that are not in `done`. Not fsynced: a lost one is made again."""
        for level, tile in self.full_tiles():
            if (level, tile) in done:
                continue
            path = directory / tile_path(level, tile)
            path.parent.mkdir(parents=True, exist_ok=True)
            start = tile * TILE_WIDTH * _H
            temporary = path.with_name(path.name + ".tmp")
            temporary.write_bytes(self._levels[level - 1][start : start + TILE_WIDTH * _H])
            temporary.replace(path)
            done.add((level, tile))


def _levels(hashes: list[bytes]) -> list[list[bytes]]:
    """Return the hashes of a tile and all full nodes above them."""
    levels = [hashes]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append(pair_up(below[: len(below) & ~1]))
    return levels


def saved_tiles(directory: Path) -> list[Path]:
    """Return the tile files that are in `tile/`."""
    return sorted(path for path in (directory / TILES).rglob("*") if path.is_file())
