"""Step 5 of `verify`: the tree over all leaves, in one pass, and every root that was signed.

It keeps the compact range of full tiles and the leaf hashes of the last tile, so that the root at
any size ("cut") is had on the way; a hash tile of level >= 1 is compared with its file when it
becomes full. Nothing grows with the log.
"""

from collections.abc import Iterable
from pathlib import Path

from whodid.errors import InputError
from whodid.ledger.layout import TILES
from whodid.ledger.verification.leaves import Segment
from whodid.ledger.verification.verdict import Findings
from whodid.merkle.tiles import TILE_WIDTH, parse_tile_path, tile_path
from whodid.merkle.tree import EMPTY_ROOT, Frontier, hash_node, perfect_root, root_of

_H = 32


class TreeCheck:
    """Takes segments in order; `roots` holds the root at each cut that was reached.

    Invariants: `size` leaves were taken; `_pending` are the leaf hashes behind the last full tile;
    `_rows[k]` the roots of 256**(k+1) leaves that do not fill a tile yet.
    """

    def __init__(self, cuts: Iterable[int], tiles: "StoredTiles") -> None:
        self._cuts = sorted(set(cuts), reverse=True)
        self._tiles = tiles
        self._frontier = Frontier()
        self._rows: list[list[bytes]] = []
        self._pending: list[bytes] = []
        self.size = 0
        self.roots: dict[int, bytes] = {}
        self._reach()

    def add(self, segment: Segment) -> None:
        """Take the next segment: of one tile, aligned as `leaves.segments` cuts them."""
        if len(segment.hashes) == _H and segment.leaves == TILE_WIDTH:
            self.size += TILE_WIDTH
            self._full(segment.hashes)
            self._reach()
            return
        data = segment.hashes
        hashes = [data[at : at + _H] for at in range(0, len(data), _H)]
        while hashes:
            stop = len(hashes)
            if self._cuts and self._cuts[-1] < self.size + stop:
                stop = self._cuts[-1] - self.size
            self._pending += hashes[:stop]
            self.size += stop
            hashes = hashes[stop:]
            if len(self._pending) == TILE_WIDTH:
                self._full(perfect_root(self._pending))
                self._pending = []
            self._reach()

    def _reach(self) -> None:
        while self._cuts and self._cuts[-1] == self.size:
            self.roots[self._cuts.pop()] = self.root()

    def root(self) -> bytes:
        """Return the root of the leaves taken so far."""
        root = root_of(self._pending) if self._pending else None
        for peak in reversed(self._frontier.nodes()):
            root = peak if root is None else hash_node(peak, root)
        return EMPTY_ROOT if root is None else root

    def _full(self, node: bytes) -> None:
        self._frontier.append_hashes([node])
        level = 0
        while True:
            if level == len(self._rows):
                self._rows.append([])
            row = self._rows[level]
            row.append(node)
            if len(row) < TILE_WIDTH:
                return
            number = (self.size >> 8 * (level + 2)) - 1
            self._tiles.compare(level + 1, number, b"".join(row))
            node = perfect_root(row)
            row.clear()
            level += 1


class StoredTiles:
    """The hash tiles that DIR keeps as a cache: a missing one is no fault, a wrong one is.

    `TreeCheck` compares those that it reaches; what is left then is of no entry of the log.
    """

    def __init__(self, directory: Path, findings: Findings) -> None:
        self._directory = directory
        self._findings = findings
        self._left: set[tuple[int, int]] = set()
        for path in sorted((directory / TILES).rglob("*")):
            if path.is_file():
                self._list(path.relative_to(directory).as_posix())

    def _list(self, name: str) -> None:
        try:
            level, number, width = parse_tile_path(name)
        except InputError:
            self._findings.warn(f"{name}: no tile; a crash may have left it")
            return
        if not level or width != TILE_WIDTH:
            self._findings.warn(f"{name}: whodid keeps full tiles of level 1 and above only")
            return
        self._left.add((level, number))

    def compare(self, level: int, number: int, data: bytes) -> None:
        """Compare a stored tile with its computed hashes."""
        if (level, number) not in self._left:
            return
        self._left.discard((level, number))
        name = tile_path(level, number)
        first = number << 8 * (level + 1)
        try:
            stored = (self._directory / name).read_bytes()
        except OSError as error:
            self._findings.fault(name, first, f"cannot be read ({error})")
            return
        if stored == data:
            return
        at = next(
            (at for at in range(0, len(data), _H) if stored[at : at + _H] != data[at : at + _H]), 0
        )
        entry = first + (at // _H << 8 * level)
        self._findings.fault(name, entry, "not the hashes of these leaves (it is a cache)")

    def rest(self, size: int) -> None:
        """Fault the tiles of entries that the log does not have."""
        for level, number in sorted(self._left):
            first = number << 8 * (level + 1)
            problem = f"a tile of entries beyond the log's {size}: was its tail cut?"
            self._findings.fault(tile_path(level, number), first, problem)
