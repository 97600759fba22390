"""Events a second of one core, from the bytes of groups to scores, and the size of the state."""

import statistics

from benchmarks.report import say
from benchmarks.swap.judge import judge
from benchmarks.swap.organisation import Plan, organisation

_SEED = 7
_PLANS = {
    "14 events of an actor a day": Plan(people=60, days=90),
    "100 events of an actor a day": Plan(people=40, days=90, events_a_day=100.0),
}
EVENTS_BAR, STATE_BAR = 50_000, 4096


def speed(*, small: bool) -> list[str]:
    """Return the lines about speed and size."""
    lines = [
        "## Speed and size",
        "",
        "Processor time of one core, median of three; decoding of the groups included.",
        "90 days of a generated organisation, seed 7.",
        "",
        "| what | measured | bar | |",
        "|---|---|---|---|",
    ]
    for what, plan in _PLANS.items():
        history = organisation(_SEED, plan)
        runs = [judge(history, set(), set()) for _ in range(1 if small else 3)]
        rate = statistics.median(run.events / run.cpu_s for run in runs)
        mark = "met" if rate >= EVENTS_BAR else "**missed**"
        lines.append(f"| {what} | {rate:,.0f} events/s | ≥ {EVENTS_BAR:,} | {mark} |")
        size = runs[0].state_bytes
        mark = "met" if size <= STATE_BAR else "**missed**"
        lines.append(f"| largest actor's state | {size:,.0f} bytes | ≤ {STATE_BAR:,} | {mark} |")
        say(f"speed: {what}: {rate:,.0f}")
    return [*lines, ""]
