"""Many byte strings that stand in one text, without an object for each.

Columns of rows on their way from the write-ahead log into sealed files and the index are handled
so: joined, numbered and hashed by one call each, where the compiled part is there.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256

import numpy as np

from whodid.native import native

Array = np.ndarray


class Pieces:
    """Piece i is data[begin[i]:end[i]] (i64 both). Nothing of it ever changes."""

    __slots__ = ("begin", "data", "end")

    def __init__(self, data: bytes, begin: Array, end: Array) -> None:
        self.data = data
        self.begin = begin
        self.end = end

    @classmethod
    def of(cls, parts: Sequence[bytes]) -> "Pieces":
        """Return these byte strings as pieces."""
        ends = np.cumsum(np.fromiter(map(len, parts), np.int64, count=len(parts)))
        begins = np.concatenate((np.zeros(1, dtype=np.int64), ends))[:-1]
        return cls(b"".join(parts), begins, ends)

    @classmethod
    def of_texts(cls, texts: Sequence[str]) -> "Pieces":
        """Return the UTF-8 of these texts as pieces; what is none (a lone surrogate) as `?`."""
        joined = "".join(texts)
        if not joined.isascii():
            return cls.of([text.encode("utf-8", "replace") for text in texts])
        ends = np.cumsum(np.fromiter(map(len, texts), np.int64, count=len(texts)))
        begins = np.concatenate((np.zeros(1, dtype=np.int64), ends))[:-1]
        return cls(joined.encode(), begins, ends)

    def __len__(self) -> int:
        return len(self.begin)

    def __getitem__(self, number: int) -> bytes:
        return self.data[self.begin[number] : self.end[number]]

    def part(self, rows: slice | Array) -> "Pieces":
        """Return the pieces of a slice, or of an array of numbers or truths."""
        return Pieces(self.data, self.begin[rows], self.end[rows])

    def __iter__(self) -> Iterator[bytes]:
        data = self.data
        bounds = zip(self.begin.tolist(), self.end.tolist(), strict=True)
        return (data[begin:end] for begin, end in bounds)

    @property
    def sizes(self) -> Array:
        """The length of each (i64)."""
        sizes: Array = self.end - self.begin
        return sizes

    def texts(self) -> list[str]:
        """Return the pieces as texts. Raises UnicodeDecodeError when one is no UTF-8."""
        if not len(self):
            return []
        found = self.joined(b"\0").decode().split("\0")
        return found if len(found) == len(self) else [piece.decode() for piece in self]

    def joined(self, between: bytes = b"", *, head: bytes = b"", once: bool = False) -> bytes:
        """Return the head and all pieces, `between` between them; with `once` equal ones once.

        Equal long ones (more than 256 bytes) may come again.
        """
        begin, end = np.ascontiguousarray(self.begin), np.ascontiguousarray(self.end)
        if native is not None:
            return native.join(head, self.data, begin, end, between, once)
        return head + between.join(dict.fromkeys(self) if once else self)

    def hashed(self, head: bytes, *, with_length: bool = False) -> bytes:
        """Return the SHA-256 of each behind a head (and its length, u32), joined."""
        if native is not None:
            begin, end = np.ascontiguousarray(self.begin), np.ascontiguousarray(self.end)
            return native.sha256_pieces(head, self.data, begin, end, with_length)
        lengths = [len(part).to_bytes(4, "big") if with_length else b"" for part in self]
        parts = zip(lengths, self, strict=True)
        return b"".join([sha256(head + length + part).digest() for length, part in parts])

    def numbered(self) -> tuple[Array, Array]:
        """Return the number of each piece (i32), and for each number where it came first (i64).

        Equal pieces have one number; they are given from 0 on.
        """
        if native is not None:
            begin, end = np.ascontiguousarray(self.begin), np.ascontiguousarray(self.end)
            codes, first = native.number(self.data, begin, end)
            return np.frombuffer(codes, dtype=np.int32), np.frombuffer(first, dtype=np.int64)
        places: dict[bytes, int] = {}
        numbers = [places.setdefault(part, len(places)) for part in self]
        first_at = {number: at for at, number in reversed(list(enumerate(numbers)))}
        return (
            np.array(numbers, dtype=np.int32),
            np.array([first_at[number] for number in range(len(places))], dtype=np.int64),
        )


class Grid:
    """Columns of pieces in one text: row i of column c is data[begin[c, i]:end[c, i]] (i64).

    Iterating gives the columns as `Pieces`. Nothing of it ever changes.
    """

    __slots__ = ("begin", "data", "end")

    def __init__(self, data: bytes, begin: Array, end: Array) -> None:
        self.data = data
        self.begin = begin
        self.end = end

    @classmethod
    def of(cls, columns: Sequence[Sequence[bytes]]) -> "Grid":
        """Return these columns, all of one length, as a grid."""
        pieces = Pieces.of([part for column in columns for part in column])
        rows = len(columns[0]) if columns else 0
        shape = (len(columns), rows)
        return cls(pieces.data, pieces.begin.reshape(shape), pieces.end.reshape(shape))

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.begin.shape[1])

    def __len__(self) -> int:
        return len(self.begin)

    def __getitem__(self, column: int) -> Pieces:
        return Pieces(self.data, self.begin[column], self.end[column])

    def __iter__(self) -> Iterator[Pieces]:
        return (self[column] for column in range(len(self)))

    @property
    def sizes(self) -> Array:
        """The length of each piece (i64, columns x rows)."""
        sizes: Array = self.end - self.begin
        return sizes

    def columns(self, wanted: Sequence[int]) -> "Grid":
        """Return some columns."""
        chosen = list(wanted)
        return Grid(self.data, self.begin[chosen], self.end[chosen])

    def part(self, rows: slice | Array) -> "Grid":
        """Return the rows of a slice, or of an array of numbers or truths."""
        return Grid(self.data, self.begin[:, rows], self.end[:, rows])

    def all(self) -> Pieces:
        """Return the pieces of all columns, one column after the other."""
        return Pieces(self.data, self.begin.reshape(-1), self.end.reshape(-1))

    @classmethod
    def stacked(cls, grids: Sequence["Grid"]) -> "Grid":
        """Return the rows of all, one grid after the other. Raises ValueError for no grid."""
        texts, begins, ends = [], [], []
        size = 0
        for grid in grids:
            low, high = (int(grid.begin.min()), int(grid.end.max())) if grid.begin.size else (0, 0)
            if len(grids) == 1 and (low, high) == (0, len(grid.data)):
                return grid
            texts.append(memoryview(grid.data)[low:high])
            begins.append(grid.begin + (size - low))
            ends.append(grid.end + (size - low))
            size += high - low
        begin, end = np.concatenate(begins, axis=1), np.concatenate(ends, axis=1)
        return cls(b"".join(texts), begin, end)
