"""What faces have of detection beside the alerts: its rules, its outbox, how it stands."""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from whodid.app.detection_standing import DetectionStanding
from whodid.app.outbox_desk import OutboxDesk
from whodid.app.own import OwnEvents
from whodid.app.rule_backtest.kept import KeptRuns
from whodid.app.rule_backtest.runs import Runs
from whodid.app.rule_desk import AlertsOf, HistoryOf, RuleDesk
from whodid.app.rule_standing import RulesFile
from whodid.clock import Clock
from whodid.detection.delivery.settings import AlertSettings
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.keys import KeyFolder
from whodid.ledger.port import SequencerPort


class Desks(Struct, frozen=True):
    """One for a server. `standing` shows no content and is no event."""

    rules: RuleDesk
    outbox: OutboxDesk
    standing: Callable[[], DetectionStanding | None]

    def write_owed(self) -> bool:
        """Write the events that the log lacks; return whether it has all. Blocks."""
        return self.rules.write_owed()

    def close(self) -> None:
        """End what runs."""
        self.rules.close()


def open_desks(
    directory: Path, keys: KeyFolder, port: SequencerPort, alerts: AlertsOf, clock: Clock, *,
    history: HistoryOf, settings: Callable[[], AlertSettings],
    standing: Callable[[], DetectionStanding | None],
) -> Desks:  # fmt: skip
    """Return the desks of a ledger. `history` and `settings` say what is set up now."""
    builder = BatchBuilder(keys.ledger_id, keys.public_kek())
    own = OwnEvents(port, builder, keys.identity_root(), clock)
    runs = Runs(directory, own.write, clock, KeptRuns(directory, keys))
    rules = RuleDesk(RulesFile(directory, keys), alerts, history, own.write, runs)
    return Desks(rules, OutboxDesk(directory, keys, settings, own.write, clock), standing)
