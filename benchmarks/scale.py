"""The questions of an investigation on a large ledger, beside others with the same events.

In this process, without HTTP: what an answer takes from text to events, its own event on disk
before it included. The ledger and the table are filled once and kept in `build/`.

`python -m benchmarks.scale [EVENTS…]` asks them at several sizes and writes SCALE.md.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.duck import Duck, statements
from benchmarks.events import Corpus, corpus
from benchmarks.filled import filled, size_of
from benchmarks.lab import FULL, Lab, warm
from benchmarks.load import run_load
from benchmarks.postgres import postgres
from benchmarks.processes import memory_bytes
from benchmarks.questions import FACETS, Question, median_ms, questions
from benchmarks.report import (
    Figure,
    Section,
    at_least,
    at_most,
    machine,
    plain,
    render,
    say,
)
from benchmarks.server import new_server
from benchmarks.sqlite import Sqlite
from whodid.app.answer import Caller
from whodid.app.local import LocalLedger
from whodid.app.reading import LedgerReading
from whodid.clock import system_clock
from whodid.index.follower import Follower
from whodid.ledger.reader import LedgerReader
from whodid.verifier.answer import check

# 10000000 for the figures that have bars; it takes half an hour to fill.
SCALE = Path(__file__).resolve().parent / "SCALE.md"
_HALF_RATE = 15_000
"""Half of what two doors take in on this kind of machine (RESULTS.md)."""

_BESIDE_S = 120.0
_BESIDE_EACH = 5
_SETTLE_S = 5.0
EVENTS = int(os.environ.get("WHODID_BENCH_SCALE", "1000000"))
_PAGE = 100
_WORDS_MAX = 1_000_000
_BARS = 24


def run(lab: Lab) -> Section:
    """Measure and return the figures."""
    return measured(lab, min(EVENTS, lab.size.events) if lab.size.events < 1_000_000 else EVENTS)


def measured(lab: Lab, count: int) -> Section:
    """Measure so many events and return the figures."""
    events, lines = corpus(count)
    asked = questions(events)
    peers = _peers(lines, asked, count)
    say(f"a ledger of {count:,} events")
    figures = []
    with filled(count) as ledger:
        _into_memory(ledger)
        start_s = time.perf_counter()
        reading = LedgerReading(ledger.directory, ledger.keys, ledger.port, system_clock)
        caller = ledger.caller()
        reading.search(caller, "outcome:denied", limit=1)
        opened_s = time.perf_counter() - start_s
        figures += [_measure(reading, caller, question, peers, count) for question in asked]
        figures += _sizes(ledger, peers, count)
        used = memory_bytes(os.getpid()) / 2**20
        figures += _beside_ingest(reading, caller, asked, lab)
        figures.append(_made_again(ledger, count))
    figures.append(at_most("open, until the first answer", opened_s, 3, "s"))
    figures.append(at_most("memory of the reading process", used, 1024, "MiB"))
    return Section(f"Questions on {count:,} events", figures, _notes(peers))


def _into_memory(ledger: LocalLedger) -> None:
    """Read every file once: the bars are for a warm system, whose files are in the page cache."""
    for path in ledger.directory.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                while file.read(1 << 20):
                    pass


@dataclass(frozen=True, slots=True)
class Peer:
    """What a peer took: its name, milliseconds by question, bytes an event."""

    name: str
    times_ms: dict[str, float]
    size: float


def _peers(lines: Corpus, asked: list[Question], count: int) -> list[Peer]:
    """Ask the peers; those that index words for minutes only up to a million."""
    kinds: list[type[Duck | Sqlite]] = [Duck, Sqlite] if count <= _WORDS_MAX else [Duck]
    found = []
    for kind in kinds:
        say(f"{kind.__name__} with {count:,} events")
        peer = kind(lines, count)
        times = {q.name: peer.median_ms(q) for q in asked if q.conditions}
        found.append(Peer(f"{kind.__name__} {peer.version}", times, peer.size_bytes / count))
        peer.close()
    return [*found, _postgres(lines, asked, count)] if count <= _WORDS_MAX else found


def _postgres(lines: Corpus, asked: list[Question], count: int) -> Peer:
    say(f"PostgreSQL with {count:,} events")
    with postgres() as peer:
        peer.make_table("events", trigrams=True)
        peer.query("CREATE INDEX ON events (session)")
        peer.copy("events", lines, 0, count, 2)
        peer.query("VACUUM ANALYZE events")

        times = {q.name: median_ms(peer.query, statements, q) for q in asked if q.conditions}
        return Peer(f"PostgreSQL {peer.version}", times, peer.bytes_of("events") / count)


def _notes(peers: list[Peer]) -> list[str]:
    names = ", ".join(peer.name for peer in peers)
    return [
        "Medians of 15 different questions, one more is not counted; bars are for 10 million.",
        "Warm: every file of the ledger was read once before, the peers have just been filled.",
        "Newest 100 without a total (`total=0`), as the others; they look for words in one column.",
        f"Beside it, in the same run: {names}. They decrypt nothing and record nobody who asks.",
    ]


def _measure(
    reading: LedgerReading, caller: Caller, question: Question, peers: list[Peer], count: int
) -> Figure:
    ask = _asker(reading, caller, question.kind)
    times_ms = []
    detail = ""
    for number, text in enumerate([question.texts[0], *question.texts]):
        start_s = time.perf_counter()
        detail = ask(text)
        if number:
            times_ms.append((time.perf_counter() - start_s) * 1000)
    spent = median(times_ms)
    again_ms = []
    for text in question.texts:
        start_s = time.perf_counter()
        ask(text)
        again_ms.append((time.perf_counter() - start_s) * 1000)
    for peer in peers:
        if question.name in peer.times_ms:
            taken = peer.times_ms[question.name]
            word = peer.name.partition(" ")[0]
            detail += f"{word} {taken:,.1f} ms: {spent / taken:.2f} of it; "
    detail += f"slowest {max(times_ms):,.0f} ms; asked again {median(again_ms):,.1f} ms"
    if count >= 1_000_000 and question.bar_ms is not None:
        return at_most(question.name, spent, question.bar_ms, "ms", detail)
    return plain(question.name, spent, "ms", detail)


def _beside_ingest(
    reading: LedgerReading, caller: Caller, asked: list[Question], lab: Lab
) -> list[Figure]:
    """Ask again while a server on this machine takes in events at half of what it can."""
    asked = [question for question in asked if question.bar_ms is not None]
    alone = {question.name: _times(reading, caller, question) for question in asked}
    with new_server() as server:
        token, warmed = server.token("load"), server.token("warm")
        server.start()
        warm(server, warmed, lab.events()[0])
        plan = lab.plan(
            server, [token], 0, lab.size.events, rate=_HALF_RATE, batch=500,
            seconds_max=_BESIDE_S,
        )  # fmt: skip
        say(f"the same beside {_HALF_RATE:,} events/s")
        with ThreadPoolExecutor(1) as pool:
            load = pool.submit(run_load, plan)
            time.sleep(_SETTLE_S)
            beside = {question.name: _times(reading, caller, question) for question in asked}
            came = load.result()
    figures = [
        at_most(
            f"{name}: beside ingest, times as long", beside[name] / alone[name], 3, "x",
            f"{beside[name]:,.1f} ms, alone {alone[name]:,.1f}",
        )
        for name in alone
    ]  # fmt: skip
    return [*figures, plain("ingest meanwhile", came.events_per_s, "events/s")]


def _times(reading: LedgerReading, caller: Caller, question: Question) -> float:
    ask = _asker(reading, caller, question.kind)
    times_ms = []
    for text in question.texts[:_BESIDE_EACH]:
        start_s = time.perf_counter()
        ask(text)
        times_ms.append((time.perf_counter() - start_s) * 1000)
    return median(times_ms)


def _made_again(ledger: LocalLedger, count: int) -> Figure:
    """Make the index anew, beside the ledger: its files are linked, the index is left out."""
    say("the index, made again")
    copy = ledger.directory.with_name("copy")
    shutil.rmtree(copy, ignore_errors=True)
    ignored = shutil.ignore_patterns("index", "sock*", "wal")
    shutil.copytree(ledger.directory, copy, copy_function=os.link, ignore=ignored)
    shutil.copytree(ledger.directory / "wal", copy / "wal")
    reader = LedgerReader(copy, ledger.keys)
    follower = Follower(copy, ledger.keys, reader)
    start_s = time.perf_counter()
    try:
        while follower.step(reader.size):
            pass
        spent_s = time.perf_counter() - start_s
    finally:
        follower.close()
        reader.close()
        shutil.rmtree(copy, ignore_errors=True)
    return at_least("index made again", count / spent_s, 60_000, "events/s", f"{spent_s:,.0f} s")


def _asker(reading: LedgerReading, caller: Caller, kind: str) -> Callable[[str], str]:
    def newest(text: str) -> str:
        reading.search(caller, text, limit=_PAGE, total=False)
        return ""

    def overview(text: str) -> str:
        reading.page(caller, text, limit=1, fields=FACETS, bars=_BARS)
        return ""

    def group(text: str) -> str:
        reading.table(caller, f"{text} | stats by (actor, action) count() | limit 100")
        return ""

    def proof(text: str) -> str:
        data = reading.prove(caller, text).encode()
        verdict = check(data)
        if not verdict.ok or not verdict.events:
            raise RuntimeError(f"{text}: {verdict.faults}")
        return f"{verdict.ranges} ranges, {len(data) / 1024:,.0f} KiB with the tail; "

    return {"newest": newest, "overview": overview, "group": group, "proof": proof}[kind]


def _sizes(ledger: LocalLedger, peers: list[Peer], count: int) -> list[Figure]:
    parts = {name: size_of(ledger, name) / count for name in ("payload", "leaves", "tile", "index")}
    maps = size_of(ledger, "index/maps") / count
    shown = ", ".join(f"{name} {value:.1f}" for name, value in parts.items())
    others = "".join(f"; {peer.name.partition(' ')[0]} {peer.size:,.0f}" for peer in peers)
    return [
        at_most(
            "disk, all in", sum(parts.values()), 300, "B an event",
            f"{shown} (maps {maps:.1f}){others}",
        )
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__)
    parser.add_argument("events", nargs="*", type=int, default=[1_000_000, 10_000_000])
    about = machine()
    lab = Lab(FULL)
    try:
        sections = [measured(lab, count) for count in parser.parse_args().events]
    finally:
        lab.close()
    text = render(about, sections, "python -m benchmarks.scale")
    print(text)
    SCALE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
