"""state.db, this room's part: users, login sessions, login links, tokens.

Commits are durable when they return (rollback journal, synchronous=FULL). The other parts of
state.db belong to the ledger; of them only `sources` is read here.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from whodid.errors import RefusedError
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


class AccessTables:
    """One connection, used by one thread at a time; safe for threads.

    Both calls raise RefusedError when the database is locked for long or the disk is full.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / STATE_DB
        self._lock = threading.RLock()
        with self._faults():
            self._db = open_durable(self._path)
        try:
            with self.write() as db:
                for statement in _SCHEMA:
                    db.execute(statement)
        except BaseException:
            self._db.close()
            raise

    def rows(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with self._lock, self._faults():
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: durable at the end of the block, undone by an exception."""
        with self._lock, self._faults():
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                yield self._db

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise RefusedError(f"{self._path}: {error}; try again") from error

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()
