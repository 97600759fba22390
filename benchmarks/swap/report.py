"""Measures the held-out histories and writes what came out, per history, family and detector."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.report import machine, say
from benchmarks.swap import histories
from benchmarks.swap.access import Access
from benchmarks.swap.families import FAMILIES, inject
from benchmarks.swap.inject import judged_days, swap
from benchmarks.swap.judge import Judged, auc, average_precision, caught, judge
from benchmarks.swap.peers import detectors, quiet, raw_features
from benchmarks.swap.speed import speed
from benchmarks.swap.tune import SWAP_SHARE
from whodid.detection.baseline.weights import WEIGHTS

PAGE = Path(__file__).resolve().parents[1] / "LEARNING.md"
FAMILY_SHARE = 0.01
AUC_BAR, AP_BAR = 0.90, 0.55

Pairs = dict[tuple[str, str], list[tuple[float, float]]]


def report(*, small: bool, only: str = "") -> None:
    """Measure, print, and write LEARNING.md unless `small`; `only` one section, others stay."""
    chosen = histories.held_out()
    seeds = histories.HELD_OUT_SWAP_SEEDS
    if small:
        chosen = {name: chosen[name] for name in list(chosen)[-2:]}
        seeds = seeds[:1]
    make = {
        "Histories": lambda: _about(chosen),
        "Identity swaps": lambda: _swaps(chosen, seeds),
        "Other families": lambda: _families(chosen, seeds[0]),
        "Speed and size": lambda: speed(small=small),
    }
    before = _sections()
    head = [
        "# Learning: identity swaps and other families",
        "",
        "Written by `make bench-swap`; do not edit. How it is done stands in `swap/`.",
        "",
        *(f"- {line}" for line in machine()),
    ]
    parts = ["\n".join(head)]
    for name, section in make.items():
        measured = not only or only in name.lower()
        parts.append("\n".join(section()).strip() if measured else before.get(name, ""))
    text = "\n\n".join(part for part in parts if part) + "\n"
    print(text)
    if not small:
        PAGE.write_text(text, "utf-8")


def _sections() -> dict[str, str]:
    """Return the sections of LEARNING.md as it is, by title."""
    if not PAGE.exists():
        return {}
    parts = PAGE.read_text("utf-8").split("\n## ")[1:]
    return {part.partition("\n")[0]: f"## {part.strip()}" for part in parts}


def _about(chosen: dict[str, list[Access]]) -> list[str]:
    lines = [
        "## Histories",
        "",
        "Weights were found on "
        + ", ".join([*histories.TUNING_REAL, *histories.TUNING_SEEDS])
        + f" (swap seed {histories.TUNING_SWAP_SEED}); the histories below were never used for it,"
        " and nothing was changed after they were looked at but how often peers are sought, for"
        " speed.",
        "",
        "| history | what | events | actors | judged days |",
        "|---|---|---|---|---|",
    ]
    for name, history in chosen.items():
        actors = len({access.actor for access in history})
        what = histories.WHAT.get(name) or f"generated: {histories.HELD_OUT_SEEDS[name][1]}"
        lines.append(
            f"| {name} | {what} | {len(history):,} | {actors:,} | {len(judged_days(history)):,} |"
        )
    lines += [
        "",
        f"Judged are days of actors with at least 10 active days before. Weights: `{WEIGHTS}`.",
        "",
        "Other real logs at hand (CloudTrail of an intrusion, an Apache log, an auth.log) have too",
        "few days of an actor to judge one. Generated organisations of tuning and report come from",
        "one generator with other seeds and shapes; some people of harfbuzz act in text too.",
        "",
    ]
    return lines


def _swaps(chosen: dict[str, list[Access]], seeds: tuple[int, ...]) -> list[str]:
    found: Pairs = defaultdict(list)
    rates: dict[str, list[float]] = defaultdict(list)
    others = detectors()
    for name, history in chosen.items():
        judged = set(judged_days(history))
        for seed in seeds:
            changed, labels = swap(history, seed, SWAP_SHARE)
            run = judge(changed, labels, judged)
            rates[name].append(float(run.labels.mean()))
            _add(found, name, "whodid", run, run.scores)
            _add(found, name, "whodid, highest score while the day went on", run, run.peaks)
            _add(found, name, "whodid, only its evidence `other`", run, run.evidence[:, 0])
            if seed != seeds[0]:
                continue
            bare = judge(histories.without_network(changed), labels, judged)
            _add(found, name, "whodid without network and client", bare, bare.scores)
            raw = raw_features(changed, run)
            for title, detector in others.items():
                _add(found, name, f"{title}, raw features", run, quiet(detector, raw))
                surprisal = quiet(detector, run.evidence[:, 1:])
                _add(found, name, f"{title}, whodid's surprisals", run, surprisal)
        say(f"swaps in {name}: {np.mean(found[name, 'whodid'], axis=0).round(3)}")
    titles = list(dict.fromkeys(title for _, title in found))
    lines = [
        "## Identity swaps",
        "",
        f"On {SWAP_SHARE:.0%} of the judged days an account was used by another actor of the same",
        f"history. ROC-AUC / average precision, mean of the swap seeds {_list(seeds)};",
        f"without network, and of other detectors, seed {seeds[0]}.",
        "",
        "| | " + " | ".join(chosen) + " | mean |",
        "|---|" + "---|" * (len(chosen) + 1),
        "| base rate | " + " | ".join(f"{np.mean(rates[name]):.3f}" for name in chosen) + " | |",
    ]
    for title in titles:
        cells = [np.mean(found[name, title], axis=0) for name in chosen]
        mean = np.mean(cells, axis=0)
        shown = [f"{a:.3f} / {p:.3f}" for a, p in (*cells, mean)]
        lines.append(f"| {title} | " + " | ".join(shown) + " |")
    ours = np.array([np.mean(found[name, "whodid"], axis=0) for name in chosen])
    spread = max(float(np.std(found[name, "whodid"], axis=0)[0]) for name in chosen)
    real = ours[[name in histories.HELD_OUT_REAL for name in chosen]]
    lines += ["", f"Bar: AUC ≥ {AUC_BAR:.2f}, AP ≥ {AP_BAR:.2f}. "]
    for what, part in (("All", ours), ("Real histories alone", real)):
        if len(part):
            a, p = part.mean(0)
            mark = "met" if a >= AUC_BAR and p >= AP_BAR else "**missed**"
            lines[-1] += f"{what}: {a:.3f} and {p:.3f}, {mark}. "
    lines[-1] += f"AUC varies by {spread:.3f} at most from seed to seed (standard deviation)."
    if not others:
        lines += ["", "scikit-learn and PyOD were not installed."]
    return [*lines, ""]


def _families(chosen: dict[str, list[Access]], seed: int) -> list[str]:
    lines = [
        "## Other families",
        "",
        f"About {FAMILY_SHARE:.0%} of the judged days get what the family does, seed {seed}.",
        "AUC / average precision over judged days; *top* is the part of them among the highest",
        "1 % and 5 % of days; *told* are those told as findings (budget: 5 a day), and the",
        "median of the actor's events of the day by then; *others* are findings about other days,",
        "in so many days of the whole history.",
        "",
        "| family | history | days | AUC / AP | top 1 % | top 5 % | told | others |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for family in FAMILIES:
        for name in histories.FAMILY_HISTORIES:
            if name not in chosen:
                continue
            changed, labels = inject(chosen[name], family, seed, FAMILY_SHARE)
            if len(labels) < 3:
                continue
            run = judge(changed, labels, set(judged_days(changed)) | labels)
            told, false, after = caught(run, labels)
            area, precision = auc(run.labels, run.scores), average_precision(run.labels, run.scores)
            lines.append(
                f"| {family} | {name} | {int(run.labels.sum())} | {area:.3f} / {precision:.3f} | "
                f"{_top(run, 0.01):.2f} | {_top(run, 0.05):.2f} | {told}, after {after:.0f} | "
                f"{false} in {run.ledger_days:,} |"
            )
        say(f"family {family}")
    return [*lines, ""]


def _top(run: Judged, part: float) -> float:
    count = max(1, round(part * len(run.scores)))
    best = np.argsort(-run.scores, kind="stable")[:count]
    return float(run.labels[best].sum() / max(1, run.labels.sum()))


def _add(found: Pairs, name: str, title: str, run: Judged, scores: np.ndarray) -> None:
    found[name, title].append((auc(run.labels, scores), average_precision(run.labels, scores)))


def _list(seeds: tuple[int, ...]) -> str:
    return ", ".join(map(str, seeds))
