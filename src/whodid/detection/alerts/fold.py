"""One record of the ledger into the table. The table is the fold of all of them, in order.

It reads no clock: all times are in the records, so that the same records make the same table.
"""

import sqlite3
from typing import assert_never

from msgspec.structs import replace

from whodid.detection.alerts.alert import Alert, Silence
from whodid.detection.alerts.reads import Reads, kept_value
from whodid.detection.alerts.record import (
    AlertRecord,
    Handled,
    Raised,
    Silenced,
    Unsilenced,
)
from whodid.detection.alerts.rows import ALERTS, KEPT, SILENCES, alert_row, silence_row
from whodid.detection.alerts.silence import mutes
from whodid.ledger import row_mac
from whodid.ledger.row_mac import signed
from whodid.limits import (
    ALERT_EVIDENCE_MAX,
    ALERT_NOTICES_MAX,
    ALERTS_KEPT_MAX,
    FINDINGS_KNOWN_MAX,
    SILENCES_MAX,
)

SILENCE_MARK, ALERT_MARK = "silence:", "alert:"
"""What `Alert.muted` begins with: what muted it."""

THROUGH, FOLDED, DROPPED, UNLISTED = "through", "folded", "dropped", "unlisted"
"""Numbers that are kept: the last entry taken in, how many were, what left a store at its bound."""

_PRUNE_EVERY = 256
_KEPT_AFTER = ALERTS_KEPT_MAX * 19 // 20
_KEPT_OVER = """
DELETE FROM alerts WHERE id IN (
    SELECT id FROM alerts WHERE state = 'closed' OR quiet_us IS NOT NULL
    ORDER BY state <> 'closed', muted = '', entry LIMIT ?
)
"""

kept = kept_value


def keep(db: sqlite3.Connection, key: bytes, name: str, value: int | None) -> None:
    """Keep a number under a name; None takes it away."""
    if value is None:
        db.execute("DELETE FROM kept WHERE name = ?", (name,))
    else:
        row_mac.replace(db, KEPT, signed(key, KEPT, {"name": name, "value": value}))


def fold(table: Reads, entry: int, record: AlertRecord) -> None:
    """Take a record in; one at or before the last that was taken in changes nothing."""
    through = kept(table.db, table.key, THROUGH)
    if through is not None and entry <= through:
        return
    match record:
        case Raised():
            _raised(table, entry, record)
        case Handled():
            _handled(table, entry, record)
        case Silenced():
            _silenced(table, entry, record)
        case Unsilenced():
            _unsilenced(table, record)
        case _:
            assert_never(record)
    keep(table.db, table.key, THROUGH, entry)
    folded = table.counter(FOLDED) + 1
    keep(table.db, table.key, FOLDED, folded)
    if folded % _PRUNE_EVERY == 0:
        _prune(table)


def _raised(table: Reads, entry: int, record: Raised) -> None:
    known = table.alert(record.alert)
    told = record.kind == "fired"
    muted = record.muted if record.kind == "muted" else "" if told or known is None else known.muted
    if known is None:
        alert = Alert(
            record.alert, record.rule.id, record.rule.version, record.rule.title,
            record.rule.level, bytes.fromhex(record.fingerprint),
            tuple(map(bytes.fromhex, record.tags)), entry, entry, record.at_us, record.at_us,
            record.first_us, record.last_us, record.findings, record.events, muted=muted,
            noticed_us=record.at_us if told else 0, previous=record.previous,
            overflow=record.overflow, counted=record.counted, early=record.early,
        )  # fmt: skip
    else:
        alert = replace(
            known, version=record.rule.version, title=record.rule.title, level=record.rule.level,
            newest=entry, seen_us=max(known.seen_us, record.at_us),
            first_us=min(known.first_us, record.first_us),
            last_us=max(known.last_us, record.last_us), findings=known.findings + record.findings,
            events=known.events + record.events, muted=muted,
            noticed_us=record.at_us if told or record.notice else known.noticed_us,
            counted=record.counted, early=record.early,
        )  # fmt: skip
    _write(table, alert)
    _count_muted(table, muted, record)
    rows = [(bytes.fromhex(tag), entry) for tag in record.finding_tags]
    table.db.executemany("INSERT OR IGNORE INTO findings VALUES (?, ?)", rows)
    _evidence(table, entry, record.alert, record.kind, record.at_us)
    if told:
        _notice(table, entry, record.alert, "opened", record.at_us)
    elif record.notice:
        _notice(table, entry, record.alert, "repeated", record.at_us)


def _count_muted(table: Reads, muted: str, record: Raised) -> None:
    if not muted.startswith(SILENCE_MARK):
        return
    silence = table.silence(muted.removeprefix(SILENCE_MARK))
    if silence is not None:
        _write_silence(
            table, replace(silence, muted=silence.muted + record.findings, last_us=record.at_us)
        )


