"""Other people's detectors on the same days: on raw daily features, and on our surprisals.

They see all judged days of a history at once, which helps them: ours sees each day before the next.
"""

import warnings
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from benchmarks.swap.access import DAY_US, Access
from benchmarks.swap.judge import Judged, Numbers

Detector = Callable[[Numbers], Numbers]


def detectors() -> dict[str, Detector]:
    """Return what is installed: scikit-learn's and PyOD's; empty without `make bench-swap`."""
    try:
        from pyod.models.ecod import ECOD  # noqa: PLC0415 - only in a venv of its own
        from pyod.models.hbos import HBOS  # noqa: PLC0415
        from sklearn.ensemble import IsolationForest  # noqa: PLC0415
    except ImportError:
        return {}

    def forest(features: Numbers) -> Numbers:
        model = IsolationForest(n_estimators=200, random_state=7).fit(features)
        return -np.asarray(model.score_samples(features))

    def ecod(features: Numbers) -> Numbers:
        return np.asarray(ECOD().fit(features).decision_scores_)

    def hbos(features: Numbers) -> Numbers:
        return np.asarray(HBOS().fit(features).decision_scores_)

    return {
        "scikit-learn IsolationForest": forest,
        "PyOD ECOD": ecod,
        "PyOD HBOS": hbos,
    }


def quiet(detector: Detector, features: Numbers) -> Numbers:
    """Run a detector without its warnings; columns that are constant are left out."""
    used = features[:, np.ptp(features, axis=0) > 1e-9]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return detector(used)


def raw_features(history: list[Access], run: Judged) -> Numbers:
    """Return per judged day counts, spreads and hours, as one would begin without profiles."""
    days: dict[tuple[str, int], list[Access]] = defaultdict(list)
    for access in history:
        days[access.actor, access.day].append(access)
    return np.array([_features(days[key]) for key in run.keys], float)


def _features(accesses: list[Access]) -> list[float]:
    hours = [access.time_us % DAY_US / DAY_US * 24 for access in accesses]
    rows = sum(access.rows or 0 for access in accesses)
    spread = [len({access[place] for access in accesses}) for place in (2, 3, 4, 5, 6)]
    week = (accesses[0].day + 3) % 7
    return [
        np.log1p(len(accesses)),
        *map(np.log1p, spread),
        np.log1p(rows),
        min(hours),
        max(hours),
        float(np.mean(hours)),
        float(week >= 5),
        float(hash_of(accesses[0].network)),
        float(hash_of(accesses[0].resource)),
    ]


def hash_of(text: str) -> int:
    """Return a number of a text, the same in each run: a category as raw features have it."""
    return sum(ord(char) * (place + 1) for place, char in enumerate(text)) % 997
