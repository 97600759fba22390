"""outbox.db as a file: durable commits, rows that are signed, bodies that are sealed.

A row that whodid did not write does not exist. Nobody notices here that one was taken away; that
an alert was delivered is an event in the ledger, and so is seen when it lacks.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from whodid.detection.delivery.kept.sealing import Sealing
from whodid.errors import IntegrityError, LedgerError
from whodid.ledger.keys_db import open_durable
from whodid.ledger.layout import FORMAT, OUTBOX_DB, too_new
from whodid.ledger.row_mac import MAC, Row, is_genuine, replace, rows_of, signed

_KEK = "kek"
_TABLES = ("numbers", "messages", "alerts", "attempts")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS numbers (
    name TEXT PRIMARY KEY, value INTEGER NOT NULL, kek INTEGER NOT NULL, mac BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS messages (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, channel TEXT NOT NULL, line TEXT NOT NULL,
    state TEXT NOT NULL, made_us INTEGER NOT NULL, hold_us INTEGER NOT NULL,
    retry_us INTEGER NOT NULL, attempts INTEGER NOT NULL, last INTEGER NOT NULL,
    done_us INTEGER NOT NULL, reason TEXT NOT NULL, alerts TEXT NOT NULL,
    kek INTEGER NOT NULL, mac BLOB
) STRICT;
CREATE INDEX IF NOT EXISTS messages_by_line ON messages (state, channel, line, seq);
CREATE INDEX IF NOT EXISTS messages_by_seq ON messages (seq);
CREATE TABLE IF NOT EXISTS bodies (about TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS alerts (
    alert TEXT PRIMARY KEY, told_us INTEGER NOT NULL, channels TEXT NOT NULL,
    since_us INTEGER NOT NULL, next_us INTEGER, escalations TEXT NOT NULL,
    kek INTEGER NOT NULL, mac BLOB
) STRICT;
CREATE INDEX IF NOT EXISTS alerts_by_next ON alerts (next_us) WHERE next_us IS NOT NULL;
CREATE TABLE IF NOT EXISTS attempts (
    once TEXT PRIMARY KEY, number INTEGER NOT NULL, attempt TEXT NOT NULL,
    kek INTEGER NOT NULL, mac BLOB
) STRICT;
"""

Kept = TypeVar("Kept")


class OutboxDb:
    """The database. Safe for threads and for several processes. Raises LedgerError when it cannot.

    Invariant: what a method wrote is on disk when it returns; in `together`, when that ends.
    """

    def __init__(self, directory: Path, sealing: Sealing) -> None:
        self.path = directory / OUTBOX_DB
        self._sealing = sealing
        self._lock = threading.RLock()
        self._inside = False
        try:
            self._db = open_durable(self.path)
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version > FORMAT:
                self._db.close()
                raise too_new(self.path, version)
            self._db.isolation_level = None  # transactions are ours
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version = {FORMAT}")
        except sqlite3.DatabaseError as error:
            raise LedgerError(
                f"{self.path}: {error}; delete it while nothing runs, and a new one is begun"
            ) from error
        self.path.chmod(0o600)
        self.forged = self._drop_forged()

    def close(self) -> None:
        """Close it."""
        with self._lock:
            self._db.close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make what is written inside durable at once, or none of it."""
        with self._lock:
            if self._inside:
                yield
                return
            try:
                self._db.execute("BEGIN IMMEDIATE")
                self._inside = True
                yield
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                raise LedgerError(f"{self.path}: {error}") from error
            finally:
                self._inside = False
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def put(self, table: str, row: Row) -> None:
        """Put a signed row in the place of the one with its primary key."""
        key = self._sealing.row_key(self._sealing.version)
        if key is None:
            raise LedgerError(f"{self.path}: the key folder has no private key-encryption key")
        with self.together():
            replace(self._db, table, signed(key, table, {**row, _KEK: self._sealing.version}))

    def run(self, statement: str, values: Any = ()) -> None:
        """Run a statement that changes something."""
        with self.together():
            self._db.execute(statement, values)

    def rows(self, table: str, query: str, values: Any = ()) -> list[Row]:
        """Return the rows of a table that a query finds and that whodid wrote."""
        with self._reading(query, values) as cursor:
            found = rows_of(cursor)
        return [
            {name: value for name, value in row.items() if name not in {_KEK, MAC}}
            for row in found
            if self._is_ours(table, row)
        ]

    def values(self, query: str, values: Any = ()) -> list[Any]:
        """Return what a query counts; it is not signed, so nothing is let in by it."""
        with self._reading(query, values) as cursor:
            return cursor.fetchall()

    # --- bodies ----------------------------------------------------------------------------------

    def put_body(self, about: str, body: object) -> None:
        """Keep the sealed body of what `about` names."""
        sealed = self._sealing.seal(msgspec.json.encode(body), about)
        with self.together():
            replace(self._db, "bodies", {"about": about, "body": sealed})

    def body(self, about: str, kind: type[Kept]) -> Kept:
        """Return a body. Raises IntegrityError when it is not there or was altered."""
        found = self.values("SELECT body FROM bodies WHERE about = ?", (about,))
        if not found:
            raise IntegrityError(f"{self.path}: {about} has no text any more")
        try:
            return msgspec.json.decode(self._sealing.open(found[0][0], about), type=kind)
        except msgspec.MsgspecError as error:
            raise IntegrityError(f"{self.path}: {about} does not decode") from error

    def drop_bodies(self, about: Iterable[str]) -> None:
        """Drop bodies; one that is not there is no error."""
        with self.together():
            names = [(name,) for name in about]
            self._db.executemany("DELETE FROM bodies WHERE about = ?", names)

    # --- numbers ---------------------------------------------------------------------------------

    def number(self, name: str, default: int) -> int:
        """Return a number that was kept."""
        for row in self.rows("numbers", "SELECT * FROM numbers WHERE name = ?", (name,)):
            return int(row["value"])
        return default

    def keep_number(self, name: str, value: int) -> None:
        """Keep a number."""
        self.put("numbers", {"name": name, "value": value})

    # ---------------------------------------------------------------------------------------------

    def _is_ours(self, table: str, row: Row) -> bool:
        key = self._sealing.row_key(row[_KEK])
        return key is not None and is_genuine(key, table, row)

    def _drop_forged(self) -> int:
        """Drop rows that whodid did not write: a line would wait for them for ever."""
        count = 0
        for table in _TABLES:
            with self._reading(f"SELECT rowid AS place, * FROM {table}") as cursor:  # noqa: S608
                found = rows_of(cursor)
            for row in found:
                place = row.pop("place")
                if not self._is_ours(table, row):
                    self.run(f"DELETE FROM {table} WHERE rowid = ?", (place,))  # noqa: S608
                    count += 1
        return count

    @contextmanager
    def _reading(self, query: str, values: Any = ()) -> Iterator[sqlite3.Cursor]:
        with self._lock:
            try:
                with closing(self._db.execute(query, values)) as cursor:
                    yield cursor
            except sqlite3.Error as error:
                raise LedgerError(f"{self.path}: {error}") from error
