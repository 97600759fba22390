"""The dedup table: identity tag → content tags seen under it. Derived from leaves and blocks.

Newest entries are a dict in memory; older ones are sorted runs in `identity/` (`identity_run`),
merged by size while they have no more than MERGED_ROWS, so that what a merge takes is bounded.

A content tag of zero means erased: any redelivery is then a duplicate.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from whodid.errors import IntegrityError, WhodidError
from whodid.ledger.identity_run import (
    Columns,
    Run,
    encode_run,
    join_runs,
    read_run_bytes,
    run_paths,
)
from whodid.ledger.layout import IDENTITY
from whodid.ledger.sequenced import CONFLICT, DUPLICATE
from whodid.storage.posix import PosixDisk

_log = logging.getLogger("whodid.sequencer")
RUN_ROWS = 1 << 18
MERGED_ROWS = 1 << 19
_MERGE_FANIN = 4
_ERASED = bytes(8)


class IdentityTable:
    """Decides accepted, duplicate or conflict. One owner: the sequencer.

    Invariants: entries [0, covered) are in runs; [covered, …) in the dict. `stage` changes
    nothing; only `keep` does, so that a batch that failed to become durable leaves no trace.
    """

    def __init__(self, directory: Path, disk: PosixDisk) -> None:
        self._folder = directory / IDENTITY
        self._disk = disk
        self._fresh: dict[bytes, tuple[bytes, ...]] = {}
        self._fresh_end = 0
        self._flush_rows = RUN_ROWS
        self.runs = _load_runs(self._folder)

    @property
    def covered(self) -> int:
        """Index up to which the runs on disk hold every entry."""
        return self.runs[-1].end if self.runs else 0

    def stage(
        self,
        tags: list[bytes],
        contents: list[bytes],
        has_identity: list[bool],
        below: dict[bytes, tuple[bytes, ...]],
        staged: dict[bytes, tuple[bytes, ...]],
    ) -> bytes:
        """Return one verdict a row; what is new goes into `staged`, which later rows see.

        `below` is what earlier batches of the same fsync staged. Raises OSError when a run cannot
        be read whole.
        """
        older = self._in_runs(tags) if self.runs else {}
        fresh = self._fresh
        if not older and all(has_identity) and _all_new(tags, (staged, below, fresh)):
            staged.update(zip(tags, zip(contents, strict=True), strict=True))
            return bytes(len(tags))
        verdicts = bytearray(len(tags))
        for i, tag in enumerate(tags):
            if not has_identity[i]:
                continue
            content = contents[i]
            known = staged.get(tag) or below.get(tag)
            if known is None:
                # Both: what is read back from the write-ahead log knows nothing of the runs.
                known = fresh.get(tag, ()) + older.get(i, ())
            if not known:
                staged[tag] = (content,)
            elif content in known or _ERASED in known:
                verdicts[i] = DUPLICATE
            else:
                verdicts[i] = CONFLICT
                staged[tag] = (*known, content)
        return bytes(verdicts)

    def keep(self, staged: dict[bytes, tuple[bytes, ...]], end: int) -> None:
        """Take over what was staged; entries up to `end` are now known."""
        self._fresh.update(staged)
        self._fresh_end = end

    def keep_more(self, found: dict[bytes, tuple[bytes, ...]], end: int) -> None:
        """Take over what was read back from the write-ahead log after a start."""
        for tag, contents in found.items():
            old = self._fresh.get(tag, ())
            self._fresh[tag] = old + tuple(item for item in contents if item not in old)
        self._fresh_end = max(self._fresh_end, end)

    def _in_runs(self, tags: list[bytes]) -> dict[int, tuple[bytes, ...]]:
        words = np.frombuffer(b"".join(tags), dtype=">u8").reshape(-1, 2)
        high = words[:, 0].astype(np.uint64)
        found: dict[int, tuple[bytes, ...]] = {}
        for run in self.runs:
            for row, contents in run.find(high, tags).items():
                found[row] = found.get(row, ()) + contents
        return found

    # --- runs ------------------------------------------------------------------------------------

    def flush_if_large(self) -> None:
        """Move the dict to a run once it is large.

        It can wait: while the disk refuses, the dict grows on, and this is tried less often.
        """
        if len(self._fresh) < self._flush_rows:
            return
        try:
            self.flush()
            self._flush_rows = RUN_ROWS
        except OSError:
            self._flush_rows = len(self._fresh) + RUN_ROWS // 4

    def flush(self) -> None:
        """Write the dict as a run, durably, and merge runs of like size. Raises OSError."""
        if self._fresh_end > self.covered:
            pairs = ((tag, content) for tag, known in self._fresh.items() for content in known)
            self.add_run(self.covered, self._fresh_end, pairs)
            self._fresh = {}
        self._merge_alike()

    def add_run(self, first: int, end: int, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """Write a run of (identity tag, content tag) pairs that covers [first, end)."""
        raw = b"".join(tag + content for tag, content in pairs)
        table = np.frombuffer(raw, dtype=">u8").reshape(-1, 3).astype(np.uint64)
        columns = table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy()
        self.runs.append(self._write(first, end, columns))

    def _merge_alike(self) -> None:
        try:
            while len(self.runs) >= _MERGE_FANIN and self._alike(self.runs[-_MERGE_FANIN:]):
                self._merge(self.runs[-_MERGE_FANIN:])
        except WhodidError as error:  # the log goes on; the next start derives what is behind it
            _log.warning("the runs of the dedup table are not merged: %s", error)

    @staticmethod
    def _alike(runs: list[Run]) -> bool:
        counts: list[int] = [run.count for run in runs]
        return max(counts) <= MERGED_ROWS and counts[0] <= _MERGE_FANIN * max(counts[-1], 1)

    def _merge(self, runs: list[Run]) -> None:
        merged = self._write(runs[0].first, runs[-1].end, join_runs(runs))
        self.runs[-len(runs) :] = [merged]
        for run in runs:
            if run.path != merged.path:
                run.path.unlink(missing_ok=True)

    def _write(self, first: int, end: int, columns: Columns) -> Run:
        data = encode_run(first, end, columns)
        path = self._folder / f"{first:016d}-{end:016d}"
        self._disk.create(path, data)
        return Run(path, data)

    def forget(self) -> None:
        """Drop everything, to be derived anew."""
        for run in self.runs:
            run.path.unlink(missing_ok=True)
        self.runs, self._fresh, self._fresh_end = [], {}, 0


def _all_new(tags: list[bytes], known: tuple[dict[bytes, tuple[bytes, ...]], ...]) -> bool:
    """Tell whether none of these stands in `known`, nor twice: the usual batch."""
    return len(set(tags)) == len(tags) and all(table.keys().isdisjoint(tags) for table in known)


def _load_runs(folder: Path) -> list[Run]:
    """Return the runs that cover a prefix of the log; every other file in the folder is removed.

    A crash between writing a merged run and removing its parts leaves both; the widest wins. What
    is behind a missing or broken run is derived again, so that no gap outlives one start.
    """
    runs: list[Run] = []
    for path in sorted(run_paths(folder), key=lambda p: (p.name[:16], -int(p.name[17:]))):
        try:
            run = Run(path, read_run_bytes(path))
        except (IntegrityError, OSError):
            run = None
        if run is not None and run.first == (runs[-1].end if runs else 0):
            runs.append(run)
        else:
            path.unlink(missing_ok=True)
    for path in folder.glob("*.tmp"):
        path.unlink(missing_ok=True)
    return runs
