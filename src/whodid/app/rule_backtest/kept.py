"""Looks over history that outlive the server: DIR/detection/backtests, encrypted (`state_file`).

A link to one works after a restart. The file holds values of events, so it has a key, and what is
old leaves it. Whoever removes it removes nothing that the ledger does not tell of: it is read as
nothing, as is one that is damaged, foreign or of another version.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from whodid.app.rule_backtest.run import CUT_OFF, Run
from whodid.detection.state_file import StateFile
from whodid.errors import LedgerError
from whodid.ledger.keys import KeyFolder
from whodid.limits import BACKTESTS_KEPT, BACKTESTS_KEPT_BYTES_MAX

_NAME = "backtests"
_VERSION = 1


class _File(Struct, frozen=True):
    version: int
    runs: list[msgspec.Raw]


class KeptRuns:
    """The file. One process writes it. Invariant: it is within BACKTESTS_KEPT and its bytes."""

    def __init__(self, directory: Path, keys: KeyFolder) -> None:
        self._file = StateFile(directory, keys, _NAME)

    def write(self, runs: Sequence[Run]) -> None:
        """Keep the newest of these, the newest first; a folder that takes nothing keeps none."""
        kept: list[msgspec.Raw] = []
        left = BACKTESTS_KEPT_BYTES_MAX
        for run in runs[:BACKTESTS_KEPT]:
            data = msgspec.msgpack.encode(run)
            left -= len(data)
            if left < 0:
                break
            kept.append(msgspec.Raw(data))
        with contextlib.suppress(OSError, LedgerError):
            self._file.write(msgspec.msgpack.encode(_File(_VERSION, kept)))

    def read(self) -> list[Run]:
        """Return what was kept, the newest first; none runs any more."""
        with contextlib.suppress(LedgerError, msgspec.DecodeError):
            file = msgspec.msgpack.decode(self._file.read() or b"", type=_File)
            if file.version == _VERSION:
                return [_over(msgspec.msgpack.decode(one, type=Run)) for one in file.runs]
        return []


def _over(run: Run) -> Run:
    """Return a run as it is in a server that did not begin it."""
    return replace(run, state="failed", error=CUT_OFF) if run.state == "running" else run