def _handled(table: Reads, entry: int, record: Handled) -> None:
    alert = table.alert(record.alert)
    if alert is None:
        return  # it left the table; the ledger has all of it
    _evidence(table, entry, record.alert, record.act, record.at_us)
    _write(table, _after(replace(alert, newest=entry), record))
    if record.act == "close" and record.disposition == "false positive":
        _show(table, ALERT_MARK + alert.id)
    ends = record.act in {"close", "quiet"} and alert.is_active
    if not alert.noticed_us:
        return
    if ends:
        _notice(table, entry, alert.id, "closed", record.at_us)
    elif record.act == "acknowledge" and alert.state == "open":
        _notice(table, entry, alert.id, "acknowledged", record.at_us)


def _after(alert: Alert, record: Handled) -> Alert:
    """Return the alert as it is when this was done."""
    if record.act == "quiet":
        return replace(alert, quiet_us=record.at_us)
    alert = replace(alert, acted_by=record.by, acted_us=record.at_us)
    match record.act:
        case "acknowledge":
            return replace(alert, state="acknowledged")
        case "assign":
            return replace(alert, assignee=record.assignee)
        case "close":
            disposition = record.disposition or ""
            return replace(
                alert, state="closed", disposition=disposition, duplicate_of=record.duplicate_of
            )
        case "reopen":
            return replace(alert, state="open", disposition="", duplicate_of="")
        case "note":
            return alert
        case _:
            assert_never(record.act)


def _silenced(table: Reads, entry: int, record: Silenced) -> None:
    tags = tuple(map(bytes.fromhex, record.tags))
    silence = Silence(
        record.id, record.kind, record.rule, record.level, tags, record.by, record.at_us,
        record.expires_us, entry,
    )  # fmt: skip
    _write_silence(table, silence)
    for alert in table.alerts("state = 'open' AND muted = ''"):
        if mutes(silence, alert.rule, alert.level, alert.tags):
            _write(table, replace(alert, muted=SILENCE_MARK + silence.id))


def _unsilenced(table: Reads, record: Unsilenced) -> None:
    silence = table.silence(record.id)
    if silence is not None and silence.ended_us is None:
        ended = replace(silence, ended_us=record.at_us, ended_by=record.by)
        _write_silence(table, ended)
        _show(table, SILENCE_MARK + record.id)


def _show(table: Reads, mark: str) -> None:
    """Put what was muted into the list of open alerts; nobody is told until it goes on."""
    for alert in table.alerts("muted = ?", mark):
        _write(table, replace(alert, muted=""))


def _write(table: Reads, alert: Alert) -> None:
    row_mac.replace(table.db, ALERTS, alert_row(table.key, alert))


def _write_silence(table: Reads, silence: Silence) -> None:
    row_mac.replace(table.db, SILENCES, silence_row(table.key, silence))


def _evidence(table: Reads, entry: int, alert: str, kind: str, at_us: int) -> None:
    counted = table.db.execute("SELECT count(*) FROM evidence WHERE alert = ?", (alert,))
    if counted.fetchone()[0] < ALERT_EVIDENCE_MAX or kind not in {"repeated", "muted"}:
        row = (entry, alert, kind, at_us)
        table.db.execute("INSERT OR IGNORE INTO evidence VALUES (?, ?, ?, ?)", row)
    else:
        keep(table.db, table.key, UNLISTED, table.counter(UNLISTED) + 1)


def _notice(table: Reads, entry: int, alert: str, kind: str, at_us: int) -> None:
    row = (entry, alert, kind, at_us)
    table.db.execute("INSERT OR IGNORE INTO notices VALUES (?, ?, ?, ?)", row)


def _prune(table: Reads) -> None:
    """Keep every store within its bound; what leaves is counted, and stays in the ledger."""
    db = table.db
    (alerts,) = db.execute("SELECT count(*) FROM alerts").fetchone()
    if alerts > ALERTS_KEPT_MAX:
        gone = db.execute(_KEPT_OVER, (alerts - _KEPT_AFTER,)).rowcount
        db.execute("DELETE FROM evidence WHERE alert NOT IN (SELECT id FROM alerts)")
        keep(db, table.key, DROPPED, table.counter(DROPPED) + gone)
    for name, column, most in (
        ("findings", "entry", FINDINGS_KNOWN_MAX), ("notices", "entry", ALERT_NOTICES_MAX),
        ("silences", "entry", 4 * SILENCES_MAX),
    ):  # fmt: skip
        (count,) = db.execute(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608 - ours
        if count > most:
            where = "ended_us IS NOT NULL" if name == "silences" else "TRUE"
            db.execute(
                f"DELETE FROM {name} WHERE {column} IN (SELECT {column} FROM {name} "  # noqa: S608
                f"WHERE {where} ORDER BY {column} LIMIT ?)",
                (count - most,),
            )
