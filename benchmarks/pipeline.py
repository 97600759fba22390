"""What sealing, indexing and mapping cost together, in CPU time of one process, the follower's.

The events are in the write-ahead log; then sealer, index and maps of ranges take turns until all
are current. CPU time, because the machine is shared: what one processor would do in a second.
"""

import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.events import BUILD
from benchmarks.lab import Lab
from benchmarks.report import Figure, Section, at_least, at_most, plain, say
from whodid.app.local import LocalLedger, open_local
from whodid.clock import system_clock
from whodid.index.follower import Follower
from whodid.index.ranges.maker import RangeMaker
from whodid.ledger.opening import init_ledger
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sealer import Sealer
from whodid.sources.intake import Delivery

_EVENTS = 131_072
_BATCH = 1000


def run(lab: Lab) -> Section:
    """Measure and return the figures."""
    count = min(_EVENTS, lab.size.events)
    say(f"sealing, indexing and mapping {count:,} events")
    BUILD.mkdir(parents=True, exist_ok=True)
    home = Path(tempfile.mkdtemp(prefix="pipeline-", dir=BUILD))
    before = os.environ.get("WHODID_KEYS")
    os.environ["WHODID_KEYS"] = str(home / "keys")
    try:
        directory = home / "ledger"
        init_ledger(directory, origin="bench.example/whodid/pipeline", keys_root=home / "keys")
        with open_local(directory) as ledger:
            _fill(lab, ledger, count)
            spent = _follow(ledger, soon=False)
        hurried = home / "hurried"
        init_ledger(hurried, origin="bench.example/whodid/hurried", keys_root=home / "keys")
        with open_local(hurried) as ledger:
            _fill(lab, ledger, count)
            soon = _follow(ledger, soon=True)
        figures = _figures(directory, spent, soon, lab)
        return Section("Sealing, indexing and mapping", figures, [_note(spent)])
    finally:
        if before is None:
            del os.environ["WHODID_KEYS"]
        else:
            os.environ["WHODID_KEYS"] = before
        shutil.rmtree(home, ignore_errors=True)


def _fill(lab: Lab, ledger: LocalLedger, count: int) -> None:
    data, offsets = lab.events()[0].open()
    ledger.source_for("load", "json")
    intake = ledger.intake()
    for at in range(0, count, _BATCH):
        ends = range(at, min(at + _BATCH, count))
        records = [bytes(data[offsets[i] : offsets[i + 1] - 1]) for i in ends]
        intake.accept(Delivery("load", records, system_clock()))


@dataclass(frozen=True, slots=True)
class Spent:
    """Entries, and the seconds of a processor for each part."""

    size: int
    sealing: float
    indexing: float
    mapping: float

    @property
    def each_s(self) -> float:
        """Seconds an entry, all in."""
        return (self.sealing + self.indexing + self.mapping) / self.size


def _follow(ledger: LocalLedger, *, soon: bool) -> Spent:
    # as a server seals when much waits, or as it does when it keeps up
    reader = LedgerReader(ledger.directory, ledger.keys)
    waiting = 0 if soon else None
    sealer = Sealer(reader, ledger.keys, ledger.port.seal, system_clock, soon_entries=waiting)
    index = Follower(ledger.directory, ledger.keys, reader)
    maker = RangeMaker(ledger.directory, ledger.keys, reader, index, ledger.port)
    size = ledger.port.status().size
    ledger.port.publish()
    sealing = indexing = mapping = 0.0
    worked = True
    while worked:
        start_s = time.process_time()
        sealed = sealer.run_once(size, force=True)
        between_s = time.process_time()
        indexed = index.step(size)
        indexed_s = time.process_time()
        mapped = not indexed and maker.step()
        mapping += time.process_time() - indexed_s
        indexing += indexed_s - between_s
        sealing += between_s - start_s
        worked = bool(sealed or indexed or mapped)
    reader.close()
    return Spent(size, sealing, indexing, mapping)


def _figures(directory: Path, spent: Spent, soon: Spent, lab: Lab) -> list[Figure]:
    size = spent.size

    def each(*names: str) -> float:
        paths = [path for name in names for path in (directory / name).rglob("*")]
        return sum(path.stat().st_size for path in paths if path.is_file()) / size

    maps = each("index/maps")
    parts = {name: each(name) for name in ("payload", "leaves", "tile", "index")}
    raw = lab.events()[0].path.stat().st_size / lab.size.events - 1
    shown = ", ".join(f"{name} {value:.1f}" for name, value in parts.items())
    return [
        at_least(
            "sealing, indexing and mapping, of one processor, when much waits", 1 / soon.each_s,
            30_000, "events/s",
        ),
        plain("the same when it keeps up: blocks are made small", 1 / spent.each_s, "events/s"),
        plain("sealing", spent.sealing / size * 1e6, "µs an event"),
        plain("indexing", spent.indexing / size * 1e6, "µs an event"),
        plain("mapping", spent.mapping / size * 1e6, "µs an event", f"maps {maps:.1f} B an event"),
        at_most(
            f"disk all in, of {raw:.0f} B", sum(parts.values()), 300, "B an event",
            f"{shown}; identities {each('identity'):.1f} apart",
        ),
    ]  # fmt: skip


def _note(spent: Spent) -> str:
    said = "what is sealed is handed to the index, as far as memory allows."
    return f"{spent.size:,} entries; {said}"
