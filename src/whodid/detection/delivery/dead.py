"""Messages that wait or were given up, for who looks after them; sending them again."""

from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from whodid.detection.delivery.kept.database import OutboxDb
from whodid.detection.delivery.kept.messages import Messages, State, Waiting
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

    def counts(self) -> dict[tuple[str, State], tuple[int, int]]:
        """Return, by channel and state, how many there are and when the oldest was made (µs)."""
        return {} if self._db is None else Messages(self._db).counts()

    def try_now(self, ids: Sequence[str]) -> list[Waiting]:
        """Let messages that wait for their next try be tried as soon as their channel is.

        A message that a calendar holds is still held. All or none: raises UsageError for one that
        does not wait.
        """
        return self._change(
            ids, "waiting", "there is no message {!r} that waits",
            lambda found: msgspec.structs.replace(found, retry_us=0),
        )  # fmt: skip

    def send_again(self, ids: Sequence[str]) -> list[Waiting]:
        """Let messages that were given up be tried again, with the same ids as before.

        All or none: raises UsageError for one that was not given up.
        """
        return self._change(ids, "dead", _NONE, _again)

    def _change(
        self, ids: Sequence[str], state: State, none: str, changed: Callable[[Waiting], Waiting]
    ) -> list[Waiting]:  # fmt: skip
        rows: list[Waiting] = []
        if self._db is None:
            if ids:
                raise UsageError(none.format(ids[0]))
            return rows
        messages = Messages(self._db)
        with self._db.together():
            for name in ids:
                found = messages.find(name)
                if found is None or found.state != state:
                    raise UsageError(none.format(name))
                rows.append(changed(found))
                messages.put(rows[-1])
        return rows

    def close(self) -> None:
        """Close it."""
        if self._db is not None:
            self._db.close()


def _again(found: Waiting) -> Waiting:
    last = found.attempts + DELIVERY_ATTEMPTS_MAX
    return msgspec.structs.replace(
        found, state="waiting", retry_us=0, hold_us=0, done_us=0, last=last, reason=""
    )
