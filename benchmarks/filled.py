"""A ledger of many events, filled once and kept in `build/`: what large figures are measured on.

Filled in this process: mapped, sequenced, sealed, indexed and mapped into ranges as the server
does. It is kept until the events change; an index of an older format is made again.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.events import BUILD, VERSION, corpus
from benchmarks.report import say
from whodid.app.local import LocalLedger, open_local
from whodid.clock import system_clock
from whodid.index.follower import Follower
from whodid.index.ranges.maker import RangeMaker
from whodid.ledger.opening import init_ledger
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sealer import Sealer
from whodid.sources.intake import Delivery

_BATCH = 1000
_BETWEEN = 65_536
_SAID_EVERY = 500_000


@contextmanager
def filled(count: int) -> Iterator[LocalLedger]:
    """Yield a ledger of `count` events, open in this process; it is made when it is not there."""
    home = BUILD / f"filled-{VERSION}-{count}"
    for older in sorted(BUILD.glob(f"filled-{VERSION}-[0-9]*-{count}")):  # named by its index too
        if not home.exists():
            older.rename(home)
    before = os.environ.get("WHODID_KEYS")
    os.environ["WHODID_KEYS"] = str(home / "keys")
    try:
        if not (home / "done").exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir(parents=True)
            init_ledger(home / "ledger", origin=f"bench.example/whodid/{count}",
                        keys_root=home / "keys")  # fmt: skip
            with open_local(home / "ledger") as ledger:
                _fill(ledger, count)
            (home / "done").touch()
        with open_local(home / "ledger") as ledger:
            _bring_up_to_date(ledger)
            yield ledger
    finally:
        if before is None:
            del os.environ["WHODID_KEYS"]
        else:
            os.environ["WHODID_KEYS"] = before


def size_of(ledger: LocalLedger, *names: str) -> int:
    """Return the bytes of some parts of a ledger."""
    paths = [path for name in names for path in (Path(ledger.directory) / name).rglob("*")]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _fill(ledger: LocalLedger, count: int) -> None:
    data, offsets = corpus(count)[0].open()
    ledger.source_for("load", "json")
    intake = ledger.intake()
    reader = LedgerReader(ledger.directory, ledger.keys)
    sealer = Sealer(reader, ledger.keys, ledger.port.seal, system_clock)
    index = Follower(ledger.directory, ledger.keys, reader)
    maker = RangeMaker(ledger.directory, ledger.keys, reader, index, ledger.port)
    start_s = time.monotonic()
    for at in range(0, count, _BATCH):
        ends = range(at, min(at + _BATCH, count))
        records = [bytes(data[offsets[i] : offsets[i + 1] - 1]) for i in ends]
        intake.accept(Delivery("load", records, system_clock()))
        if (at + _BATCH) % _BETWEEN < _BATCH or ends.stop == count:
            _follow(ledger, sealer, index, maker, last=ends.stop == count)
        if ends.stop % _SAID_EVERY == 0:
            say(f"{ends.stop:,} events in {time.monotonic() - start_s:,.0f} s")
    reader.close()


def _bring_up_to_date(ledger: LocalLedger) -> None:
    """Index what is not: all of it where the format of the index is a newer one."""
    reader = LedgerReader(ledger.directory, ledger.keys)
    index = Follower(ledger.directory, ledger.keys, reader)
    try:
        while index.behind(reader.size) and index.step(reader.size):
            pass
    finally:
        index.close()
        reader.close()


def _follow(
    ledger: LocalLedger, sealer: Sealer, index: Follower, maker: RangeMaker, *, last: bool
) -> None:
    size = ledger.port.status().size
    ledger.port.publish()
    while sealer.run_once(size, force=last):
        pass
    while index.step(size) or (last and index.behind(size)):
        pass
    while maker.step():
        pass
