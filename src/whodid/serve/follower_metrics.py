"""What the follower tells of itself: how far behind it is, what failed, and where the bytes are."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from whodid.ledger.layout import (
    IDENTITY,
    INDEX,
    KEYS_DB,
    LEAVES,
    PAYLOAD,
    STATE_DB,
    TILES,
    WAL,
)
from whodid.metrics import Metric, counter, gauge

_PARTS = (PAYLOAD, LEAVES, TILES, WAL, IDENTITY, INDEX, KEYS_DB, STATE_DB)
_SIZES_S = 60.0


class FollowerMetrics:
    """One owner: the follower's thread.

    `failures` counts steps that failed and were begun again, `rebuilds` how often the index went
    back behind where it was.
    """

    def __init__(self, directory: Path, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self.failures = self.rebuilds = 0
        self._directory = directory
        self._monotonic_s = monotonic_s
        self._durable = self._sealed = self._indexed = self._segments = 0
        self._level_s = monotonic_s()
        self._goal = 0
        self._sizes: dict[str, int] = {}
        self._sized_s = -_SIZES_S

    def stands(self, *, durable: int, sealed: int, indexed: int, segments: int) -> None:
        """Take note of where everything is."""
        self.rebuilds += indexed < self._indexed  # something was damaged, and is made again
        self._durable, self._sealed = durable, sealed
        self._indexed, self._segments = indexed, segments
        if indexed >= self._goal:  # what was durable when this began is indexed
            self._level_s = self._monotonic_s()
            self._goal = durable

    def metrics(self) -> list[Metric]:
        """Return everything."""
        now = self._monotonic_s()
        if now - self._sized_s >= _SIZES_S:
            self._sized_s = now
            self._sizes = {part: size_of(self._directory / part) for part in _PARTS}
        behind = max(self._durable - self._indexed, 0)
        return [
            gauge("whodid_seal_lag_entries", "Durable, not yet in sealed files.",
                max(self._durable - self._sealed, 0)),
            gauge("whodid_index_lag_seconds", "For so long something waits to be indexed.",
                now - self._level_s if behind else 0),
            gauge("whodid_index_segments", "Files of the index.", self._segments),
            counter("whodid_follower_failures_total",
                "Steps of the follower that failed and were begun again.", self.failures),
            counter("whodid_index_rebuilds_total",
                "How often a part of the index was dropped and made again.", self.rebuilds),
            Metric("whodid_ledger_bytes", "gauge", "Size of the ledger by part.",
                [({"part": part}, size) for part, size in self._sizes.items()]),
        ]  # fmt: skip


def size_of(path: Path) -> int:
    """Return the bytes of a file or of all files in a folder; 0 for what is not there."""
    total = 0
    try:
        if not path.is_dir():
            return path.stat().st_size
        with os.scandir(path) as found:
            for entry in found:
                total += (
                    size_of(Path(entry.path))
                    if entry.is_dir(follow_symlinks=False)
                    else entry.stat(follow_symlinks=False).st_size
                )
    except OSError:  # removed meanwhile
        return total
    return total
