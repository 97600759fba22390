"""The table of open alerts that somebody was told of: who hears of their end, and who is next."""

import msgspec
from msgspec import Struct

from whodid.detection.delivery.change import Change
from whodid.detection.delivery.kept.database import OutboxDb
from whodid.ledger.row_mac import Row


class Escalation(Struct, frozen=True):
    """Channels that are told of an alert which nobody acknowledged for so long."""

    after_us: int
    channels: tuple[str, ...]


class ToldAlert(Struct, frozen=True):
    """An open alert: who was told, and who will be since `since_us` if nobody acknowledges it."""

    alert: str
    told_us: int
    channels: tuple[str, ...]
    since_us: int
    escalations: tuple[Escalation, ...] = ()

    @property
    def next_us(self) -> int | None:
        """When the next escalation is due."""
        waits = [item.after_us for item in self.escalations]
        return self.since_us + min(waits) if waits else None


class ToldAlerts:
    """The table. Raises LedgerError when it cannot."""

    def __init__(self, db: OutboxDb) -> None:
        self._db = db

    def find(self, alert: str) -> ToldAlert | None:
        """Return what is remembered of an alert."""
        found = self._db.rows("alerts", "SELECT * FROM alerts WHERE alert = ?", (alert,))
        return _told(found[0]) if found else None

    def put(self, told: ToldAlert, change: Change | None = None) -> None:
        """Remember an alert, and what is told when it escalates."""
        row = {
            "alert": told.alert, "told_us": told.told_us, "channels": _text(told.channels),
            "since_us": told.since_us, "next_us": told.next_us,
            "escalations": _text(told.escalations),
        }  # fmt: skip
        with self._db.together():
            self._db.put("alerts", row)
            if not told.escalations:
                self._db.drop_bodies([_about(told.alert)])
            elif change is not None:
                self._db.put_body(_about(told.alert), change)

    def change(self, told: ToldAlert) -> Change:
        """Return what is told when it escalates. Raises IntegrityError when that is lost."""
        return self._db.body(_about(told.alert), Change)

    def forget(self, alert: str) -> None:
        """Forget an alert that was closed."""
        with self._db.together():
            self._db.run("DELETE FROM alerts WHERE alert = ?", (alert,))
            self._db.drop_bodies([_about(alert)])

    def to_escalate(self, now_us: int, limit: int) -> list[ToldAlert]:
        """Return alerts whose escalation is due, or whose clock was set back since."""
        query = (
            "SELECT * FROM alerts WHERE next_us IS NOT NULL AND (next_us <= ? OR since_us > ?) "
            "ORDER BY next_us LIMIT ?"
        )
        return [_told(row) for row in self._db.rows("alerts", query, (now_us, now_us, limit))]

    def forget_beyond(self, kept: int) -> int:
        """Forget the alerts that were told longest ago, beyond so many; return how many."""
        old = "SELECT alert FROM alerts ORDER BY told_us DESC, rowid DESC LIMIT -1 OFFSET ?"
        with self._db.together():
            names = [name for (name,) in self._db.values(old, (kept,))]
            for name in names:
                self.forget(name)
        return len(names)


def _about(alert: str) -> str:
    return f"alert {alert}"


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _told(row: Row) -> ToldAlert:
    return ToldAlert(
        row["alert"], row["told_us"],
        msgspec.json.decode(row["channels"], type=tuple[str, ...]), row["since_us"],
        msgspec.json.decode(row["escalations"], type=tuple[Escalation, ...]),
    )  # fmt: skip
