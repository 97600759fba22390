"""What sealing and indexing cost together, in CPU time of one process, as the follower does them.

The events are in the write-ahead log; then the sealer and the index take turns until both are
current. CPU time, because the machine is shared: what one processor would do in a second.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path

from benchmarks.events import BUILD
from benchmarks.lab import Lab
from benchmarks.report import Figure, Section, at_least, at_most, plain, say
from whodid.app.local import LocalLedger, open_local
from whodid.clock import system_clock
from whodid.index.follower import Follower
from whodid.ledger.opening import init_ledger
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sealer import Sealer
from whodid.sources.intake import Delivery

_EVENTS = 131_072
_BATCH = 1000


def run(lab: Lab) -> Section:
    """Measure and return the figures."""
    count = min(_EVENTS, lab.size.events)
    say(f"sealing and indexing {count:,} events")
    home = Path(tempfile.mkdtemp(prefix="pipeline-", dir=BUILD))
    before = os.environ.get("WHODID_KEYS")
    os.environ["WHODID_KEYS"] = str(home / "keys")
    try:
        directory = home / "ledger"
        init_ledger(directory, origin="bench.example/whodid/pipeline", keys_root=home / "keys")
        with open_local(directory) as ledger:
            _fill(lab, ledger, count)
            spent = _follow(ledger)
        return Section("Sealing and indexing", _figures(directory, spent, lab), [_note(spent)])
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


def _follow(ledger: LocalLedger) -> tuple[int, float, float]:
    """Return (entries, seconds of sealing, seconds of indexing)."""
    reader = LedgerReader(ledger.directory, ledger.keys)
    sealer = Sealer(reader, ledger.keys, ledger.port.seal, system_clock)
    index = Follower(ledger.directory, ledger.keys, reader)
    size = ledger.port.status().size
    sealing = indexing = 0.0
    worked = True
    while worked:
        start_s = time.process_time()
        sealed = sealer.run_once(size, force=True)
        between_s = time.process_time()
        indexed = index.step(size)
        indexing += time.process_time() - between_s
        sealing += between_s - start_s
        worked = bool(sealed or indexed)
    reader.close()
    return size, sealing, indexing


def _figures(directory: Path, spent: tuple[int, float, float], lab: Lab) -> list[Figure]:
    size, sealing, indexing = spent

    def each(*names: str) -> float:
        paths = [path for name in names for path in (directory / name).rglob("*")]
        return sum(path.stat().st_size for path in paths if path.is_file()) / size

    parts = {name: each(name) for name in ("payload", "leaves", "tile", "index")}
    raw = lab.events()[0].path.stat().st_size / lab.size.events - 1
    shown = ", ".join(f"{name} {value:.1f}" for name, value in parts.items())
    return [
        at_least(
            "sealing and indexing, of one processor", size / (sealing + indexing), 30_000,
            "events/s",
        ),
        plain("sealing", sealing / size * 1e6, "µs an event"),
        plain("indexing", indexing / size * 1e6, "µs an event"),
        at_most(
            f"disk all in, of {raw:.0f} B", sum(parts.values()), 300, "B an event",
            f"{shown}; identities {each('identity'):.1f} apart",
        ),
    ]  # fmt: skip


def _note(spent: tuple[int, float, float]) -> str:
    return f"{spent[0]:,} entries; what is sealed is handed to the index, as far as memory allows."
