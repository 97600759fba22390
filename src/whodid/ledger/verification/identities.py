"""Step 7 of `verify`: exactly once, over the whole log.

1. A commitment stands once: its seed is random, so a second one is a replayed record.
2. An identity tag stands once among the entries that are no conflicts.
3. A conflict, and what was dropped as a duplicate, has an entry with its tag.
4. The runs in `identity/` hold the tags of the entries that they cover, and no others.

It keeps 64 bits of each tag and commitment, 16 bytes a leaf, on disk once there are many
(`kept_words`); two that agree are compared in full.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from msgspec import Struct

from whodid.errors import WhodidError
from whodid.ledger.identity_run import read_run, run_paths
from whodid.ledger.layout import IDENTITY
from whodid.ledger.verification.kept_words import KeptWords, in_share, share_bits
from whodid.ledger.verification.leaves import Part
from whodid.ledger.verification.verdict import Findings
from whodid.limits import VERIFY_PART_FAULTS_MAX

Array = np.ndarray
_TRIES = 5
_GAP = 1 << 20
LeafAt = Callable[[int], bytes]
"""Log index → identity tag (16 bytes) and commitment (32) of that leaf."""

_TAG = slice(16)
_COMMITMENT = slice(16, 48)


class RunTags(Struct, frozen=True):
    """What a run file says: it covers [first, end).

    Of the tags that it holds the first 64 bits are `count` of `words`, which all runs share, from
    `at` on.
    """

    where: str
    first: int
    end: int
    words: KeptWords
    at: int
    count: int

    def share(self, number: int, bits: int) -> Array:
        """Return the words with these highest bits."""
        return self.words.share(number, bits, self.at, self.at + self.count)


def read_runs(directory: Path, findings: Findings) -> list[RunTags]:
    """Read the runs (4); before the log is, so that none can be ahead of it."""
    faults: list[tuple[str, str]] = []
    runs: list[RunTags] = []
    for _ in range(_TRIES):
        runs, faults = [], []
        words = KeptWords()
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
            runs.append(RunTags(where, run.first, run.end, words, words.count, len(run.high)))
            words.append(run.high)
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
        self._identities = KeptWords()
        self._commitments = KeptWords()
        self._conflicts: list[tuple[str, Array, Array]] = []
        self._dropped: list[tuple[str, int, Array]] = []
        self._wheres: list[tuple[int, str]] = []
        self._holes = False
        self.end = 0

    def add(self, part: Part) -> None:
        """Take the next part. Raises LedgerError when there is no room to keep its words."""
        if len(part.dropped):
            self._dropped.append((part.where, part.first, part.dropped))
        if part.end <= part.first:
            return
        if part.first != self.end:  # leaves are missing: keep the places of those behind
            self._holes = True
            for at in range(self.end, part.first, _GAP):
                gap = np.zeros(min(_GAP, part.first - at), dtype=np.uint64)
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
        bits = share_bits(self._commitments.count)
        self._doubles(
            self._commitments, bits, _COMMITMENT, leaf_at,
            "the same commitment as entry {}: its record was replayed",
        )  # fmt: skip
        self._doubles(
            self._identities, bits, _TAG, leaf_at,
            "the same identity as entry {} and no conflict: it counts twice",
        )  # fmt: skip
        if self._holes:
            return
        covered = self._covered(runs)
        seen = _Seen(self._conflicts, self._dropped, runs)
        for number in range(1 << bits):
            tags = self._identities.share(number, bits, 0, covered)
            seen.add(number, bits, np.sort(self._identities.share(number, bits)), tags)
        self._originals(seen)
        self._runs(seen, runs, covered)

    def _doubles(
        self, words: KeptWords, bits: int, field: slice, leaf_at: LeafAt, problem: str
    ) -> None:
        suspects: list[int] = []
        for number in range(1 << bits):
            ordered = np.sort(words.share(number, bits))
            equal = (ordered[1:] == ordered[:-1]) & (ordered[1:] != 0)
            suspects += np.unique(ordered[1:][equal])[:VERIFY_PART_FAULTS_MAX].tolist()
        if not suspects:
            return
        few = np.array(sorted(suspects)[:VERIFY_PART_FAULTS_MAX], dtype=np.uint64)
        for indexes in words.places(few).values():
            seen: dict[bytes, int] = {}
            for index in indexes[:VERIFY_PART_FAULTS_MAX]:
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

    def _originals(self, seen: "_Seen") -> None:
        for (where, indexes, _), rows in zip(self._conflicts, seen.alone, strict=True):
            for row in sorted(rows)[:VERIFY_PART_FAULTS_MAX]:
                problem = "flagged as a conflict, but no other entry has its identity"
                self._findings.fault(where, int(indexes[row]), problem)
        for (where, first, _), lost in zip(self._dropped, seen.dropped, strict=True):
            if lost:
                problem = f"{lost} rows were dropped as duplicates, but no entry has their identity"
                self._findings.fault(where, first, problem)

    def _covered(self, runs: list[RunTags]) -> int:
        """Return up to which entry the runs follow each other from the first one on."""
        covered = 0
        for run in runs:
            if run.first <= covered:
                covered = max(covered, run.end)
        return covered

    def _runs(self, seen: "_Seen", runs: list[RunTags], covered: int) -> None:
        for run, strange in zip(runs, seen.strange, strict=True):
            if strange:
                problem = f"{strange} identities that no entry has"
                self._findings.fault(run.where, run.first, problem)
            if run.end > self.end:
                problem = f"covers entries up to {run.end}, the log ends at {self.end}: was it cut?"
                self._findings.fault(run.where, self.end, problem)
        if not runs or covered > self.end or not seen.lost:
            return
        places = self._identities.places(np.array(seen.some_lost, dtype=np.uint64))
        first = min(min(indexes) for indexes in places.values())
        problem = f"{seen.lost} identities of entries are not in the runs that cover them"
        self._findings.fault(IDENTITY, first, problem)


class _Seen:
    """What is missing where, summed over the shares of the words."""

    def __init__(
        self,
        conflicts: list[tuple[str, Array, Array]],
        dropped: list[tuple[str, int, Array]],
        runs: list[RunTags],
    ) -> None:
        self._of_conflicts = [tags for _, _, tags in conflicts]
        self._of_dropped = [tags for _, _, tags in dropped]
        self._of_runs = runs
        self.alone: list[list[int]] = [[] for _ in conflicts]
        """Rows of each conflict that no other entry has the identity of."""
        self.dropped = [0] * len(dropped)
        self.strange = [0] * len(runs)
        self.lost = 0
        self.some_lost: list[int] = []

    def add(self, number: int, bits: int, known: Array, wanted: Array) -> None:
        """Take a share: the identities of all entries, sorted, and of those that runs cover."""
        for rows, tags in zip(self.alone, self._of_conflicts, strict=True):
            rows.extend(np.flatnonzero(in_share(tags, number, bits) & ~_in(tags, known)).tolist())
        for at, tags in enumerate(self._of_dropped):
            self.dropped[at] += int((in_share(tags, number, bits) & ~_in(tags, known)).sum())
        held = [run.share(number, bits) for run in self._of_runs]
        for at, tags in enumerate(held):
            self.strange[at] += int((~_in(tags, known)).sum())
        if held:
            lost = wanted[~_in(wanted, np.sort(np.concatenate(held))) & (wanted != 0)]
            self.lost += len(lost)
            self.some_lost = sorted([*self.some_lost, *lost.tolist()])[:VERIFY_PART_FAULTS_MAX]


def _in(values: Array, ordered: Array) -> Array:
    """Tell which values are in a sorted array."""
    if not len(ordered):
        return np.zeros(len(values), dtype=bool)
    at = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    found: Array = ordered[at] == values
    return found
