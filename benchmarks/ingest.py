"""Ingest over HTTP on loopback, everything on; the load generator shares the processors.

A burst as fast as it goes, then how long the followers (sealer, index) take to be current; a
steady stream with the followers' lag; batches of 1, 100 and 1,000.
"""

import threading
from typing import Self

from benchmarks.lab import Burst, Lab
from benchmarks.load import Result, run_load
from benchmarks.report import Figure, Section, at_least, at_most, plain, say
from benchmarks.server import Server

RATE = 25_000
_SINGLES, _HUNDREDS, _THOUSANDS = 20_000, 100_000, 200_000
_SECONDS_MAX = 20.0


def run(lab: Lab) -> Section:
    """Measure and return the figures."""
    burst = lab.burst()
    figures = _burst_figures(burst)
    server = lab.server()
    figures += _sustained(lab, server)
    figures += _batches(lab, server)
    notes = [
        "CPU is of whodid's processes, in µs an event: "
        + _shown(burst.cpu_us)
        + " during the burst; "
        + _shown(burst.cpu_after_us)
        + " after it. The load generator took "
        + f"{burst.result.cpu_s / burst.result.sent * 1e6:.1f}.",
        "Every reply was checked: accepted counts add up to what was sent, none refused for good.",
    ]
    complaints = server.complaints
    notes += [f"The server said: {line}" for line in complaints[:3]]
    return Section("Ingest", figures, notes)


def _shown(cpu_us: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.1f}" for name, value in cpu_us.items() if value >= 0.05)


def _burst_figures(burst: Burst) -> list[Figure]:
    result = burst.result
    return [
        at_least(
            f"burst of {result.sent:,} events, batches of 1,000", result.events_per_s, 60_000,
            "events/s", f"replies p50 {result.p50_ms:.0f} ms, p99 {result.p99_ms:.0f} ms",
        ),
        at_most("followers current after the burst", burst.current_s, 60, "s"),
        at_most(
            "memory of all processes, at most", burst.memory_bytes / (1 << 20), 1024, "MiB",
            "proportional set size, sampled twice a second",
        ),
    ]  # fmt: skip


class _Lag:
    """How far the followers are behind, looked at four times a second."""

    def __init__(self, server: Server) -> None:
        self.seen: list[int] = []
        self._server = server
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def _run(self) -> None:
        while not self._stop.wait(0.25):
            self.seen.append(self._server.standing().behind)

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def _sustained(lab: Lab, server: Server) -> list[Figure]:
    seconds = lab.size.sustained_s
    count = RATE * seconds
    sources = -(-count // lab.size.events)
    tokens = [server.token(f"steady-{number}") for number in range(sources)]
    server.wait_current(lab.size.current_s_max)
    say(f"{RATE:,} events a second for {seconds} s")
    with _Lag(server) as lag:
        plan = lab.plan(server, tokens, 0, count, rate=RATE, seconds_max=2.0 * seconds)
        result = run_load(plan)
    after_s = server.wait_current(lab.size.current_s_max)
    worst_s = max(lag.seen, default=0) / RATE
    median_s = sorted(lag.seen)[len(lag.seen) // 2] / RATE if lag.seen else 0.0
    return [
        at_least(
            f"{RATE:,} events/s for {seconds} s: acknowledged", result.events_per_s, RATE * 0.99,
            "events/s", f"from when due: p50 {result.p50_ms:.0f} ms, p99 {result.p99_ms:.0f} ms",
        ),
        at_most(
            "followers' lag meanwhile, at most", worst_s, 5, "s of events",
            f"median {median_s:.1f} s; current {after_s:.1f} s after the end",
        ),
    ]  # fmt: skip


def _batches(lab: Lab, server: Server) -> list[Figure]:
    figures = []
    for batch, connections, most in (
        (1000, 8, _THOUSANDS), (100, 16, _HUNDREDS), (1, 32, _SINGLES),
    ):  # fmt: skip
        count = min(most, lab.size.events)
        token = server.token(f"batches-of-{batch}")
        server.wait_current(lab.size.current_s_max)
        say(f"batches of {batch} over {connections} connections")
        result = run_load(
            lab.plan(
                server, [token], 0, count, batch=batch, connections=connections,
                seconds_max=_SECONDS_MAX,
            )
        )  # fmt: skip
        figures += _batch_figures(batch, connections, result)
    return figures


def _batch_figures(batch: int, connections: int, result: Result) -> list[Figure]:
    what = f"batches of {batch:,} over {connections} connections"
    rate = plain(
        what, result.events_per_s, "events/s",
        f"p50 {result.p50_ms:.1f} ms, p99 {result.p99_ms:.1f} ms",
    )  # fmt: skip
    if batch > 1:
        return [rate]
    return [rate, at_most("single-event requests, p99", result.p99_ms, 50, "ms")]
