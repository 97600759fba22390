"""state.db, this room's part: users, login sessions, login links, tokens, saved views.

Commits are durable when they return (rollback journal, synchronous=FULL). The other parts of
state.db belong to the ledger; of them only `sources` is read here. Every row carries a mac under a
key of the key folder (`ledger.row_mac`): one that does not verify is as if it were not there, and
is named to `on_forged`, so that who can write DIR but holds no keys makes nobody a user.

It does not notice an old row that was put back: a session, token or role of before counts again
until the next change of that user.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from whodid.errors import RefusedError, UsageError
from whodid.ledger.keys import StateKeys
from whodid.ledger.keys_db import open_durable
from whodid.ledger.layout import STATE_DB
from whodid.ledger.row_mac import Row, insert, is_genuine, replace, rows_of, signed
from whodid.ledger.state_binding import key_name

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS access_users (
        name TEXT PRIMARY KEY COLLATE NOCASE, role TEXT NOT NULL, password TEXT,
        created_us INTEGER NOT NULL, filter TEXT, deny TEXT NOT NULL DEFAULT '',
        version INTEGER NOT NULL DEFAULT 0, mac BLOB
    ) STRICT
    """,
    """
    CREATE TABLE IF NOT EXISTS access_sessions (
        token_hash BLOB PRIMARY KEY, user TEXT NOT NULL COLLATE NOCASE,
        opened_us INTEGER NOT NULL, seen_us INTEGER NOT NULL, user_version INTEGER NOT NULL,
        mac BLOB
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS access_links (
        token_hash BLOB PRIMARY KEY, user TEXT NOT NULL COLLATE NOCASE,
        expires_us INTEGER NOT NULL, user_version INTEGER NOT NULL, mac BLOB
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS access_tokens (
        token_hash BLOB PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL UNIQUE,
        holder TEXT NOT NULL, name TEXT NOT NULL, issued_us INTEGER NOT NULL,
        expires_us INTEGER, revoked_us INTEGER, user_version INTEGER, mac BLOB
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS access_views (
        id TEXT PRIMARY KEY, owner TEXT NOT NULL COLLATE NOCASE, name TEXT NOT NULL,
        text TEXT NOT NULL, state TEXT NOT NULL, shared INTEGER NOT NULL,
        saved_us INTEGER NOT NULL, mac BLOB
    ) STRICT, WITHOUT ROWID
    """,
)
_TABLES = 5
_COUNT = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name LIKE 'access_%'"


OnForged = Callable[[str], None]
"""Is told the table of a row that whodid did not write, and what it is about."""


class Transaction:
    """Reads and writes of one connection. Only genuine rows are read; every row is signed."""

    def __init__(self, db: sqlite3.Connection, keys: StateKeys, on_forged: OnForged | None) -> None:
        self._db = db
        self._keys = keys
        self._on_forged = on_forged

    def select(self, table: str, where: str = "TRUE", *values: object) -> list[Row]:
        """Return the genuine rows; `table` and `where` are ours, values are not in them."""
        cursor = self._db.execute(f"SELECT * FROM {table} WHERE {where}", values)  # noqa: S608 - ours
        found = []
        for row in rows_of(cursor):
            if is_genuine(self._key(table, row), table, row):
                found.append(row)
            elif self._on_forged is not None:
                about = row.get("name") or row.get("user") or row.get("id")
                self._on_forged(f"{table} {str(about)[:64]}")
        return found

    def insert(self, table: str, **row: object) -> None:
        """Add a row. Raises sqlite3.IntegrityError when there is one of its key."""
        insert(self._db, table, signed(self._key(table, row), table, row))

    def change(self, table: str, row: Row, **changes: object) -> None:
        """Put a row in the place of one that was read."""
        new = {**row, **changes}
        replace(self._db, table, signed(self._key(table, new), table, new))

    def delete(self, table: str, where: str, *values: object) -> int:
        """Delete rows, genuine or not; tell how many."""
        return self._db.execute(f"DELETE FROM {table} WHERE {where}", values).rowcount  # noqa: S608 - ours

    def _key(self, table: str, row: Row) -> bytes:
        return self._keys.doors if key_name(table, row) == "doors" else self._keys.access


class AccessTables:
    """This room's tables of the ledger in `directory`. Safe for threads and processes.

    A connection lives for one call (0.2 ms), so there is nothing to close and no lock is held
    between calls. Calls raise RefusedError when state.db is locked for long or the disk is full.
    """

    def __init__(self, directory: Path, keys: StateKeys, on_forged: OnForged | None = None) -> None:
        self._path = directory / STATE_DB
        self._keys = keys
        self._on_forged = on_forged
        if not self._path.is_file():
            raise UsageError(f"{directory}: no ledger here; make one with `whodid init`")
        with self._open() as db:
            if db.execute(_COUNT).fetchone()[0] < _TABLES:
                with db:
                    for statement in _SCHEMA:
                        db.execute(statement)

    def select(self, table: str, where: str = "TRUE", *values: object) -> list[Row]:
        """Return the genuine rows (see `Transaction.select`)."""
        with self._open() as db:
            return Transaction(db, self._keys, self._on_forged).select(table, where, *values)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One transaction: durable at the end of the block, undone by an exception."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            with db:
                yield Transaction(db, self._keys, self._on_forged)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(open_durable(self._path)) as db:
                yield db
        except sqlite3.OperationalError as error:
            raise RefusedError(f"{self._path.name}: {error}; try again") from error
