"""A sorted run of the dedup table: a file, of which some two bytes an entry are in memory.

Magic 8B · u64 first · u64 end · u64 count · arrays of big-endian u64, sorted by the first two: tag
high, tag low, content tag · SHA-256 of all before. It covers [first, end).

Most tags that are looked up are new, and a filter in memory says so (a Bloom filter, Bloom 1970:
three bits a tag, 12 to 24 bits of room each; tags are HMACs, so uniform). For the others one read
of 4 KiB finds the place. It is read, not mapped: a mapped file that is cut ends the process.
"""

import errno
import hashlib
import os
import re
import struct
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger.layout import RUN_FILE, check_magic
from whodid.merkle.batch import sha256_each

HEADER = struct.Struct(">8sQQQ")
_NAME = re.compile(r"\d{16}-\d{16}")
_BITS_EACH = 12
_LEAST_BITS = 12
_SPREAD = (np.uint64(1), np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))
_STRIDE = 512
_DIGEST = 8
Array = np.ndarray
Columns = tuple[Array, Array, Array]
"""Tag high, tag low, content tag: native u64, one of each a row."""


class RunTable(Struct):
    """All of a run in memory. The arrays are native u64."""

    path: Path
    first: int
    end: int
    high: Array
    low: Array
    content: Array


class Filter:
    """Which tags may be in a run, by their first u64: never wrong about absence."""

    def __init__(self, high: Array) -> None:
        size = max((_BITS_EACH * len(high)).bit_length(), _LEAST_BITS)
        self._shift = np.uint64(64 - size)
        flags = np.zeros(1 << size, dtype=np.bool_)
        for factor in _SPREAD:
            flags[high * factor >> self._shift] = True
        self._bits = np.packbits(flags)

    def may_hold(self, high: Array) -> Array:
        """Return the rows of `high` that may be there."""
        rows = np.arange(len(high))
        for factor in _SPREAD:
            at = high[rows] * factor >> self._shift
            mask = np.uint8(0x80) >> (at & np.uint64(7)).astype(np.uint8)
            rows = rows[self._bits[(at >> np.uint64(3)).astype(np.intp)] & mask != 0]
        return rows


class Run:
    """One run, of its bytes in order. Its file stays as it is; it may be unlinked meanwhile.

    What is read later is compared with a digest of then, so that no verdict rests on altered bytes.
    """

    def __init__(self, path: Path, data: bytes) -> None:
        self.path = path
        self.first: int
        self.end: int
        self.count: int
        _, self.first, self.end, self.count = HEADER.unpack_from(data)
        high = np.frombuffer(data, ">u8", self.count, HEADER.size).astype(np.uint64)
        self._filter = Filter(high)
        self._every = high[::_STRIDE].copy()
        self._digests = [
            b"".join(
                digest[:_DIGEST]
                for digest in sha256_each(
                    [data[at : min(at + 8 * _STRIDE, end)] for at in range(first, end, 8 * _STRIDE)]
                )
            )
            for first, end in map(self._span, range(3))
        ]
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        weakref.finalize(self, os.close, self._fd)

    def _span(self, column: int) -> tuple[int, int]:
        """Return where a column begins and ends in the file."""
        first = HEADER.size + 8 * column * self.count
        return first, first + 8 * self.count

    def find(self, high: Array, tags: Sequence[bytes]) -> dict[int, tuple[bytes, ...]]:
        """Return the content tags of the tags that are in it, by row; `high` are their first u64.

        Raises OSError when the file cannot be read, is cut or altered.
        """
        found: dict[int, tuple[bytes, ...]] = {}
        for row in self._filter.may_hold(high).tolist():
            contents = self._contents(high[row], tags[row])
            if contents:
                found[row] = contents
        return found

    def _contents(self, high: np.uint64, tag: bytes) -> tuple[bytes, ...]:
        found: list[bytes] = []
        block = max(int(np.searchsorted(self._every, high)) - 1, 0)
        while block < len(self._every) and self._every[block] <= high:
            words = np.frombuffer(self._block(0, block), dtype=">u8")
            places = np.flatnonzero(words == high).tolist()
            if places:
                lows, contents = self._block(1, block), self._block(2, block)
                cells = [slice(8 * place, 8 * place + 8) for place in places]
                found += [contents[cell] for cell in cells if lows[cell] == tag[8:]]
            block += 1
        return tuple(found)

    def _block(self, column: int, number: int) -> bytes:
        """Return _STRIDE values of a column (fewer at its end)."""
        first, end = self._span(column)
        at = first + 8 * _STRIDE * number
        data = os.pread(self._fd, min(8 * _STRIDE, end - at), at)
        known = self._digests[column][_DIGEST * number : _DIGEST * (number + 1)]
        if hashlib.sha256(data).digest()[:_DIGEST] != known:
            raise OSError(errno.EIO, "cut or altered; start again: it is derived anew", self.path)
        return data


def join_runs(runs: Sequence[Run]) -> Columns:
    """Return the rows of these runs, read from their files, not yet in order.

    Raises IntegrityError or FormatError, naming the file, and OSError.
    """
    count, at = sum(run.count for run in runs), 0
    columns = (np.empty(count, np.uint64), np.empty(count, np.uint64), np.empty(count, np.uint64))
    for run in runs:
        table = read_run(run.path)
        for column, part in zip(columns, (table.high, table.low, table.content), strict=True):
            column[at : at + run.count] = part
        at += run.count
    return columns


def encode_run(first: int, end: int, columns: Columns) -> bytes:
    """Return the bytes of a run of these rows."""
    order = np.lexsort((columns[1], columns[0]))
    pieces = [HEADER.pack(RUN_FILE, first, end, len(order))]
    pieces += [column[order].astype(">u8").tobytes() for column in columns]
    data = b"".join(pieces)
    return data + hashlib.sha256(data).digest()


def read_run_bytes(path: Path) -> bytes:
    """Read and check a run. Raises IntegrityError or FormatError, naming the file, and OSError."""
    data = path.read_bytes()
    check_magic(data, RUN_FILE, path)
    body, digest = memoryview(data)[:-32], data[-32:]
    if len(data) < HEADER.size + 32 or hashlib.sha256(body).digest() != digest:
        raise IntegrityError(f"{path}: the run is altered or cut; delete it, it is derived anew")
    if len(body) != HEADER.size + 24 * HEADER.unpack_from(body)[3]:
        raise IntegrityError(f"{path}: the run has a wrong length; delete it, it is derived anew")
    return data


def read_run(path: Path) -> RunTable:
    """Return what a run holds. Raises IntegrityError or FormatError, naming it, and OSError."""
    data = read_run_bytes(path)
    _, first, end, count = HEADER.unpack_from(data)
    arrays = np.frombuffer(data, ">u8", 3 * count, HEADER.size).astype(np.uint64).reshape(3, -1)
    return RunTable(path, first, end, *arrays)


def run_paths(folder: Path) -> list[Path]:
    """Return the run files, oldest entries first."""
    return sorted(path for path in folder.glob("*-*") if _NAME.fullmatch(path.name))
