"""What can be asked of the derived table. Every row that counts is checked (`rows.checked`)."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct

from whodid.detection.alerts.alert import Alert, Silence
from whodid.detection.alerts.rows import KEPT, alert_of, checked, silence_of
from whodid.detection.alerts.settings import HOUR_US
from whodid.detection.alerts.silence import is_on
from whodid.detection.rule import LEVELS
from whodid.ledger.row_mac import rows_of

_ACTIVE = "state <> 'closed' AND quiet_us IS NULL"
_TAGS_AT_ONCE = 500
_GRAVE = LEVELS.index("high")
_EVER_US = 2**62
BY_HOUR = f"seen_us / {HOUR_US}"
"""Its hour as SQL, for the index and for those who use it: both must say the same."""

_ORDER = f"{BY_HOUR} DESC, last_us DESC, entry DESC"


class Place(NamedTuple):
    """Where an alert stands in the list: by hour of the last finding, newest event, entry.

    What is found as it happens stands by the times of its events, as does what is read together
    later; but no event can put its alert below others by telling of an older time. The time of the
    event is not in it: who is not shown an alert may be given its place.
    """

    hour: int
    entry: int

    @classmethod
    def of(cls, alert: Alert) -> "Place":
        """Return the place of an alert."""
        return cls(alert.seen_us // HOUR_US, alert.entry)


class Evidence(Struct, frozen=True):
    """A record about an alert: its entry in the ledger, what it says, when (µs UTC)."""

    entry: int
    kind: str
    at_us: int


class Pending(Struct, frozen=True):
    """A change that is to be told, as the table keeps it."""

    entry: int
    alert: str
    kind: str
    at_us: int


class Reads:
    """Reads of one connection; raises AlteredError for a row that whodid did not write."""

    def __init__(self, db: sqlite3.Connection, key: bytes) -> None:
        self.db = db
        self.key = key

    def alert(self, alert_id: str) -> Alert | None:
        """Return an alert by its id."""
        return next(iter(self.alerts("id = ?", alert_id)), None)

    def alerts(self, where: str, *values: object, limit: int = -1) -> list[Alert]:
        """Return alerts, the newest first; `where` is ours, values are not in it."""
        sql = f"SELECT * FROM alerts WHERE {where} ORDER BY entry DESC LIMIT {limit}"  # noqa: S608
        return [alert_of(self.key, row) for row in rows_of(self.db.execute(sql, values))]

    def page(
        self, where: str, values: Sequence[object], below: Place | None, limit: int
    ) -> list[Alert]:
        """Return alerts in the order of `Place`, the first ones behind `below`; `where` is ours."""
        if below is not None:
            row = self.db.execute("SELECT last_us FROM alerts WHERE entry = ?", (below.entry,))
            (last_us,) = row.fetchone() or (_EVER_US,)
            where = f"({where}) AND ({BY_HOUR}, last_us, entry) < (?, ?, ?)"
            values = [*values, below.hour, last_us, below.entry]
        sql = f"SELECT * FROM alerts WHERE {where} ORDER BY {_ORDER} LIMIT {limit}"  # noqa: S608
        return [alert_of(self.key, row) for row in rows_of(self.db.execute(sql, values))]

    def active(self, fingerprint: bytes) -> Alert | None:
        """Return the alert into which findings of a fingerprint are folded."""
        found = self.alerts(f"fingerprint = ? AND {_ACTIVE}", fingerprint, limit=1)
        return found[0] if found else None

    def last(self, fingerprint: bytes) -> str:
        """Return the id of the newest alert of a fingerprint, empty when there was none."""
        sql = "SELECT id FROM alerts WHERE fingerprint = ? ORDER BY entry DESC LIMIT 1"
        row = self.db.execute(sql, (fingerprint,)).fetchone()
        return str(row[0]) if row else ""

    def active_count(self, rule: str | None = None) -> int:
        """Count alerts that go on, of a rule or of all."""
        where = _ACTIVE if rule is None else f"{_ACTIVE} AND rule = ?"
        return self._count(f"SELECT count(*) FROM alerts WHERE {where}", rule)  # noqa: S608

    def grave(self) -> list[Alert]:
        """Return alerts that may mute lesser ones: active, not muted, high or critical."""
        return self.alerts(f"level >= ? AND muted = '' AND overflow = 0 AND {_ACTIVE}", _GRAVE)

    def over(self, seen_before_us: int, limit: int) -> list[Alert]:
        """Return active alerts of which nothing came since a time."""
        return self.alerts(f"seen_us < ? AND {_ACTIVE}", seen_before_us, limit=limit)

    def counts(self) -> dict[tuple[str, int, bool], int]:
        """Count alerts by (state, level, muted)."""
        sql = "SELECT state, level, muted <> '', count(*) FROM alerts GROUP BY 1, 2, 3"
        return {(row[0], row[1], bool(row[2])): row[3] for row in self.db.execute(sql)}

    def open_count(self) -> int:
        """Count alerts that nobody acknowledged, without muted ones."""
        return self._count("SELECT count(*) FROM alerts WHERE state = 'open' AND muted = ''")

    def by_rule(self) -> dict[str, tuple[int, int]]:
        """Return how many alerts there are of each rule, and when something was last seen."""
        sql = "SELECT rule, count(*), max(seen_us) FROM alerts GROUP BY rule"
        return {row[0]: (row[1], row[2]) for row in self.db.execute(sql)}

    # --- silences --------------------------------------------------------------------------------

    def silence(self, silence_id: str) -> Silence | None:
        """Return a silence by its id."""
        rows = rows_of(self.db.execute("SELECT * FROM silences WHERE id = ?", (silence_id,)))
        return silence_of(self.key, rows[0]) if rows else None

    def silences(self, *, ended: bool = False, limit: int = -1) -> list[Silence]:
        """Return silences that were not ended (they may have expired), or all, newest first."""
        where = "TRUE" if ended else "ended_us IS NULL"
        sql = f"SELECT * FROM silences WHERE {where} ORDER BY entry DESC LIMIT {limit}"  # noqa: S608
        return [silence_of(self.key, row) for row in rows_of(self.db.execute(sql))]

    def silences_on(self, now_us: int) -> list[Silence]:
        """Return silences that hold."""
        return [one for one in self.silences() if is_on(one, now_us)]

    # --- what came of what -----------------------------------------------------------------------

    def evidence(self, alert_id: str, limit: int) -> tuple[list[Evidence], int]:
        """Return records about an alert, oldest first, and how many there are.

        Of more than `limit` the first half and the last.
        """
        total = self._count("SELECT count(*) FROM evidence WHERE alert = ?", alert_id)
        sql = "SELECT entry, kind, at_us FROM evidence WHERE alert = ? ORDER BY entry "
        if total <= limit:
            rows = self.db.execute(sql, (alert_id,)).fetchall()
        else:
            head = self.db.execute(f"{sql} LIMIT ?", (alert_id, limit // 2)).fetchall()
            tail = self.db.execute(f"{sql} DESC LIMIT ?", (alert_id, limit - limit // 2))
            rows = [*head, *reversed(tail.fetchall())]
        return [Evidence(*row) for row in rows], total

    def known(self, tags: Sequence[bytes]) -> set[bytes]:
        """Return those of these findings that were taken."""
        found: set[bytes] = set()
        for start in range(0, len(tags), _TAGS_AT_ONCE):
            some = tags[start : start + _TAGS_AT_ONCE]
            marks = ", ".join("?" * len(some))
            sql = f"SELECT tag FROM findings WHERE tag IN ({marks})"  # noqa: S608 - marks only
            found.update(row[0] for row in self.db.execute(sql, some))
        return found

    def notices(self, after: int, limit: int) -> list[Pending]:
        """Return changes that are to be told and came of entries behind `after`, in order."""
        sql = "SELECT entry, alert, kind, at_us FROM notices WHERE entry > ? ORDER BY entry LIMIT ?"
        return [Pending(*row) for row in self.db.execute(sql, (after, limit))]

    def counter(self, name: str) -> int:
        """Return a number that the table keeps; 0 when it does not."""
        return kept_value(self.db, self.key, name) or 0

    def _count(self, sql: str, *values: object) -> int:
        found = self.db.execute(sql, [value for value in values if value is not None]).fetchone()
        return int(found[0])


def kept_value(db: sqlite3.Connection, key: bytes, name: str) -> int | None:
    """Return a number that the table keeps under a name. Raises AlteredError."""
    rows: Iterable[dict[str, object]] = rows_of(
        db.execute("SELECT * FROM kept WHERE name = ?", (name,))
    )
    for row in rows:
        value = checked(key, KEPT, row)["value"]
        assert isinstance(value, int)
        return value
    return None
