"""Alerts put together: for the detector, and for the faces.

alerts = open_alerts(directory, keys, port, system_clock)   # one for a process
alerts.take(findings)                                       # written before it returns
alerts.tick()                                               # about once a minute
alerts.changes(after, limit)                                # what is to be told
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from whodid.app.alert_desk import AlertDesk
from whodid.app.alert_journal import LedgerJournal
from whodid.app.answer import Caller, Hit
from whodid.app.following import hit_of
from whodid.app.own import OwnEvents
from whodid.app.read_context import ReadContext
from whodid.app.rule_standing import RulesFile
from whodid.clock import Clock
from whodid.detection.alerts.alerts import DETECTOR, Alerts
from whodid.detection.alerts.settings import AlertSettings
from whodid.errors import UsageError
from whodid.index.search import Searcher
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import DETECTION
from whodid.ledger.port import SequencerPort
from whodid.ledger.reader import LedgerReader
from whodid.query.rights import EVERYTHING

THE_DETECTOR = Caller(DETECTOR, "server", rights=EVERYTHING, handles=True)
"""Who raises alerts and ends them."""

_NO_DETECTOR = (
    "No detector has run on this ledger: it is turned off (detection.enabled), or no server has "
    "run yet."
)


def open_alerts(
    directory: Path, keys: KeyFolder, port: SequencerPort, clock: Clock,
    settings: AlertSettings | None = None,
) -> Alerts:  # fmt: skip
    """Return the alerts of a ledger, for a process that raises them; compared with the ledger.

    Not to be shared between threads: it reads the ledger with a reader of its own.
    """
    reader = LedgerReader(directory, keys)
    own = OwnEvents(
        port, BatchBuilder(keys.ledger_id, keys.public_kek()), keys.identity_root(), clock
    )
    journal = LedgerJournal(port, own, THE_DETECTOR, reader, Searcher(directory, keys, reader))
    alerts = Alerts(directory, keys.state_keys().access, journal, clock, settings)
    alerts.reconcile()
    return alerts


def open_desk(
    keys: KeyFolder, context: ReadContext, reader: LedgerReader, searcher: Searcher,
    turn: Callable[[], AbstractContextManager[None]],
) -> AlertDesk:  # fmt: skip
    """Return the alerts of a ledger for its readers; `turn` guards the reader."""
    own, clock = context.own, context.clock
    journal = LedgerJournal(context.port, own, THE_DETECTOR, reader, searcher, turn)
    alerts = Alerts(context.directory, keys.state_keys().access, journal, clock)

    def hits(_caller: Caller, entries: Sequence[int]) -> list[Hit]:
        found = []
        with turn():
            for row in journal.rows(entries):
                try:
                    found.append(hit_of(row, EVERYTHING))
                except UsageError:
                    continue  # no event, or gone
        return found

    def why_none() -> list[str]:
        if any(path.is_file() for path in (context.directory / DETECTION).glob("*")):
            return []
        return [_NO_DETECTOR]

    rules = RulesFile(context.directory, keys)

    def rule_id(called: str) -> str | None:
        standing = rules.read()
        if standing is None:
            return called
        used = standing.rule(called)
        return used.head.id if used else None

    return AlertDesk(alerts, journal.of, hits, own.write, clock, why_none, rule_id)
