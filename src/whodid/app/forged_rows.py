"""The event of a row of state.db that whodid did not write (`ledger.row_mac`)."""

from whodid.access.doorkeeper import Doorkeeper
from whodid.app.answer import Caller, Face
from whodid.app.reads import Reading


def record_forged(doorkeeper: Doorkeeper, reading: Reading, face: Face) -> None:
    """Record each such row that was met since the last call; one row is recorded once a process."""
    for what in doorkeeper.take_forged():
        reading.record(
            Caller("unknown", face), "alter state.db", what, ok=False,
            reason="whodid did not write this row; it has no effect",
        )  # fmt: skip
