"""`python -m benchmarks.soak [--minutes 30] [--rate 15000]`: a long steady run with searches.

Events come in at a fixed rate, on a clock; meanwhile somebody searches, one question after the
other. Every few seconds: memory of each process, how far the followers are behind, disk, answers.
At the end: was memory flat, the lag bounded, was there an error? A whole run is kept in SOAK.md.

Memory is flat when the second half of the run needs hardly more than its first quarter did at the
end, caches full: it compares medians, since a sample may hit a batch on its way.
"""

import argparse
import http.client
import json
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Self

from benchmarks import report
from benchmarks.lab import FULL, Lab, warm
from benchmarks.load import Result, run_load
from benchmarks.processes import memory_bytes
from benchmarks.report import Figure, Section, at_least, at_most, plain, say
from benchmarks.search import questions
from benchmarks.server import Server, new_server

SOAK = Path(__file__).resolve().parent / "SOAK.md"
_SAMPLE_S = 5.0
_THINK_S = 0.5
_GROWTH_MAX = 1.10
_LAG_S_MAX = 15.0
_KEPT_MINUTES = 10


@dataclass(slots=True)
class Sample:
    """What was seen at one moment: memory (bytes) by process, entries behind, bytes on disk."""

    at_s: float
    memory: dict[str, int]
    behind: int
    durable: int
    disk_bytes: int


