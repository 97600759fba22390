"""A table: the columns of consecutive entries. In memory here; `segment` is the one on disk.

What each array holds is said in `columns`.
"""

from collections.abc import Callable, Hashable
from typing import Protocol

import numpy as np
from msgspec import Struct

from whodid.index.dictionary import Sought, split_texts, texts_at
from whodid.index.signature import NAMES, blocks_of
from whodid.query.own import OWN_SOURCE

Array = np.ndarray
SHARED = frozenset(NAMES)
"""Arrays that are not one value an entry, beside dictionaries."""


class SourceCount(Struct, frozen=True):
    """What is known of a declared source: its events, its newest event time and receipt (µs)."""

    events: int
    newest_us: int
    received_us: int

    def plus(self, other: "SourceCount") -> "SourceCount":
        """Return both together."""
        return SourceCount(
            self.events + other.events,
            max(self.newest_us, other.newest_us),
            max(self.received_us, other.received_us),
        )


class Summary(Struct, frozen=True):
    """What decides without opening a column. Times and ids cover the live rows.

    `unreadable` counts events whose content is erased or damaged; `own` those whodid wrote.
    With no live row `at_min` is greater than `at_max`. `id_min` and `id_max` are the greatest and
    least first eight bytes of ids, None when some id is no UUID.
    """

    events: int
    own: int
    unreadable: int
    at_min: int
    at_max: int
    id_min: int | None
    id_max: int | None
    sources: dict[str, SourceCount]


class Table(Protocol):
    """Columns of entries [first, first+count)."""

    @property
    def first(self) -> int:
        """Index of the first entry."""

    @property
    def count(self) -> int:
        """Number of entries."""

    @property
    def summary(self) -> Summary:
        """What decides without opening a column."""

    def array(self, name: str) -> Array | None:
        """Return an array of `columns`, None when the table has none of this name."""

    def once(self, name: str) -> Array | None:
        """Return an array as `array` does, for one who will not ask for it again."""

    def blocks(self, name: str, number: int) -> Array | None:
        """Return which of the 256 blocks (`signature`) may have this number, None for not known.

        `name` is `words` or `hexes`.
        """

    def at_hand(self, name: str) -> bool:
        """Tell whether an array is in memory."""

    def texts(self, column: str, numbers: Array) -> list[bytes]:
        """Return the texts of a column's dictionary with these numbers; cheap for few."""

    def listed(self, column: str, value: str) -> Array | None:
        """Return the rows that may have a value in a column, case apart, when they are few.

        None when many may, or nothing is known without a look at the column.
        """

    def matching(self, column: str, sought: Sought) -> Array | None:
        """Return the numbers (u32) of the texts of a column's dictionary that satisfy a pattern.

        None when the dictionary is to be asked for itself.
        """

    def is_numbered(self, column: str) -> bool:
        """Tell whether `matching` answers without a look at the dictionary."""

    def kept(self, key: Hashable, make: Callable[[], Array]) -> Array:
        """Return what was made for this key before, or make it."""


class MemoryTable:
    """A table in memory. Its arrays are never changed."""

    __slots__ = ("arrays", "count", "first", "summary")

    def __init__(
        self, first: int, arrays: dict[str, Array], summary: Summary | None = None
    ) -> None:
        self.first = first
        self.arrays = arrays
        self.count = len(arrays["at"])
        self.summary = summary or summarize(arrays)

    @property
    def end(self) -> int:
        """Index behind the last entry."""
        return self.first + self.count

    def array(self, name: str) -> Array | None:
        """Return an array, None when there is none of this name."""
        return self.arrays.get(name)

    def once(self, name: str) -> Array | None:
        """Return an array, None when there is none of this name."""
        return self.arrays.get(name)

    def blocks(self, name: str, number: int) -> Array | None:
        """Return which blocks may have this number (see `Table`)."""
        stored = self.arrays.get(name)
        return None if stored is None else blocks_of(stored, number)

    def at_hand(self, name: str) -> bool:
        """Tell whether there is such an array."""
        return name in self.arrays

    def texts(self, column: str, numbers: Array) -> list[bytes]:
        """Return the texts of a column's dictionary with these numbers."""
        return list(texts_at(self.arrays[f"{column}@"], self.arrays[f"{column}$"], numbers))

    def listed(self, column: str, value: str) -> Array | None:  # noqa: ARG002
        """Say nothing: the columns are at hand."""
        return None

    def matching(self, column: str, sought: Sought) -> Array | None:  # noqa: ARG002
        """Say nothing: tables in memory are short."""
        return None

    def is_numbered(self, column: str) -> bool:  # noqa: ARG002
        """Tell that it is not."""
        return False

    def kept(self, key: Hashable, make: Callable[[], Array]) -> Array:  # noqa: ARG002
        """Make it: tables in memory are short or short-lived."""
        return make()

    def part(self, first: int, end: int) -> "MemoryTable":
        """Return entries [first, end) of this table, which share its dictionaries."""
        if (first, end) == (self.first, self.end):
            return self
        rows = slice(first - self.first, end - self.first)
        shared = {
            name: array if name in SHARED or name[-1] in "@$<>" else array[rows]
            for name, array in self.arrays.items()
        }
        return MemoryTable(first, shared)


def summarize(arrays: dict[str, Array]) -> Summary:
    """Return the summary of these columns."""
    live = arrays["live"]
    at, received = arrays["at"][live], arrays["received"][live]
    unreadable = int(np.count_nonzero((arrays["type"] == 1) & ~live))
    sources = _sources(arrays, live, at, received)
    high = arrays["id.high"][live] if "id.high" in arrays else None
    own = sources.get(OWN_SOURCE)
    return Summary(
        len(at),
        own.events if own else 0,
        unreadable,
        int(at.min()) if len(at) else 0,
        int(at.max()) if len(at) else -1,
        int(high.min()) if high is not None and len(high) else None,
        int(high.max()) if high is not None and len(high) else None,
        sources,
    )


def _sources(
    arrays: dict[str, Array], live: Array, at: Array, received: Array
) -> dict[str, SourceCount]:
    if "source" not in arrays or not len(at):
        return {}
    codes = arrays["source"][live].astype(np.int64)
    names = split_texts(arrays["source@"], arrays["source$"])
    counts = np.bincount(codes, minlength=len(names) + 1)
    newest = np.full(len(names) + 1, np.iinfo(np.int64).min)
    last = newest.copy()
    np.maximum.at(newest, codes, at)
    np.maximum.at(last, codes, received)
    found: dict[str, SourceCount] = {}
    for code in np.flatnonzero(counts[1:]).tolist():
        name = names[code].decode("utf-8", "replace")
        item = SourceCount(int(counts[code + 1]), int(newest[code + 1]), int(last[code + 1]))
        found[name] = found[name].plus(item) if name in found else item
    return found


def narrow(codes: Array) -> Array:
    """Return codes in the smallest unsigned type that holds them."""
    most = int(codes.max()) if len(codes) else 0
    return codes.astype(np.uint8 if most < 1 << 8 else np.uint16 if most < 1 << 16 else np.uint32)
