"""The follower's process: seals what is durable and keeps the index current.

It yields to ingest (nice 2), and the faces to it (5): while it is behind, each search reads more
itself.
"""

import logging
import sqlite3
import threading
from pathlib import Path

from whodid.app.answer import Caller
from whodid.app.own import Act, OwnEvents
from whodid.app.refused_tokens import refusal_event
from whodid.clock import system_clock
from whodid.config.settings import Settings
from whodid.errors import WhodidError
from whodid.index.catalog import read_catalog
from whodid.index.follower import Follower
from whodid.index.ranges.maker import RangeMaker
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.client import SequencerClient
from whodid.ledger.keys import KeyFolder
from whodid.ledger.opening import keys_of
from whodid.ledger.reader import LedgerReader
from whodid.ledger.refusals import Refused
from whodid.ledger.sealer import Sealer
from whodid.limits import REFUSALS_US, SEAL_SOON_ENTRIES
from whodid.serve.follower_metrics import FollowerMetrics
from whodid.serve.metrics_file import MetricsFile
from whodid.serve.process import when_told_to_end, yield_to_others

_log = logging.getLogger("whodid.follower")
_IDLE_S = 0.1
_AGAIN_S = 1.0


def run_follower(directory: Path, settings: Settings) -> None:
    """Follow the ledger until told to end.

    What fails (the sequencer is away, the disk is full) is said once and tried again: this
    process holds nothing that it cannot read again.
    """
    stopping = threading.Event()
    when_told_to_end(stopping.set)
    yield_to_others(2)
    keys = keys_of(directory)
    port = SequencerClient(directory, "sealer")
    followers: _Followers | None = None
    unreported: list[int] = []
    refused: list[Refused] = []
    said = ""
    metrics = FollowerMetrics(directory)
    MetricsFile(directory, "follower").keep(metrics.metrics)
    while not stopping.is_set():
        try:
            followers = followers or _Followers(
                directory, keys, port, unreported, refused, settings.ledger.seal_after_seconds
            )
            worked = followers.step(metrics)
        except (WhodidError, OSError, sqlite3.Error) as error:
            if str(error) != said:
                said = str(error)
                _log.warning("%s", said)
            metrics.failures += 1
            if followers is not None:
                followers.close()
                followers = None
            stopping.wait(_AGAIN_S)
            continue
        said = ""
        if not worked:
            stopping.wait(_IDLE_S)
    if followers is not None:
        followers.close()


class _Followers:
    """The sealer and the index, each with its own cursor over one reader.

    `unreported` and `refused` outlive it: what has no own event yet.
    """

    def __init__(
        self,
        directory: Path,
        keys: KeyFolder,
        port: SequencerClient,
        unreported: list[int],
        refused: list[Refused],
        seal_after_s: float,
    ) -> None:
        self._directory = directory
        self._ledger_id = keys.ledger_id
        self._port = port
        self._unreported = unreported
        self._refused = refused
        self._asked_us = system_clock()
        self._reader = LedgerReader(directory, keys)
        self._sealer = Sealer(
            self._reader,
            keys,
            port.seal,
            system_clock,
            seal_after_s=seal_after_s,
            soon_entries=SEAL_SOON_ENTRIES,
        )
        self._index = Follower(directory, keys, self._reader)
        self._ranges = RangeMaker(directory, keys, self._reader, self._index, port)
        builder = BatchBuilder(keys.ledger_id, keys.public_kek())
        self._own = OwnEvents(port, builder, keys.identity_root(), system_clock)

    def step(self, metrics: FollowerMetrics) -> bool:
        """Do a bounded piece of work; tell whether there was any."""
        status = self._port.status()
        durable = status.size
        wanted = status.seal_wanted > status.sealed
        sealed = self._sealer.run_once(durable, force=wanted)
        self._unreported += self._sealer.mismatches
        self._sealer.mismatches.clear()
        indexed = self._index.step(durable)
        mapped = not indexed and self._ranges.step()
        for finding in (*self._index.findings, *self._ranges.findings):
            _log.warning("%s", finding)
        self._index.findings.clear()
        self._ranges.findings.clear()
        while self._unreported:
            self._report(self._unreported[0])
            del self._unreported[0]
        self._write_refusals()
        self._tell(metrics, durable)
        return bool(sealed or indexed or mapped)

    def _tell(self, metrics: FollowerMetrics, durable: int) -> None:
        entries = read_catalog(self._directory, self._ledger_id)
        metrics.stands(
            durable=durable, sealed=self._reader.manifest.sealed,
            indexed=entries[-1].end if entries else 0, segments=len(entries),
        )  # fmt: skip

    def _write_refusals(self) -> None:
        """Write, once a minute, the events of the write tokens that doors refused."""
        now = system_clock()
        if not self._refused and 0 <= now - self._asked_us < REFUSALS_US:
            return
        self._asked_us = now
        self._refused += self._port.take_refused()
        while self._refused:
            self._own.write(*refusal_event(self._refused[0]))
            del self._refused[0]

    def _report(self, index: int) -> None:
        caller = Caller("sealer", "cli")
        reason = "the payload that a door sent is not what its leaf commits to"
        act = Act("commitment mismatch", "other", "entry", str(index), ok=False, reason=reason)
        self._own.write(caller, act)

    def close(self) -> None:
        """Close the reader's files, and end the processes that make segments."""
        self._index.close()
        self._reader.close()
