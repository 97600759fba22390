"""A leaf file: the leaves of one sealed range, in columns (~50 bytes a leaf). Big-endian.

    magic 8B · ledger id 16B · u64 first · u32 count · u32 size of the packed columns · packed
    columns (zstd) · identity tags 16B (of the leaves not flagged no-identity) · commitments 32B

Columns, each whole before the next: u8 version · u8 type · u16 flags · u16 class · u16 source
number · u64 epoch · u64 seq and u64 appended_us (each minus the one before, modulo 2^64) ·
u16 tail length · u16 sources · source ids 16B · tails.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import zstandard
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger.frame import decompressor
from whodid.ledger.layout import LEAF_FILE, check_magic
from whodid.ledger.leaf import LEAF_BYTES, LEAF_DTYPE, LeafFlag, encode_leaves
from whodid.ledger.leaf_heads import LeafHeads, heads_of
from whodid.limits import LEAF_TAIL_BYTES_MAX, UNIT_ROWS

_HEADER = struct.Struct(">8s16sQII")
_PACKED_BYTES_MAX = UNIT_ROWS * (LEAF_BYTES + 2 + LEAF_TAIL_BYTES_MAX)
_FIXED = (
    ("version", "u1"), ("type", "u1"), ("flags", ">u2"), ("class", ">u2"), ("source", ">u2"),
    ("epoch", ">u8"), ("seq", ">u8"), ("appended_us", ">u8"),
)  # fmt: skip
"""The columns of one number a leaf, in order; of `seq` and `appended_us` the steps."""

Table = np.ndarray


class LeafFile(Struct, frozen=True):
    """A decoded leaf file: `table` is of LEAF_DTYPE (0x00 in front), `tails` by row."""

    ledger_id: bytes
    first: int
    table: Table
    tails: dict[int, bytes]

    @property
    def end(self) -> int:
        """Index behind the last leaf."""
        return self.first + len(self.table)

    def leaves(self) -> list[bytes]:
        """Return the leaves, each behind the 0x00 of RFC 6962."""
        return encode_leaves(self.table, self.tails)

    def is_of(self, table: Table, tails: dict[int, bytes]) -> bool:
        """Tell whether these are its leaves."""
        long = {row: tail for row, tail in tails.items() if tail}
        return self.table.tobytes() == table.tobytes() and self.tails == long

    def leaf(self, row: int) -> bytes:
        """Return one leaf, without the 0x00."""
        fixed: bytes = self.table[row : row + 1].tobytes()
        return fixed[1:] + self.tails.get(row, b"")


def encode_leaf_file(ledger_id: bytes, first: int, leaves: Sequence[bytes]) -> bytes:
    """Serialise leaves (each behind its 0x00) of entries first, first+1 and so on."""
    step = LEAF_DTYPE.itemsize
    tails = {row: leaf[step:] for row, leaf in enumerate(leaves) if len(leaf) > step}
    fixed = b"".join(leaf[:step] for leaf in leaves) if tails else b"".join(leaves)
    return encode_leaf_table(ledger_id, first, np.frombuffer(fixed, dtype=LEAF_DTYPE), tails)


def encode_leaf_table(ledger_id: bytes, first: int, table: Table, tails: dict[int, bytes]) -> bytes:
    """Serialise leaves as an array of LEAF_DTYPE, and their tails by row."""
    sources, numbers = _sources(table)
    lengths = np.zeros(len(table), dtype=">u2")
    for row, tail in tails.items():
        lengths[row] = len(tail)
    columns = [
        table["version"].tobytes(),
        table["type"].tobytes(),
        table["flags"].tobytes(),
        table["class"].tobytes(),
        numbers.astype(">u2").tobytes(),
        table["epoch"].tobytes(),
        _delta(table["seq"]),
        _delta(table["appended_us"]),
        lengths.tobytes(),
        len(sources).to_bytes(2, "big"),
        sources.tobytes(),
        *(tails[row] for row in sorted(tails)),
    ]
    packed = zstandard.ZstdCompressor(level=3).compress(b"".join(columns))
    tagged = table["identity_tag"][_tagged(table["flags"])]
    header = _HEADER.pack(LEAF_FILE, ledger_id, first, len(table), len(packed))
    return b"".join((header, packed, tagged.tobytes(), table["commitment"].tobytes()))


def _sources(table: Table) -> tuple[Table, Table]:
    """Return the different source ids, in order, and the number of each leaf's."""
    ids = np.ascontiguousarray(table["source_id"])
    if ids.tobytes() == ids[:1].tobytes() * len(ids):  # mostly, and sorting is slow
        return ids[:1], np.zeros(len(ids), dtype=np.int64)
    return np.unique(ids, return_inverse=True)


def _delta(column: Table) -> bytes:
    values = column.astype(np.uint64)
    return np.diff(values, prepend=np.uint64(0)).astype(">u8").tobytes()


