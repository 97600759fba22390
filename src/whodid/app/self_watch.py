"""Looks at the ledger and its sources for the detector, without an event for each look."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whodid.app.alerting import THE_DETECTOR
from whodid.app.answer import Caller
from whodid.app.integrity import LedgerIntegrity
from whodid.app.integrity_findings import fault_findings, integrity_findings, source_findings
from whodid.app.own import Act, OwnEvents
from whodid.app.read_context import ReadContext
from whodid.app.source_reading import SourceReading
from whodid.clock import Clock
from whodid.detection.finding import Finding
from whodid.index.analyst import Analyst
from whodid.index.search import Searcher
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.keys import KeyFolder
from whodid.ledger.port import SequencerPort
from whodid.ledger.reader import LedgerReader
from whodid.query.tree import Query


class SelfWatch:
    """One for a process; not safe for threads.

    `findings` every few minutes is enough; `faults` costs nothing while the report is the same.
    """

    def __init__(self, directory: Path, keys: KeyFolder, port: SequencerPort, clock: Clock) -> None:
        self._clock = clock
        self._reader = LedgerReader(directory, keys)
        searcher = Searcher(directory, keys, self._reader)
        builder = BatchBuilder(keys.ledger_id, keys.public_kek())
        own = OwnEvents(port, builder, keys.identity_root(), clock)
        context = ReadContext(directory, port, own, clock, _no_turn, _all)
        self._sources = SourceReading(context, searcher, Analyst(searcher), self._reader)
        self._integrity = LedgerIntegrity(directory, keys, own, clock)
        self._stamp: tuple[int, ...] = ()

    def faults(self) -> list[Finding]:
        """Return faults of the ledger when what is known of them changed since they were asked."""
        stamp = self._integrity.stamp()
        if stamp == self._stamp:
            return []
        self._stamp = stamp
        return fault_findings(self._integrity.read(), self._clock())

    def findings(self) -> list[Finding]:
        """Return what is wrong now. Raises LedgerError, RefusedError."""
        now = self._clock()
        states = self._sources.look(THE_DETECTOR.rights)
        return [
            *integrity_findings(self._integrity.read(), now),
            *source_findings(states, now),
        ]

    def close(self) -> None:
        """Close files."""
        self._reader.close()


@contextmanager
def _no_turn(_caller: Caller, _act: Act) -> Iterator[None]:
    yield


def _all(_caller: Caller, query: Query, _act: Act) -> Query:
    return query
