"""state.db, this room's part: users, login sessions, login links, tokens.

Commits are durable when they return (rollback journal, synchronous=FULL). The other parts of
state.db belong to the ledger; of them only `sources` is read here.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from whodid.errors import RefusedError, UsageError
from whodid.ledger.keys_db import open_durable
from whodid.ledger.layout import STATE_DB

_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS access_users (
        name TEXT PRIMARY KEY COLLATE NOCASE, role TEXT NOT NULL, password TEXT,
        created_us INTEGER NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE IF NOT EXISTS access_sessions (
        token_hash BLOB PRIMARY KEY, user TEXT NOT NULL COLLATE NOCASE,
        opened_us INTEGER NOT NULL, seen_us INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS access_links (
        token_hash BLOB PRIMARY KEY, user TEXT NOT NULL COLLATE NOCASE,
        expires_us INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS access_tokens (
        token_hash BLOB PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL UNIQUE,
        holder TEXT NOT NULL, name TEXT NOT NULL, issued_us INTEGER NOT NULL,
        expires_us INTEGER, revoked_us INTEGER
    ) STRICT, WITHOUT ROWID
    """,
)
_LAST_TABLE = "access_tokens"


class AccessTables:
    """This room's tables of the ledger in `directory`. Safe for threads and processes.

    A connection lives for one call (0.2 ms), so there is nothing to close and no lock is held
    between calls. Calls raise RefusedError when state.db is locked for long or the disk is full.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / STATE_DB
        if not self._path.is_file():
            raise UsageError(f"{directory}: no ledger here; make one with `whodid init`")
        if not self.rows("SELECT 1 FROM sqlite_master WHERE name = ?", (_LAST_TABLE,)):
            with self.write() as db:
                for statement in _SCHEMA:
                    db.execute(statement)

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self._open() as db:
            return db.execute(query, values).fetchall()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: durable at the end of the block, undone by an exception."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            with db:
                yield db

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(open_durable(self._path)) as db:
                yield db
        except sqlite3.OperationalError as error:
            raise RefusedError(f"{self._path.name}: {error}; try again") from error
