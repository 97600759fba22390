"""Rows of the derived table: alerts and silences, signed (`ledger.row_mac`)."""

from typing import Any

from whodid.detection.alerts.alert import Alert, Silence
from whodid.detection.alerts.fingerprint import joined, split
from whodid.detection.alerts.silence import level_of
from whodid.detection.rule import LEVELS
from whodid.errors import IntegrityError
from whodid.ledger.row_mac import Row, is_genuine, signed

ALERTS, SILENCES, KEPT = "alerts", "silences", "kept"


class AlteredError(IntegrityError):
    """A row that whodid did not write: the table is made again from the ledger."""


def checked(key: bytes, table: str, row: Row) -> Row:
    """Return a row that is ours. Raises AlteredError."""
    if not is_genuine(key, table, row):
        raise AlteredError("alerts.db: a row that whodid did not write")
    return row


def alert_row(key: bytes, alert: Alert) -> Row:
    """Return the signed row of an alert."""
    fields: dict[str, Any] = {name: getattr(alert, name) for name in alert.__struct_fields__}
    fields["level"] = LEVELS.index(alert.level)
    fields["tags"] = joined(alert.tags)
    fields["overflow"], fields["early"] = int(alert.overflow), int(alert.early)
    return signed(key, ALERTS, fields)


def alert_of(key: bytes, row: Row) -> Alert:
    """Return the alert of a row. Raises AlteredError."""
    fields = {name: value for name, value in checked(key, ALERTS, row).items() if name != "mac"}
    fields["level"] = level_of(row["level"])
    fields["tags"] = split(row["tags"])
    fields["overflow"], fields["early"] = bool(row["overflow"]), bool(row["early"])
    return Alert(**fields)


def silence_row(key: bytes, silence: Silence) -> Row:
    """Return the signed row of a silence."""
    fields: dict[str, Any] = {name: getattr(silence, name) for name in silence.__struct_fields__}
    fields["level"] = None if silence.level is None else LEVELS.index(silence.level)
    fields["tags"] = joined(silence.tags)
    return signed(key, SILENCES, fields)


def silence_of(key: bytes, row: Row) -> Silence:
    """Return the silence of a row. Raises AlteredError."""
    fields = {name: value for name, value in checked(key, SILENCES, row).items() if name != "mac"}
    fields["level"] = None if row["level"] is None else level_of(row["level"])
    fields["tags"] = split(row["tags"])
    return Silence(**fields)
