"""Running a history through the scorer, and how well its scores tell the labelled days apart."""

import time
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.swap.access import Access, record_of
from benchmarks.swap.inject import ActorDay
from whodid.detection.baseline import Scorer, Settings
from whodid.detection.baseline.day import ActorDay as OpenDay
from whodid.detection.baseline.scoring import rarities
from whodid.detection.baseline.weights import WEIGHTS, Weights
from whodid.detection.finding import Finding

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judged:
    """Judged days in the order they ended: `labels` says which were injected.

    `scores` are of whole days, `peaks` the highest while a day went on, which alerts go by.

    `rare` are the evidences as -ln P when the day ended, `parts` the contrast of each dimension
    and of the best other actor, of which `other` is made.
    """

    keys: list[ActorDay]
    labels: Flags
    scores: Numbers
    rare: Numbers
    parts: Numbers
    evidence: Numbers
    peaks: Numbers
    findings: list[Finding]
    events: int
    cpu_s: float
    counts: dict[str, int]
    state_bytes: float
    ledger_days: int


def judge(
    history: list[Access],
    labels: set[ActorDay],
    judged: set[ActorDay],
    weights: Weights = WEIGHTS,
    settings: Settings | None = None,
) -> Judged:
    """Score a history in its order; keep what it says of the judged days."""
    scorer = Scorer(settings, weights)
    kept: dict[ActorDay, tuple[Any, ...]] = {}

    def over(day: OpenDay, learning: bool) -> None:
        key = (day.actor, day.day)
        if key in judged:
            rare = rarities(day.whole, scorer._model, learning=learning)
            parts = [
                value / sqrt(len(found) or 1)
                for value, found in zip(day.contrast, day.logs, strict=True)
            ]
            weighed = sum(w * p for w, p in zip(weights.contrast, parts, strict=True))
            parts.append((day.whole[0] - weighed) / weights.best)
            kept[key] = (day.score, rare, parts, day.whole, day.peak)

    scorer.on_day = over
    records = [record_of(entry, access) for entry, access in enumerate(history)]
    start_s = time.process_time()
    findings = scorer.feed(records)
    cpu_s = time.process_time() - start_s
    scorer._turn(scorer._today + 1, findings)
    packed = [len(data) for _, data in scorer._model.actors.packed()]
    keys = list(kept)
    return Judged(
        keys,
        np.array([key in labels for key in keys], bool),
        np.array([kept[key][0] for key in keys]),
        np.array([kept[key][1] for key in keys]),
        np.array([kept[key][2] for key in keys]),
        np.array([kept[key][3] for key in keys]),
        np.array([kept[key][4] for key in keys]),
        findings,
        len(history),
        cpu_s,
        scorer.counts(),
        max(packed, default=0),
        history[-1].day - history[0].day + 1,
    )


def auc(labels: Flags, scores: Numbers) -> float:
    """Return the area under the ROC curve; ties count half."""
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    ones = int(labels.sum())
    zeros = len(labels) - ones
    if not ones or not zeros:
        return float("nan")
    return float((rank[labels].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def average_precision(labels: Flags, scores: Numbers) -> float:
    """Return the average precision; of equal scores the unlabelled ones count as shown first."""
    if not labels.any():
        return float("nan")
    order = np.lexsort((labels, -scores))
    found = labels[order]
    return float((np.cumsum(found) / np.arange(1, len(found) + 1))[found].mean())


def caught(result: Judged, labels: set[ActorDay]) -> tuple[int, int, float]:
    """Return labelled days that were told, other days that were, and after how many events.

    The last is the median of events that the actor had on a labelled day when it was told.
    """
    told = {(f.key[0][1], f.time_us // 86_400_000_000): f.count for f in result.findings}
    after = [count for key, count in told.items() if key in labels]
    return len(after), len(told) - len(after), float(np.median(after)) if after else 0.0