class _Cursor:
    """Takes columns off a buffer; raises ValueError when it runs out."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, dtype: str, count: int) -> Table:
        size = np.dtype(dtype).itemsize * count
        column = np.frombuffer(self.data, dtype=dtype, count=count, offset=self.at)
        self.at += size
        return column


def decode_leaf_file(data: bytes, name: object) -> LeafFile:
    """Read a leaf file. Raises IntegrityError or FormatError, naming `name`."""
    return _decoded(data, name, None)


def decode_leaf(data: bytes, row: int, name: object) -> bytes:
    """Return one leaf of a leaf file, without the 0x00. Raises as `decode_leaf_file`."""
    file = _decoded(data, name, row)
    return file.table.tobytes()[1:] + file.tails.get(row, b"")


def decode_leaf_heads(data: bytes, name: object) -> LeafHeads:
    """Return the heads of all leaves of a leaf file. Raises as `decode_leaf_file`."""
    with _decoding(name):
        _, _, count, columns, _ = _packed(data, name)
        fixed = _fixed(_Cursor(columns), count)
        return heads_of(fixed["type"], fixed["flags"], _sums(fixed["appended_us"]))


def _decoded(data: bytes, name: object, row: int | None) -> LeafFile:
    """Read a leaf file; its table is of all rows, or of one, and took a tenth of the time."""
    with _decoding(name):
        ledger_id, first, count, packed, at = _packed(data, name)
        rows = slice(0, count) if row is None else slice(row, row + 1)
        table, tails, tagged = _columns(packed, count, rows)
        tags = int(tagged.sum())
        if len(data) != at + 16 * tags + 32 * count:
            raise IntegrityError(f"{name}: a leaf file of a wrong length")
        before, here = int(tagged[: rows.start].sum()), tagged[rows]
        stored = np.frombuffer(data, dtype="V16", count=tags, offset=at)
        table["identity_tag"][here] = stored[before : before + int(here.sum())]
        stored = np.frombuffer(data, dtype="V32", count=count, offset=at + 16 * tags)
        table["commitment"] = stored[rows]
    return LeafFile(ledger_id, first, table, tails)


@contextmanager
def _decoding(name: object) -> Iterator[None]:
    """Say of bytes that are no leaf file's that they are none."""
    try:
        yield
    except (struct.error, ValueError, IndexError, zstandard.ZstdError) as error:
        raise IntegrityError(f"{name}: a leaf file that does not decode ({error})") from error


def _packed(data: bytes, name: object) -> tuple[bytes, int, int, bytes, int]:
    """Return ledger id, first entry, number of leaves, their columns, and what stands behind."""
    check_magic(data, LEAF_FILE, name)
    _, ledger_id, first, count, size = _HEADER.unpack_from(data)
    if not 0 < count <= UNIT_ROWS:
        raise IntegrityError(f"{name}: {count} leaves in one file; at most {UNIT_ROWS}")
    at = _HEADER.size + size
    packed = data[_HEADER.size : at]
    if not 0 <= zstandard.frame_content_size(packed) <= _PACKED_BYTES_MAX:
        raise IntegrityError(f"{name}: columns that would decompress to too many bytes")
    columns = decompressor().decompress(packed, max_output_size=_PACKED_BYTES_MAX)
    return ledger_id, first, count, columns, at


def _fixed(cursor: _Cursor, count: int) -> dict[str, Table]:
    """Return the columns of one number a leaf, as they are stored."""
    return {name: cursor.take(dtype, count) for name, dtype in _FIXED}


def _sums(steps: Table) -> Table:
    """Undo `_delta`."""
    return np.cumsum(steps.astype(np.uint64), dtype=np.uint64)


def _tagged(flags: Table) -> Table:
    tagged: Table = (flags & np.uint16(LeafFlag.NO_IDENTITY)) == 0
    return tagged


def _columns(data: bytes, count: int, rows: slice) -> tuple[Table, dict[int, bytes], Table]:
    """Return the table of some rows, the tails of all, and which of all have an identity tag."""
    cursor = _Cursor(data)
    table = np.zeros(rows.stop - rows.start, dtype=LEAF_DTYPE)
    fixed = _fixed(cursor, count)
    for name in ("version", "type", "flags", "class", "epoch"):
        table[name] = fixed[name][rows]
    for name in ("seq", "appended_us"):
        table[name] = _sums(fixed[name])[rows]
    lengths = cursor.take(">u2", count)
    (sources,) = cursor.take(">u2", 1).tolist()
    table["source_id"] = cursor.take("V16", sources)[fixed["source"][rows]]
    tails: dict[int, bytes] = {}
    for row in np.flatnonzero(lengths).tolist():  # few have one
        length = int(lengths[row])
        tails[row] = data[cursor.at : cursor.at + length]
        cursor.at += length
    if cursor.at != len(data):
        raise ValueError("bytes are left over")
    return table, tails, _tagged(fixed["flags"])
