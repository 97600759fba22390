"""Bytes on disk of an event, on CloudTrail records: real ones, each of them once.

The files are in `../shared/data` beside the repository and are not part of it. Repeating them
would flatter the compressor, so the ledger holds what there is; redelivered copies are counted as
duplicates and take nothing.
"""

import json
from pathlib import Path

from benchmarks.lab import Lab
from benchmarks.report import Figure, Section, at_most, plain, say
from benchmarks.server import Server, new_server
from whodid.app.local import open_local
from whodid.clock import system_clock
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sealer import Sealer

DATA = Path(__file__).resolve().parent.parent / "../shared/data/cloudtrail"


def run(lab: Lab) -> Section:  # noqa: ARG001 - every benchmark takes the lab
    """Measure and return the figures."""
    files = sorted([*DATA.glob("*.jsonl.gz"), *DATA.glob("*/*.json")])
    if not files:
        note = f"Not measured: there is no data in {DATA.name} beside the repository."
        return Section("Disk", [], [note])
    say(f"CloudTrail records of {len(files)} files")
    with new_server() as server:
        server.command("source", "add", "trail", "--format", "cloudtrail")
        text = server.command("ingest", "--source", "trail", *map(str, files), "--json")
        tally = json.loads(text)
        raw = _seal(server)
        events = tally["accepted"] + tally["quarantined"]
        return Section("Disk", _figures(server, events, raw), [_note(tally, events, raw)])


def _seal(server: Server) -> int:
    """Seal everything and index it; return the bytes of the raw records."""
    with server.at_home(), open_local(server.ledger) as ledger:
        reader = LedgerReader(ledger.directory, ledger.keys)
        sealer = Sealer(reader, ledger.keys, ledger.port.seal, system_clock)
        size = ledger.port.status().size
        while sealer.run_once(size, force=True):
            pass
        raw = 0
        for row in reader.rows(0, size):
            event = row.event()
            if event is not None and event.envelope.source == "trail":
                raw += len(event.raw)
        reader.close()
        ledger.catch_up()
    return raw


def _figures(server: Server, events: int, raw: int) -> list[Figure]:
    def each(*names: str) -> float:
        paths = [path for name in names for path in (server.ledger / name).rglob("*")]
        return sum(path.stat().st_size for path in paths if path.is_file()) / events

    return [
        at_most("payload", each("payload"), 200, "B an event", f"raw {raw / events:,.0f} B"),
        at_most("leaves and tiles", each("leaves", "tile"), 70, "B an event"),
        at_most(
            "all in: payload, leaves, tiles, index",
            each("payload", "leaves", "tile", "index"), 350, "B an event",
        ),
        plain("index (derived)", each("index"), "B an event"),
        plain("identities (derived)", each("identity"), "B an event"),
    ]  # fmt: skip


def _note(tally: dict[str, int], events: int, raw: int) -> str:
    return (
        f"{events:,} distinct CloudTrail events ({tally['duplicate']:,} redelivered copies were "
        f"dropped, {tally['quarantined']:,} quarantined), {raw / events:,.0f} B raw on average. "
        "Payload holds the raw record, the event and its seed, encrypted."
    )