@dataclass(slots=True)
class Watch:
    """Samples and searches while it is open."""

    server: Server
    token: str
    texts: list[str]
    samples: list[Sample] = field(default_factory=list)
    answers_ms: list[float] = field(default_factory=list)
    warned: int = 0
    errors: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        for work in (self._sample, self._search):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _sample(self) -> None:
        start_s = time.monotonic()
        while not self._stop.wait(_SAMPLE_S):
            memory: dict[str, int] = {}
            for pid, name in self.server.pids().items():
                memory[name] = memory.get(name, 0) + memory_bytes(pid)
            standing = self.server.standing()
            at_s = time.monotonic() - start_s
            size = _folder_bytes(self.server.ledger)
            self.samples.append(Sample(at_s, memory, standing.behind, standing.durable, size))

    def _search(self) -> None:
        number = 0
        while not self._stop.wait(_THINK_S):
            text = self.texts[number % len(self.texts)]
            number += 1
            try:
                self._ask(text)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.errors.append(f"search {text!r}: {error}")

    def _ask(self, text: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        try:
            path = "/v1/search?" + urllib.parse.urlencode({"q": text, "limit": 50})
            start_s = time.perf_counter()
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            reply = connection.getresponse()
            body = reply.read()
        finally:
            connection.close()
        if reply.status != 200:
            self.errors.append(f"search {text!r}: {reply.status} {body[:200]!r}")
            return
        self.answers_ms.append((time.perf_counter() - start_s) * 1000)
        self.warned += bool(json.loads(body)["warnings"])


def _folder_bytes(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        try:
            size += path.stat().st_size
        except OSError:
            continue  # merged away or recycled meanwhile
    return size


def run(minutes: float, rate: int, *, verify: bool) -> Section:
    """Run it and return the figures; `verify` reads the whole ledger at the end: long."""
    lab = Lab(FULL)
    seconds = int(minutes * 60)
    count = rate * seconds
    with new_server() as server:
        sources = -(-count // lab.size.events)
        tokens = [server.token(f"soak-{number}") for number in range(sources)]
        warmed = server.token("warm")
        read = server.read_token()
        server.start()
        warm(server, warmed, lab.events()[0])
        say(f"{rate:,} events a second for {minutes:g} minutes")
        texts = [text for question in questions(lab) for text in question.texts[:5]]
        plan = lab.plan(server, tokens, 0, count, rate=rate, batch=500, seconds_max=2.0 * seconds)
        with Watch(server, read, texts) as watch:
            result = run_load(plan)
        behind_s = server.wait_current(300.0)
        complaints = server.complaints
        held = server.standing().durable
        verified = _verified(server) if verify else []
    return Section(
        f"{minutes:g} minutes at {rate:,} events/s, with searches",
        [
            *_load_figures(result, rate),
            *_memory_figures(watch.samples),
            *_lag_figures(watch.samples, rate, behind_s),
            *_search_figures(watch),
            at_least("entries in the ledger, own events too", held, result.accepted, ""),
            *verified,
        ],
        [f"The server said: {line}" for line in complaints[:5]]
        + [f"An error: {line}" for line in watch.errors[:5]],
    )  # fmt: skip


def _verified(server: Server) -> list[Figure]:
    say("verifying what is there")
    found = json.loads(server.command("verify", str(server.ledger), "--json"))
    what = "faults that `verify` found at the end"
    return [at_most(what, len(found["faults"]), 0, "", f"{found['leaves']:,} entries")]


def _load_figures(result: Result, rate: int) -> list[Figure]:
    return [
        at_least(
            "acknowledged", result.events_per_s, rate * 0.99, "events/s",
            f"{result.accepted:,} events; from when due: p50 {result.p50_ms:.0f} ms, "
            f"p99 {result.p99_ms:.0f} ms, longest {result.max_ms:.0f} ms",
        ),
        at_most("requests told to come back", result.refused, 0, "", "429 or 503, sent again"),
    ]  # fmt: skip


def _memory_figures(samples: list[Sample]) -> list[Figure]:
    """Compare the end of the first quarter with the second half, all processes and each."""
    quarter = [s for s in samples if 0.125 <= s.at_s / samples[-1].at_s < 0.25]
    half = [s for s in samples if s.at_s / samples[-1].at_s >= 0.5]
    figures = []
    for name in ["all processes", *sorted(samples[-1].memory)]:

        def of(sample: Sample, name: str = name) -> int:
            return (
                sum(sample.memory.values())
                if name == "all processes"
                else sample.memory.get(name, 0)
            )

        early, late = median(map(of, quarter)), median(map(of, half))
        most = max(map(of, samples)) / (1 << 20)
        detail = f"from {early / (1 << 20):.0f} to {late / (1 << 20):.0f} MiB, at most {most:.0f}"
        what = f"memory of {name}: second half to first quarter"
        if name == "all processes":
            figures.append(at_most(what, late / early, _GROWTH_MAX, "x", detail))
        else:
            figures.append(plain(what, late / max(early, 1), "x", detail))
    return figures


def _lag_figures(samples: list[Sample], rate: int, behind_s: float) -> list[Figure]:
    lags = sorted(sample.behind / rate for sample in samples)
    last = samples[-1]
    return [
        at_most(
            "followers' lag, at most", lags[-1], _LAG_S_MAX, "s of events",
            f"median {lags[len(lags) // 2]:.1f} s; current {behind_s:.1f} s after the end",
        ),
        plain("on disk at the end", last.disk_bytes / last.durable, "B an event",
              f"{last.disk_bytes / 1e9:.2f} GB, write-ahead files too"),
    ]  # fmt: skip


def _search_figures(watch: Watch) -> list[Figure]:
    found = sorted(watch.answers_ms)
    return [
        plain(
            "searches meanwhile, median", median(found), "ms",
            f"{len(found):,} answers, p95 {found[int(len(found) * 0.95)]:.0f} ms, slowest "
            f"{found[-1]:.0f} ms; {watch.warned} with a warning",
        ),
        at_most("errors of searches", len(watch.errors), 0, ""),
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=int, default=15_000)
    parser.add_argument("--no-verify", action="store_true", help="do not read all of it at the end")
    arguments = parser.parse_args()
    about = report.machine()
    section = run(arguments.minutes, arguments.rate, verify=not arguments.no_verify)
    text = report.render(about, [section], "python -m benchmarks.soak")
    print(text)
    if arguments.minutes >= _KEPT_MINUTES:
        SOAK.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
