"""Step 7 of `verify`: exactly once, over the whole log.

1. A commitment stands once: its seed is random, so a second one is a replayed record.
2. An identity tag stands once among the entries that are no conflicts.
3. A conflict, and what was dropped as a duplicate, has an entry with its tag.
4. The runs in `identity/` hold the tags of the entries that they cover, and no others.

It keeps 64 bits of each tag and commitment, 16 bytes a leaf; two that agree are compared in full.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from msgspec import Struct

from whodid.errors import WhodidError
from whodid.ledger.identity_run import read_run, run_paths
from whodid.ledger.layout import IDENTITY
from whodid.ledger.verification.leaves import Part
from whodid.ledger.verification.verdict import Findings
from whodid.limits import VERIFY_PART_FAULTS_MAX

Array = np.ndarray
_TRIES = 5
LeafAt = Callable[[int], bytes]
"""Log index → identity tag (16 bytes) and commitment (32) of that leaf."""

_TAG = slice(16)
_COMMITMENT = slice(16, 48)


class RunTags(Struct, frozen=True):
    """What a run file says: it covers [first, end) and holds these tags (their first 64 bits)."""

    where: str
    first: int
    end: int
    tags: Array


def read_runs(directory: Path, findings: Findings) -> list[RunTags]:
    """Read the runs (4); before the log is, so that none can be ahead of it."""
    faults: list[tuple[str, str]] = []
    runs: list[RunTags] = []
    for _ in range(_TRIES):
        runs, faults = [], []
        for path in run_paths(directory / IDENTITY):
            where = f"{IDENTITY}/{path.name}"
            try:
                run = read_run(path)
            except FileNotFoundError:  # merged meanwhile
                break
            except (WhodidError, OSError) as error:
                faults.append((where, str(error)))
                continue
            if path.name != f"{run.first:016d}-{run.end:016d}":
                faults.append((where, "covers other entries than its name says"))
            runs.append(RunTags(where, run.first, run.end, run.high))
        else:
            break
    for where, problem in faults:
        findings.fault(where, None, problem)
    for path in sorted((directory / IDENTITY).glob("*.tmp")):
        findings.warn(f"{IDENTITY}/{path.name}: a crash left it")
    return runs


class Identities:
    """Collects the words of all parts, in log order, then checks them."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._identities: list[Array] = []
        self._commitments: list[Array] = []
        self._conflicts: list[tuple[str, Array, Array]] = []
        self._dropped: list[tuple[str, int, Array]] = []
        self._wheres: list[tuple[int, str]] = []
        self._holes = False
        self.end = 0

    def add(self, part: Part) -> None:
        """Take the next part."""
        if len(part.dropped):
            self._dropped.append((part.where, part.first, part.dropped))
        if part.end <= part.first:
            return
        if part.first != self.end:  # leaves are missing: keep the places of those behind
            self._holes = True
            gap = np.zeros(max(part.first - self.end, 0), dtype=np.uint64)
            self._identities.append(gap)
            self._commitments.append(gap)
        if part.broken:
            self._holes = True
            empty = np.zeros(part.end - part.first, dtype=np.uint64)
            part.identities = part.commitments = empty
        self._identities.append(part.identities)
        self._commitments.append(part.commitments)
        self._wheres.append((part.first, part.where))
        if len(part.conflicts):
            self._conflicts.append((part.where, part.conflict_indexes, part.conflicts))
        self.end = part.end

    def check(self, runs: list[RunTags], leaf_at: LeafAt) -> None:
        """Check them all (1 to 4). Entries that could not be read hide what needs them."""
        self._doubles(
            np.concatenate(self._commitments or [np.zeros(0, dtype=np.uint64)]),
            _COMMITMENT, leaf_at,
            "the same commitment as entry {}: its record was replayed",
        )  # fmt: skip
        self._commitments.clear()
        tags = np.concatenate(self._identities or [np.zeros(0, dtype=np.uint64)])
        self._identities.clear()
        self._doubles(
            tags, _TAG, leaf_at, "the same identity as entry {} and no conflict: it counts twice"
        )
        if self._holes:
            return
        known = np.sort(tags)
        self._originals(known)
        self._runs(runs, known, tags)

    def _doubles(self, values: Array, field: slice, leaf_at: LeafAt, problem: str) -> None:
        ordered = np.sort(values)
        equal = (ordered[1:] == ordered[:-1]) & (ordered[1:] != 0)
        if not equal.any():
            return
        suspects = np.unique(ordered[1:][equal])[:VERIFY_PART_FAULTS_MAX]
        for value in suspects:
            seen: dict[bytes, int] = {}
            for index in np.nonzero(values == value)[0][:VERIFY_PART_FAULTS_MAX].tolist():
                full = leaf_at(index)[field]
                if full in seen:
                    text = problem.format(seen[full])
                    self._findings.fault(self._where(index), index, f"has {text}")
                seen.setdefault(full, index)

    def _where(self, index: int) -> str:
        found = ""
        for first, where in self._wheres:
            if first > index:
                break
            found = where
        return found

    def _originals(self, known: Array) -> None:
        for where, indexes, tags in self._conflicts:
            for row in np.nonzero(~_in(tags, known))[0][:VERIFY_PART_FAULTS_MAX].tolist():
                problem = "flagged as a conflict, but no other entry has its identity"
                self._findings.fault(where, int(indexes[row]), problem)
        for where, first, tags in self._dropped:
            lost = int((~_in(tags, known)).sum())
            if lost:
                problem = f"{lost} rows were dropped as duplicates, but no entry has their identity"
                self._findings.fault(where, first, problem)

    def _runs(self, runs: list[RunTags], known: Array, tags: Array) -> None:
        covered = 0
        for run in runs:
            strange = int((~_in(run.tags, known)).sum())
            if strange:
                problem = f"{strange} identities that no entry has"
                self._findings.fault(run.where, run.first, problem)
            if run.end > self.end:
                problem = f"covers entries up to {run.end}, the log ends at {self.end}: was it cut?"
                self._findings.fault(run.where, self.end, problem)
            if run.first <= covered:
                covered = max(covered, run.end)
        if not runs or covered > self.end:
            return
        held = np.sort(np.concatenate([run.tags for run in runs]))
        wanted = tags[:covered]
        lost = ~_in(wanted, held) & (wanted != 0)
        if lost.any():
            problem = f"{int(lost.sum())} identities of entries are not in the runs that cover them"
            self._findings.fault(IDENTITY, int(lost.argmax()), problem)


def _in(values: Array, ordered: Array) -> Array:
    """Tell which values are in a sorted array."""
    if not len(ordered):
        return np.zeros(len(values), dtype=bool)
    at = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    found: Array = ordered[at] == values
    return found
