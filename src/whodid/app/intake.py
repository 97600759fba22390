"""What stands behind the seam `sources.intake`: rows → batch → sequencer → tally."""

from whodid.app.rows import Prepared, RowMaker
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.port import SequencerPort
from whodid.ledger.sequenced import CONFLICT, DUPLICATE
from whodid.ledger.state_db import Receipt
from whodid.limits import BATCH_ROWS_MAX
from whodid.sources.intake import Delivery, Tally


class LedgerIntake:
    """A blocking `Intake`: a command that reads files."""

    def __init__(self, maker: RowMaker, builder: BatchBuilder, port: SequencerPort) -> None:
        self._maker = maker
        self._builder = builder
        self._port = port

    def accept(self, delivery: Delivery) -> Tally:
        """Normalise, commit, store; durable on return (see `sources.intake`)."""
        prepared = self._maker.make(delivery)
        tally = Tally(exactly_once=prepared.exactly_once)
        for start in range(0, len(prepared.rows), BATCH_ROWS_MAX):
            end = min(start + BATCH_ROWS_MAX, len(prepared.rows))
            receipt = self._port.submit(self._builder.build(prepared.rows[start:end]))
            tally = tally.plus(tally_of(prepared, start, end, receipt, 0))
        return tally


def tally_of(prepared: Prepared, start: int, end: int, receipt: Receipt, at: int) -> Tally:
    """Return what became of rows [start, end), which stand at `at` in the receipt's batch."""
    verdicts = receipt.verdicts[at : at + end - start]
    before = at - receipt.verdicts[:at].count(DUPLICATE)
    duplicate = verdicts.count(DUPLICATE)
    accepted = len(verdicts) - duplicate
    marks = prepared.quarantined[start:end]
    quarantined = 0
    if True in marks:
        pairs = zip(marks, verdicts, strict=True)
        quarantined = sum(1 for bad, verdict in pairs if bad and verdict != DUPLICATE)
    first = receipt.first + before
    return Tally(
        accepted=accepted - quarantined,
        duplicate=duplicate,
        quarantined=quarantined,
        conflict=verdicts.count(CONFLICT),
        first=first if accepted else None,
        last=first + accepted - 1 if accepted else None,
        exactly_once=prepared.exactly_once,
        checkpoint_size=receipt.size,
    )
