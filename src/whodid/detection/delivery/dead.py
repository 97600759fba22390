"""Messages that wait or were given up, for who looks after them; sending them again."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from whodid.detection.delivery.kept.database import OutboxDb
from whodid.detection.delivery.kept.messages import Messages, Waiting
from whodid.detection.delivery.kept.sealing import Sealing
from whodid.errors import UsageError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import OUTBOX_DB
from whodid.limits import DELIVERY_ATTEMPTS_MAX, OUTBOX_DEAD_KEPT, OUTBOX_MESSAGES_MAX


class DeadLetters:
    """The outbox as a command sees it, also while the detector uses it. Raises LedgerError."""

    def __init__(self, directory: Path, keys: KeyFolder) -> None:
        if not (directory / OUTBOX_DB).exists():
            raise UsageError("nothing was to be told yet: there is no outbox")
        self._db = OutboxDb(directory, Sealing(keys.ledger_id, keys.keks()))
        self._messages = Messages(self._db)

    def waiting(self) -> list[Waiting]:
        """Return what waits, the newest first."""
        return self._messages.of_state("waiting", OUTBOX_MESSAGES_MAX)

    def dead(self) -> list[Waiting]:
        """Return what was given up, the newest first."""
        return self._messages.of_state("dead", OUTBOX_DEAD_KEPT)

    def send_again(self, ids: Sequence[str]) -> list[Waiting]:
        """Let messages that were given up be tried again, with the same ids as before.

        All or none: raises UsageError for one that was not given up.
        """
        again = []
        with self._db.together():
            for name in ids:
                found = self._messages.find(name)
                if found is None or found.state != "dead":
                    raise UsageError(f"there is no message {name!r} that was given up")
                last = found.attempts + DELIVERY_ATTEMPTS_MAX
                row = msgspec.structs.replace(
                    found, state="waiting", retry_us=0, hold_us=0, done_us=0, last=last, reason=""
                )
                self._messages.put(row)
                again.append(row)
        return again

    def close(self) -> None:
        """Close it."""
        self._db.close()
