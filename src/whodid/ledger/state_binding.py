"""Binding state.db to the key folder: which key signs which rows, and the one-time upgrade.

`access.key` signs users, sessions, links, read tokens and saved views; `doors.key` signs sources
and write tokens, and is the one that a door needs. A ledger of before has neither: `whodid upgrade`
makes them, and its rows are signed as they are and the keys are made. After that only the key
folder decides what is genuine, so nobody can ask for the upgrade again by altering DIR.

1. Make doors.key, if it is missing.
2. In one transaction: add the columns that are missing, drop sessions and links, sign the others.
3. Make access.key. It is made last: while it is missing, all of this is done again.
"""

import contextlib
import secrets
import sqlite3
from pathlib import Path

from whodid.errors import IntegrityError, LedgerError
from whodid.ledger.keys import KeyFolder, StateKeys
from whodid.ledger.keys_db import open_durable
from whodid.ledger.layout import STATE_DB, STATE_FORMAT
from whodid.ledger.row_mac import Row, insert, is_genuine, replace, rows_of, signed

SOURCE_TOKEN = "wd_"  # noqa: S105 - the kind of a token, and no token
"""The `kind` of write tokens in access_tokens."""

BOUND_TABLES = (
    "sources", "access_users", "access_tokens", "access_sessions", "access_links", "access_views",
)  # fmt: skip

_COLUMNS = {
    "sources": ("mac BLOB",),
    "access_users": (
        "filter TEXT", "deny TEXT NOT NULL DEFAULT ''", "version INTEGER NOT NULL DEFAULT 0",
        "mac BLOB",
    ),
    "access_tokens": ("user_version INTEGER", "mac BLOB"),
}  # fmt: skip
"""Columns that tables of before do not have."""

_TEMPORARY = ("access_sessions", "access_links")


def key_name(table: str, row: Row) -> str:
    """Return which key signs a row: "access" or "doors"."""
    if table == "sources" or (table == "access_tokens" and row.get("kind") == SOURCE_TOKEN):
        return "doors"
    return "access"


def is_signed(directory: Path) -> bool:
    """Tell whether the rows of state.db carry macs at all. Raises IntegrityError."""
    path = directory / STATE_DB
    try:
        with contextlib.closing(open_durable(path)) as db:
            return "mac" in {row[1] for row in db.execute("PRAGMA table_info(sources)")}
    except sqlite3.Error as error:
        raise IntegrityError(f"{path}: not a readable database ({error})") from error


def bind_state(directory: Path, keys: KeyFolder) -> None:
    """Do the upgrade (the numbered steps above), unless it was done. Needs the writer lock.

    Raises LedgerError when state.db cannot be written.
    """
    if keys.has_access_key():
        return
    secret = secrets.token_bytes(32)
    found = {"access": secret, "doors": keys.make_doors_key()}  # 1
    try:
        with contextlib.closing(open_durable(directory / STATE_DB)) as db:
            db.execute("BEGIN IMMEDIATE")
            with db:
                _upgrade(db, found)  # 2
                db.execute(f"PRAGMA user_version = {STATE_FORMAT}")
    except sqlite3.Error as error:
        raise LedgerError(
            f"{directory / STATE_DB}: cannot be bound to its keys: {error}"
        ) from error
    keys.make_access_key(secret)  # 3


def drop_forged(directory: Path, keys: StateKeys) -> None:
    """Drop the rows that nobody with these keys wrote; they have no effect anywhere.

    Raises LedgerError when state.db cannot be written.
    """
    try:
        with contextlib.closing(open_durable(directory / STATE_DB)) as db, db:
            there = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
            for table in there.intersection(BOUND_TABLES):
                rows = rows_of(db.execute(f"SELECT * FROM {table}"))  # noqa: S608 - a name of ours
                genuine = [row for row in rows if _is_genuine(table, row, keys)]
                if len(genuine) < len(rows):
                    db.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours
                    for row in genuine:
                        insert(db, table, row)
    except sqlite3.Error as error:
        raise LedgerError(f"{directory / STATE_DB}: cannot be cleared: {error}") from error


def _is_genuine(table: str, row: Row, keys: StateKeys) -> bool:
    key = keys.doors if key_name(table, row) == "doors" else keys.access
    return is_genuine(key, table, row)


def _upgrade(db: sqlite3.Connection, keys: dict[str, bytes]) -> None:
    there = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    for table in _TEMPORARY:
        if table in there:
            db.execute(f"DROP TABLE {table}")
    for table, columns in _COLUMNS.items():
        if table not in there:
            continue
        known = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
        for column in columns:
            if column.split()[0] not in known:
                db.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
        for row in rows_of(db.execute(f"SELECT * FROM {table}")):  # noqa: S608 - a name of ours
            replace(db, table, signed(keys[key_name(table, row)], table, row))
