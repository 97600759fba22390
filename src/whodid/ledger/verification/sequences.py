"""Step 8 of `verify`: the numbers that senders or formats give their records, per source.

A gap is a finding of coverage, not of tampering: the record may never have come here. So this
makes warnings, never faults. Conflicts and numbers that the ledger assigned are left out.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from whodid.ledger.leaf import SEQ_MASK, LeafFlag, LeafType
from whodid.limits import VERIFY_SEQUENCES_MAX

Array = np.ndarray
Range = tuple[int, int]
"""(least, greatest) of numbers without a gap."""


class SequenceRun(NamedTuple):
    """The numbers of one (source, epoch) in one run of leaves."""

    source_id: bytes
    epoch: int
    first: int
    last: int
    back: int
    repeated: int
    ranges: tuple[Range, ...]


def sequence_runs(table: Array) -> list[SequenceRun]:
    """Return the sequences of leaves (LEAF_DTYPE), in log order."""
    flags = table["flags"]
    kind = flags & np.uint16(SEQ_MASK)
    chosen = (
        (table["type"] == int(LeafType.EVENT))
        & ((kind == int(LeafFlag.SEQ_SENDER)) | (kind == int(LeafFlag.SEQ_NATIVE)))
        & ((flags & np.uint16(LeafFlag.CONFLICT)) == 0)
    )
    if not chosen.any():
        return []
    rows = table[chosen]
    ids, numbers = np.unique(rows["source_id"], return_inverse=True)
    epochs, seqs = rows["epoch"].astype(np.uint64), rows["seq"].astype(np.uint64)
    order = np.lexsort((epochs, numbers))  # stable: log order within a (source, epoch)
    numbers, epochs, seqs = numbers[order], epochs[order], seqs[order]
    border = (numbers[1:] != numbers[:-1]) | (epochs[1:] != epochs[:-1])
    cuts = [0, *(np.nonzero(border)[0] + 1).tolist(), len(seqs)]
    return [
        _run(ids[numbers[start]].tobytes(), int(epochs[start]), seqs[start:end])
        for start, end in pairwise(cuts)
    ]


def _run(source_id: bytes, epoch: int, seqs: Array) -> SequenceRun:
    back = int((seqs[1:] < seqs[:-1]).sum())
    ordered = np.sort(seqs)
    steps = np.diff(ordered)
    repeated = int((steps == 0).sum())
    ends = np.nonzero(steps > 1)[0]
    lows = [int(ordered[0]), *ordered[ends + 1].tolist()]
    highs = [*ordered[ends].tolist(), int(ordered[-1])]
    ranges = tuple(zip(lows, highs, strict=True))
    return SequenceRun(source_id, epoch, int(seqs[0]), int(seqs[-1]), back, repeated, ranges)


class _Sequence(Struct):
    last: int
    ranges: list[Range]


class _Source(Struct):
    back: int = 0
    repeated: int = 0
    gaps: int = 0
    missing: int = 0


class Sequences:
    """Puts the runs of all parts together; `warnings` tells what is odd, a line a source."""

    def __init__(self) -> None:
        self._sequences: dict[tuple[bytes, int], _Sequence] = {}
        self._sources: dict[bytes, _Source] = {}
        self._ranges = 0
        self._full = False

    def add(self, runs: Iterable[SequenceRun]) -> None:
        """Take the runs of the next part of the log."""
        for run in runs:
            source = self._sources.setdefault(run.source_id, _Source())
            key = (run.source_id, run.epoch)
            known = self._sequences.get(key)
            source.back += run.back
            source.repeated += run.repeated
            if self._ranges + len(run.ranges) > VERIFY_SEQUENCES_MAX:
                self._full = True
                continue
            if known is None:
                self._sequences[key] = _Sequence(run.last, list(run.ranges))
                self._ranges += len(run.ranges)
                continue
            source.back += run.first < known.last
            known.last = run.last
            self._ranges -= len(known.ranges)
            known.ranges, overlap = _merge(known.ranges, run.ranges)
            source.repeated += overlap
            self._ranges += len(known.ranges)

    def warnings(self, names: dict[bytes, str]) -> list[str]:
        """Return one line for each source whose numbers repeat, go back or leave gaps."""
        for (source_id, _), sequence in self._sequences.items():
            source = self._sources[source_id]
            source.gaps += len(sequence.ranges) - 1
            for (_, high), (low, _) in pairwise(sequence.ranges):
                source.missing += low - high - 1
        lines = []
        for source_id, source in self._sources.items():
            name = names.get(source_id, source_id.hex())
            odd = [
                text
                for count, text in (
                    (source.gaps, f"{source.gaps} gaps ({source.missing} numbers are missing)"),
                    (source.repeated, f"{source.repeated} numbers repeated"),
                    (source.back, f"{source.back} steps back"),
                )
                if count
            ]
            if odd:
                lines.append(f"source {name}: sequence numbers with {', '.join(odd)}")
        if self._full:
            lines.append(
                f"sequence numbers: more than {VERIFY_SEQUENCES_MAX} ranges; the rest was not"
                " looked at"
            )
        return lines


def _merge(old: list[Range], new: Iterable[Range]) -> tuple[list[Range], int]:
    """Return the union of two sorted lists of ranges, and how many numbers were in both."""
    new = list(new)
    if old and len(new) == 1 and new[0][0] == old[-1][1] + 1:  # the common case: it goes on
        return [*old[:-1], (old[-1][0], new[0][1])], 0
    overlap = 0
    merged: list[Range] = []
    for low, high in sorted(old + new):
        if merged and low <= merged[-1][1] + 1:
            before_low, before_high = merged[-1]
            overlap += max(0, min(high, before_high) - low + 1)
            merged[-1] = (before_low, max(high, before_high))
        else:
            merged.append((low, high))
    return merged, overlap
