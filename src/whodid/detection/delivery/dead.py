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

_SHOWN_MAX = 5 * OUTBOX_MESSAGES_MAX
_NONE = "there is no message {!r} that was given up"


class DeadLetters:
    """The outbox as a command sees it, also while the detector uses it. Raises LedgerError.

    A ledger of which nothing was ever to be told has none: then there are no messages.
    """

    def __init__(self, directory: Path, keys: KeyFolder) -> None:
        self._db: OutboxDb | None = None
        if (directory / OUTBOX_DB).exists():
            self._db = OutboxDb(directory, Sealing(keys.ledger_id, keys.keks()))

    def waiting(self) -> list[Waiting]:
        """Return what waits, the newest first."""
        return [] if self._db is None else Messages(self._db).of_state("waiting", _SHOWN_MAX)

    def dead(self) -> list[Waiting]:
        """Return what was given up, the newest first."""
        return [] if self._db is None else Messages(self._db).of_state("dead", OUTBOX_DEAD_KEPT)

    def send_again(self, ids: Sequence[str]) -> list[Waiting]:
        """Let messages that were given up be tried again, with the same ids as before.

        All or none: raises UsageError for one that was not given up.
        """
        again: list[Waiting] = []
        if self._db is None:
            if ids:
                raise UsageError(_NONE.format(ids[0]))
            return again
        messages = Messages(self._db)
        with self._db.together():
            for name in ids:
                found = messages.find(name)
                if found is None or found.state != "dead":
                    raise UsageError(_NONE.format(name))
                last = found.attempts + DELIVERY_ATTEMPTS_MAX
                row = msgspec.structs.replace(
                    found, state="waiting", retry_us=0, hold_us=0, done_us=0, last=last, reason=""
                )
                messages.put(row)
                again.append(row)
        return again

    def close(self) -> None:
        """Close it."""
        if self._db is not None:
            self._db.close()
