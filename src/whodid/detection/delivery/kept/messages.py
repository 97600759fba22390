"""The table of messages: what waits, what was sent, what was given up."""

from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from whodid.detection.delivery.kept.database import OutboxDb
from whodid.detection.delivery.message import Message
from whodid.ledger.row_mac import Row
from whodid.limits import DELIVERY_ATTEMPTS_MAX

State: TypeAlias = Literal["waiting", "sent", "dead"]

_HEADS = """
SELECT * FROM messages AS one WHERE state = 'waiting' AND channel = :channel AND seq = (
    SELECT min(seq) FROM messages
    WHERE state = 'waiting' AND channel = one.channel AND line = one.line
) AND hold_us <= :now AND (retry_us <= :now OR retry_us > :far) ORDER BY seq LIMIT :limit
"""
_NEWEST = "SELECT * FROM messages WHERE channel = ? AND line = ? ORDER BY seq DESC LIMIT 1"


class Waiting(Struct, frozen=True):
    """A message as its row says. `line` keeps the order: one of a line is sent after the other.

    `hold_us` is when a calendar lets it go, `retry_us` when it may be tried (again); it is given up
    with the attempt number `last`. `alerts` are those that stand in it.
    """

    id: str
    seq: int
    channel: str
    line: str
    state: State
    made_us: int
    hold_us: int = 0
    retry_us: int = 0
    attempts: int = 0
    last: int = 0
    done_us: int = 0
    reason: str = ""
    alerts: tuple[str, ...] = ()

    @property
    def tries(self) -> int:
        """How often it was tried since it was made, or since somebody had it sent again."""
        return self.attempts - self.last + DELIVERY_ATTEMPTS_MAX


class Messages:
    """The table. Raises LedgerError when it cannot."""

    def __init__(self, db: OutboxDb) -> None:
        self._db = db

    def heads(self, channel: str, now_us: int, far_us: int, limit: int) -> list[Waiting]:
        """Return the first message of each line that may be sent now, the oldest first.

        One that would be tried only after `far_us` may be, too: the clock was set back.
        """
        asked = {"channel": channel, "now": now_us, "far": far_us, "limit": limit}
        return [_waiting(row) for row in self._db.rows("messages", _HEADS, asked)]

    def newest(self, channel: str, line: str) -> Waiting | None:
        """Return the newest message of a line, whatever became of it."""
        found = self._db.rows("messages", _NEWEST, (channel, line))
        return _waiting(found[0]) if found else None

    def find(self, message_id: str) -> Waiting | None:
        """Return a message."""
        found = self._db.rows("messages", "SELECT * FROM messages WHERE id = ?", (message_id,))
        return _waiting(found[0]) if found else None

    def of_state(self, state: State, limit: int) -> list[Waiting]:
        """Return messages of a state, the newest first."""
        query = "SELECT * FROM messages WHERE state = ? ORDER BY seq DESC LIMIT ?"
        return [_waiting(row) for row in self._db.rows("messages", query, (state, limit))]

    def counts(self) -> dict[tuple[str, State], tuple[int, int]]:
        """Return, by channel and state, how many there are and when the oldest was made."""
        query = "SELECT channel, state, count(*), min(made_us) FROM messages GROUP BY 1, 2"
        return {(row[0], row[1]): (row[2], row[3]) for row in self._db.values(query)}

    def next_seq(self) -> int:
        """Return the place of the next message in the order of all."""
        return int(self._db.values("SELECT coalesce(max(seq), 0) + 1 FROM messages")[0][0])

    def put(self, message: Waiting, body: Message | None = None) -> None:
        """Keep a message, and what it says when that is given; a sent one says nothing more."""
        row = msgspec.structs.asdict(message)
        with self._db.together():
            alerts = msgspec.json.encode(message.alerts).decode()
            self._db.put("messages", {**row, "alerts": alerts})
            if message.state == "sent":
                self._db.drop_bodies([message.id])
            elif body is not None:
                self._db.put_body(message.id, body)

    def body(self, message: Waiting) -> Message:
        """Return what a message says. Raises IntegrityError when that is lost or altered."""
        return self._db.body(message.id, Message)

    def drop_beyond(self, state: State, kept: int) -> int:
        """Drop the oldest messages of a state beyond so many; return how many they were."""
        old = "SELECT id FROM messages WHERE state = ? ORDER BY seq DESC LIMIT -1 OFFSET ?"
        with self._db.together():
            names = [name for (name,) in self._db.values(old, (state, kept))]
            self._db.drop_bodies(names)
            for name in names:
                self._db.run("DELETE FROM messages WHERE id = ?", (name,))
        return len(names)


def _waiting(row: Row) -> Waiting:
    alerts = msgspec.json.decode(row["alerts"], type=tuple[str, ...])
    return Waiting(**{**row, "alerts": alerts})
