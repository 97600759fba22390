"""Finds the weights on the tuning histories, which no figure of the report is taken from."""

from itertools import product

import msgspec
import numpy as np

from benchmarks.report import say
from benchmarks.swap.access import Access
from benchmarks.swap.families import FAMILIES, inject
from benchmarks.swap.inject import judged_days, swap
from benchmarks.swap.judge import Judged, Numbers, auc, average_precision, judge
from whodid.detection.baseline.weights import EVIDENCES, WEIGHTS, Weights

SWAP_SHARE = 0.10
FAMILY_SHARE = 0.02
_STEPS = 3000


def fit(features: Numbers, labels: Numbers) -> Numbers:
    """Return logistic regression's weights, none below zero, by projected gradient descent."""
    scale = features.std(0) + 1e-9
    mean = features.mean(0)
    unit = (features - mean) / scale
    weights, bias = np.zeros(features.shape[1]), -2.0
    for _ in range(_STEPS):
        away = 1 / (1 + np.exp(-(unit @ weights + bias))) - labels
        weights = np.maximum(weights - 0.5 * (unit.T @ away + weights) / len(labels), 0.0)
        bias -= 0.5 * float(away.mean())
    return weights / scale


def _runs(
    histories: dict[str, list[Access]], seed: int, weights: Weights
) -> dict[tuple[str, str], Judged]:
    out = {}
    for name, history in histories.items():
        judged = set(judged_days(history))
        changed, labels = swap(history, seed, SWAP_SHARE)
        out[name, "swap"] = judge(changed, labels, judged, weights)
        for family in FAMILIES:
            changed, labels = inject(history, family, seed, FAMILY_SHARE)
            if labels:
                out[name, family] = judge(changed, labels, judged, weights)
        say(f"tuned on {name}")
    return out


def tune(histories: dict[str, list[Access]], seed: int) -> Weights:
    """Return the weights that do best on `histories`: contrast first, then how evidences add up."""
    swapped = {}
    for name, history in histories.items():
        changed, labels = swap(history, seed, SWAP_SHARE)
        swapped[name] = judge(changed, labels, set(judged_days(history)))
    features = np.concatenate([one.parts for one in swapped.values()])
    labels = np.concatenate([one.labels for one in swapped.values()]).astype(float)
    found = fit(features, labels)
    say(f"contrast {np.round(found, 3)}")
    weights = msgspec.structs.replace(
        WEIGHTS,
        contrast=tuple(round(float(w), 2) for w in found[:-1]),
        best=round(float(found[-1]), 2),
    )
    runs = _runs(histories, seed, weights)
    best = (-1.0, weights)
    for part, heat in product((0.5, 0.6, 0.7, 0.8, 0.9), (1.0, 1.5, 2.0, 3.0)):
        rest = (1 - part) / (len(EVIDENCES) - 1)
        one = msgspec.structs.replace(
            weights, share=(part, *[round(rest, 4)] * (len(EVIDENCES) - 1)), temperature=heat
        )
        value, detail = worth(runs, one)
        say(f"other {part} temperature {heat}: {value:.4f} {detail}")
        best = max(best, (value, one), key=lambda pair: pair[0])
    return _shares(runs, *best)


def _shares(runs: dict[tuple[str, str], Judged], value: float, weights: Weights) -> Weights:
    """Give each evidence more or less of the whole, one after the other, while that is better."""
    for _ in range(2):
        for place, factor in product(range(len(EVIDENCES)), (0.33, 3.0)):
            share = list(weights.share)
            share[place] *= factor
            total = sum(share)
            one = msgspec.structs.replace(weights, share=tuple(round(s / total, 3) for s in share))
            now, detail = worth(runs, one)
            if now > value + 0.0005:
                say(f"{EVIDENCES[place]} x {factor}: {now:.4f} {detail}")
                value, weights = now, one
    return weights


def worth(runs: dict[tuple[str, str], Judged], weights: Weights) -> tuple[float, str]:
    """Return what is maximised: half of it swaps (AUC, AP), half families (AUC)."""
    swaps, aps, others = [], [], []
    share = np.array(weights.share)
    for (_, kind), run in runs.items():
        heat = weights.temperature
        scores = heat * np.log((share * np.exp(run.rare / heat)).sum(1))
        if kind == "swap":
            swaps.append(auc(run.labels, scores))
            aps.append(average_precision(run.labels, scores))
        else:
            others.append(auc(run.labels, scores))
    parts = float(np.mean(swaps)), float(np.mean(aps)), float(np.nanmean(others))
    return 0.25 * parts[0] + 0.25 * parts[1] + 0.5 * parts[2], " ".join(
        f"{part:.3f}" for part in parts
    )
