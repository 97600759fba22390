"""The table of tries whose event is not in the ledger yet. They hold no content of events."""

from collections.abc import Sequence

import msgspec

from whodid.detection.delivery.change import Attempt
from whodid.detection.delivery.kept.database import OutboxDb


class Attempts:
    """The table. Raises LedgerError when it cannot."""

    def __init__(self, db: OutboxDb) -> None:
        self._db = db

    def put(self, attempt: Attempt, kept: int) -> int:
        """Keep a try until its event is written; return how many older ones had to go for it."""
        with self._db.together():
            query = "SELECT coalesce(max(number), 0) + 1, count(*) FROM attempts"
            [(number, count)] = self._db.values(query)
            text = msgspec.json.encode(attempt).decode()
            self._db.put("attempts", {"once": attempt.once, "number": number, "attempt": text})
            over = max(0, int(count) + 1 - kept)
            oldest = "SELECT once FROM attempts ORDER BY number LIMIT ?"
            for (once,) in self._db.values(oldest, (over,)):
                self._db.run("DELETE FROM attempts WHERE once = ?", (once,))
        return over

    def first(self, limit: int) -> list[Attempt]:
        """Return the oldest of them, in their order."""
        query = "SELECT * FROM attempts ORDER BY number LIMIT ?"
        rows = self._db.rows("attempts", query, (limit,))
        return [msgspec.json.decode(row["attempt"], type=Attempt) for row in rows]

    def forget(self, attempts: Sequence[Attempt]) -> None:
        """Forget those whose event was written."""
        with self._db.together():
            for attempt in attempts:
                self._db.run("DELETE FROM attempts WHERE once = ?", (attempt.once,))
