"""The follower's process: seals what is durable and keeps the index current.

It yields to ingest (nice 15) and catches up when there is room.
"""

import os
import sys
import threading
import time
from pathlib import Path

from whodid.app.answer import Caller
from whodid.app.own import Act, OwnEvents
from whodid.clock import system_clock
from whodid.errors import WhodidError
from whodid.index.follower import Follower
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.client import SequencerClient
from whodid.ledger.keys import KeyFolder
from whodid.ledger.opening import keys_of
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sealer import Sealer
from whodid.serve.process import when_told_to_end

_IDLE_S = 0.1
_AGAIN_S = 1.0


def run_follower(directory: Path) -> None:
    """Follow the ledger until told to end."""
    stopping = threading.Event()
    when_told_to_end(stopping.set)
    os.nice(15)
    keys = keys_of(directory)
    port = SequencerClient(directory, "sealer")
    followers = _Followers(directory, keys, port)
    while not stopping.is_set():
        try:
            worked = followers.step()
        except WhodidError as error:
            print(f"whodid follower: {error}", file=sys.stderr, flush=True)  # noqa: T201
            stopping.wait(_AGAIN_S)
            followers = _Followers(directory, keys, port)
            continue
        if not worked:
            stopping.wait(_IDLE_S)


class _Followers:
    """The sealer and the index, each with its own cursor over one reader."""

    def __init__(self, directory: Path, keys: KeyFolder, port: SequencerClient) -> None:
        self._port = port
        self._reader = LedgerReader(directory, keys)
        self._sealer = Sealer(self._reader, keys, port.seal, system_clock)
        self._index = Follower(directory, keys, self._reader)
        builder = BatchBuilder(keys.ledger_id, keys.public_kek())
        self._own = OwnEvents(port, builder, keys.identity_root(), system_clock)

    def step(self) -> bool:
        """Do a bounded piece of work; tell whether there was any."""
        durable = self._port.status().size
        sealed = self._sealer.run_once(durable)
        indexed = self._index.step(durable)
        for index in self._sealer.mismatches:
            self._report(index)
        self._sealer.mismatches.clear()
        return bool(sealed or indexed)

    def _report(self, index: int) -> None:
        caller = Caller("sealer", "cli")
        reason = "the payload that a door sent is not what its leaf commits to"
        act = Act("commitment mismatch", "other", "entry", str(index), ok=False, reason=reason)
        self._own.write(caller, act)


def catch_up(directory: Path, keys: KeyFolder, durable: int) -> None:
    """Bring the index to `durable` in this process (a command without a server)."""
    reader = LedgerReader(directory, keys)
    index = Follower(directory, keys, reader)
    while index.step(durable):
        time.sleep(0)
    reader.close()
