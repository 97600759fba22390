"""The dedup table: identity tag → content tags seen under it. Derived from leaves and blocks.

Newest entries are a dict in memory; older ones are sorted runs in `identity/`, merged by size.
Run file: magic 8B · u64 first · u64 end · u64 count · arrays of big-endian u64, sorted by the
first two: tag high, tag low, content tag · SHA-256 of all before. It covers [first, end).

A content tag of zero means erased: any redelivery is then a duplicate.
"""

import hashlib
import re
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from msgspec import Struct

from whodid.errors import IntegrityError
from whodid.ledger.layout import IDENTITY, RUN_FILE, check_magic
from whodid.ledger.sequenced import CONFLICT, DUPLICATE
from whodid.storage.posix import PosixDisk

RUN_ROWS = 1 << 18
_MERGE_FANIN = 4
_HEADER = struct.Struct(">8sQQQ")
_ERASED = bytes(8)
_NAME = re.compile(r"\d{16}-\d{16}")
Array = np.ndarray


class Run(Struct):
    """One sorted run. The arrays are native u64."""

    path: Path
    first: int
    end: int
    high: Array
    low: Array
    content: Array


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

        `below` is what earlier batches of the same fsync staged.
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
        keys = np.frombuffer(b"".join(tags), dtype=">u8").reshape(-1, 2).astype(np.uint64)
        found: dict[int, tuple[bytes, ...]] = {}
        for run in self.runs:
            if not len(run.high):
                continue
            at = np.searchsorted(run.high, keys[:, 0])
            near = np.minimum(at, len(run.high) - 1)
            for row in np.nonzero(run.high[near] == keys[:, 0])[0].tolist():
                contents = _contents(run, int(at[row]), int(keys[row, 0]), int(keys[row, 1]))
                if contents:
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
        self.runs.append(self._write(first, end, table))

    def _merge_alike(self) -> None:
        while len(self.runs) >= _MERGE_FANIN and self._alike(self.runs[-_MERGE_FANIN:]):
            self._merge(self.runs[-_MERGE_FANIN:])

    @staticmethod
    def _alike(runs: list[Run]) -> bool:
        return len(runs[0].high) <= _MERGE_FANIN * max(len(runs[-1].high), 1)

    def _merge(self, runs: list[Run]) -> None:
        table = np.concatenate([np.stack([r.high, r.low, r.content], axis=1) for r in runs])
        merged = self._write(runs[0].first, runs[-1].end, table)
        self.runs[-len(runs) :] = [merged]
        for run in runs:
            if run.path != merged.path:
                run.path.unlink(missing_ok=True)

    def _write(self, first: int, end: int, table: Array) -> Run:
        table = table[np.lexsort((table[:, 1], table[:, 0]))]
        columns = [np.ascontiguousarray(table[:, i]) for i in range(3)]
        header = _HEADER.pack(RUN_FILE, first, end, len(table))
        data = b"".join([header, *(column.astype(">u8").tobytes() for column in columns)])
        path = self._folder / f"{first:016d}-{end:016d}"
        self._disk.create(path, data + hashlib.sha256(data).digest())
        return Run(path, first, end, *columns)

    def forget(self) -> None:
        """Drop everything, to be derived anew."""
        for run in self.runs:
            run.path.unlink(missing_ok=True)
        self.runs, self._fresh, self._fresh_end = [], {}, 0


def _all_new(tags: list[bytes], known: tuple[dict[bytes, tuple[bytes, ...]], ...]) -> bool:
    """Tell whether none of these stands in `known`, nor twice: the usual batch."""
    return len(set(tags)) == len(tags) and all(table.keys().isdisjoint(tags) for table in known)


def _contents(run: Run, at: int, high: int, low: int) -> tuple[bytes, ...]:
    found = []
    while at < len(run.high) and int(run.high[at]) == high:
        if int(run.low[at]) == low:
            found.append(int(run.content[at]).to_bytes(8, "big"))
        at += 1
    return tuple(found)


def read_run(path: Path) -> Run:
    """Read and check a run. Raises IntegrityError or FormatError, naming the file."""
    data = path.read_bytes()
    check_magic(data, RUN_FILE, path)
    body, digest = data[:-32], data[-32:]
    if len(data) < _HEADER.size + 32 or hashlib.sha256(body).digest() != digest:
        raise IntegrityError(f"{path}: the run is altered or cut; delete it, it is derived anew")
    _, first, end, count = _HEADER.unpack_from(body)
    if len(body) != _HEADER.size + 24 * count:
        raise IntegrityError(f"{path}: the run has a wrong length; delete it, it is derived anew")
    arrays = np.frombuffer(body, dtype=">u8", offset=_HEADER.size).astype(np.uint64)
    return Run(path, first, end, *(arrays[i * count : (i + 1) * count] for i in range(3)))


def run_paths(folder: Path) -> list[Path]:
    """Return the run files, oldest entries first."""
    return sorted(path for path in folder.glob("*-*") if _NAME.fullmatch(path.name))


def _load_runs(folder: Path) -> list[Run]:
    """Return the runs that cover a prefix of the log; every other file in the folder is removed.

    A crash between writing a merged run and removing its parts leaves both; the widest wins. What
    is behind a missing or broken run is derived again, so that no gap outlives one start.
    """
    runs: list[Run] = []
    for path in sorted(run_paths(folder), key=lambda p: (p.name[:16], -int(p.name[17:]))):
        try:
            run = read_run(path)
        except (IntegrityError, OSError):
            run = None
        if run is not None and run.first == (runs[-1].end if runs else 0):
            runs.append(run)
        else:
            path.unlink(missing_ok=True)
    for path in folder.glob("*.tmp"):
        path.unlink(missing_ok=True)
    return runs
