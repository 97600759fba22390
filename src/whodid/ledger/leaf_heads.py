"""What a search needs of leaves: type, flags and time, of all leaves of a file in little memory.

Most neighbours have the same (a batch is appended at one time), so runs of equal ones are kept.
"""

from array import array
from bisect import bisect_right

import numpy as np
from msgspec import Struct

Array = np.ndarray


class LeafHead(Struct, frozen=True):
    """Of a leaf: `LeafType`, `LeafFlag`s, when the sequencer appended it (µs)."""

    type: int
    flags: int
    appended_us: int


class LeafHeads(Struct, frozen=True):
    """The heads of the leaves of a file, by run; `starts` are the rows where one begins."""

    starts: "array[int]"
    types: bytes
    flags: "array[int]"
    times_us: "array[int]"

    @property
    def size_bytes(self) -> int:
        """About what it holds in memory."""
        return 512 + 15 * len(self.starts)

    def at(self, row: int) -> LeafHead:
        """Return the head of a row of the file."""
        run = bisect_right(self.starts, row) - 1
        return LeafHead(self.types[run], self.flags[run], self.times_us[run])


def heads_of(types: Array, flags: Array, times_us: Array) -> LeafHeads:
    """Return the heads of leaves of these types (u8), flags (u16) and times (u64), row by row."""
    begins = np.zeros(len(types), dtype=np.bool_)
    begins[:1] = True
    for column in (types, flags, times_us):
        begins[1:] |= column[1:] != column[:-1]
    rows = np.flatnonzero(begins)
    return LeafHeads(
        array("I", rows.astype(np.uintc).tobytes()),
        types[rows].tobytes(),
        array("H", flags[rows].astype(np.ushort).tobytes()),
        array("Q", times_us[rows].astype(np.ulonglong).tobytes()),
    )
