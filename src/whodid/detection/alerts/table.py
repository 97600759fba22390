"""`DIR/alerts.db`: alerts as they stand now, derived from the ledger. Delete it: it is made again.

It holds indexes, tags and times, names of users and of rules, never what an event told. Rows of
alerts and silences are signed; one that whodid did not write makes the table be made again. It does
not notice an older whole file put in its place, other than by `Alerts.reconcile`.

Who changes it holds the lock (`alerts.db.lock`, which ends with its holder) from the look at the
table to the end of the change, in the order of three steps:

1. A mark: from which size of the ledger on something may be written. Durable.
2. The records, in the ledger. Durable.
3. What they change in the table, and the mark away. One transaction.

Whoever gets the lock and finds a mark knows that its writer died between 1 and 3, and reads from
the ledger what was written since.
"""

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from whodid.detection.alerts.fold import THROUGH, fold, keep, kept
from whodid.detection.alerts.reads import BY_HOUR, Reads
from whodid.detection.alerts.record import AlertRecord
from whodid.detection.alerts.rows import AlteredError
from whodid.errors import RefusedError
from whodid.ledger.keys_db import open_durable
from whodid.ledger.layout import ALERTS_DB

FORMAT = 2
_LOCK_WAIT_S = 30.0
_LOCK_STEP_S = 0.01
_COMPLETE, _MARK = "complete", "mark"

_SCHEMA = f"""
CREATE TABLE alerts (
    id TEXT PRIMARY KEY, rule TEXT NOT NULL, version TEXT NOT NULL, title TEXT NOT NULL,
    level INTEGER NOT NULL, fingerprint BLOB NOT NULL, tags BLOB NOT NULL,
    entry INTEGER NOT NULL, newest INTEGER NOT NULL,
    raised_us INTEGER NOT NULL, seen_us INTEGER NOT NULL,
    first_us INTEGER NOT NULL, last_us INTEGER NOT NULL,
    findings INTEGER NOT NULL, events INTEGER NOT NULL, noticed_us INTEGER NOT NULL,
    state TEXT NOT NULL, muted TEXT NOT NULL, quiet_us INTEGER,
    assignee TEXT NOT NULL, acted_by TEXT NOT NULL, acted_us INTEGER NOT NULL,
    disposition TEXT NOT NULL, duplicate_of TEXT NOT NULL, previous TEXT NOT NULL,
    overflow INTEGER NOT NULL, counted INTEGER NOT NULL, early INTEGER NOT NULL, mac BLOB
) STRICT;
CREATE INDEX alerts_by_fingerprint ON alerts (fingerprint, entry);
CREATE INDEX alerts_by_entry ON alerts (entry);
CREATE INDEX alerts_by_place ON alerts ({BY_HOUR}, last_us, entry);
CREATE INDEX alerts_by_rule ON alerts (rule, entry);
CREATE INDEX alerts_active ON alerts (rule) WHERE state <> 'closed' AND quiet_us IS NULL;
CREATE INDEX alerts_open ON alerts (level, entry) WHERE state = 'open' AND muted = '';
CREATE INDEX alerts_muted ON alerts (muted) WHERE muted <> '';
CREATE INDEX alerts_seen ON alerts (seen_us) WHERE state <> 'closed' AND quiet_us IS NULL;
CREATE TABLE silences (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, rule TEXT NOT NULL, level INTEGER,
    tags BLOB NOT NULL, author TEXT NOT NULL, made_us INTEGER NOT NULL, expires_us INTEGER,
    entry INTEGER NOT NULL, ended_us INTEGER, ended_by TEXT NOT NULL, muted INTEGER NOT NULL,
    last_us INTEGER NOT NULL, mac BLOB
) STRICT;
CREATE INDEX silences_on ON silences (entry) WHERE ended_us IS NULL;
CREATE TABLE evidence (
    entry INTEGER PRIMARY KEY, alert TEXT NOT NULL, kind TEXT NOT NULL, at_us INTEGER NOT NULL
) STRICT;
CREATE INDEX evidence_by_alert ON evidence (alert, entry);
CREATE TABLE findings (tag BLOB PRIMARY KEY, entry INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX findings_by_entry ON findings (entry);
CREATE TABLE notices (
    entry INTEGER PRIMARY KEY, alert TEXT NOT NULL, kind TEXT NOT NULL, at_us INTEGER NOT NULL
) STRICT;
CREATE TABLE kept (name TEXT PRIMARY KEY, value INTEGER NOT NULL, mac BLOB) STRICT;
"""
_TABLES = ("alerts", "silences", "evidence", "findings", "notices", "kept")

Records = Callable[[int], Iterator[tuple[int, AlertRecord]]]
"""From which entry on → the records there, in order."""


class Turn(Reads):
    """The table for one who holds the lock."""

    def begin(self, size: int) -> None:
        """Step 1: say that entries at `size` and behind may hold what the table does not know."""
        with self.db:
            keep(self.db, self.key, _MARK, size)

    def end(self, written: list[tuple[int, AlertRecord]]) -> None:
        """Step 3: take in what was written, in the order of entries."""
        with self.db:
            for entry, record in written:
                fold(self, entry, record)
            keep(self.db, self.key, _MARK, None)


class AlertTable:
    """The table of one ledger. Safe for threads and processes; a connection lives for one call."""

    def __init__(self, directory: Path, key: bytes) -> None:
        self._path = directory / ALERTS_DB
        self._lock = directory / f"{ALERTS_DB}.lock"
        self._key = key

    @contextmanager
    def reading(self) -> Iterator[Reads]:
        """Look at the table as it is. Raises AlteredError from its reads, and RefusedError."""
        with self._open() as db:
            yield Reads(db, self._key)

    @contextmanager
    def turn(self, records: Records) -> Iterator[Turn]:
        """Hold the lock, with a table that knows all that is in the ledger.

        Raises RefusedError when another holds it for long.
        """
        with self._locked():
            for again in (True, False):
                with self._open() as db:
                    turn = Turn(db, self._key)
                    try:
                        self._catch_up(turn, records)
                    except AlteredError:
                        if not again:
                            raise
                        self._empty(db)
                        continue
                    yield turn
                    return

    def is_behind(self) -> bool:
        """Tell whether it may miss something: it is not made yet, or a writer died.

        While a writer is at work it is not: who reads then sees what was before.
        """
        with self._open() as db:
            try:
                behind = not kept(db, self._key, _COMPLETE) or (
                    kept(db, self._key, _MARK) is not None
                )
            except AlteredError:
                return True
        return behind and self._is_free()

    def remake(self, records: Records) -> None:
        """Make all of it again from the ledger."""
        with self._locked(), self._open() as db:
            self._empty(db)
            self._catch_up(Turn(db, self._key), records)

    def _catch_up(self, turn: Turn, records: Records) -> None:
        db, key = turn.db, self._key
        mark = kept(db, key, _MARK)
        if not kept(db, key, _COMPLETE):
            mark = 0
        if mark is None:
            return
        through = kept(db, key, THROUGH)
        with db:
            for entry, record in records(max(mark, 0 if through is None else through + 1)):
                fold(turn, entry, record)
            keep(db, key, _MARK, None)
            keep(db, key, _COMPLETE, 1)

    @staticmethod
    def _empty(db: sqlite3.Connection) -> None:
        with db:
            for table in _TABLES:
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - ours

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(self._opened()) as db:
                yield db
        except sqlite3.OperationalError as error:
            raise RefusedError(f"{self._path.name}: {error}; try again") from error

    def _opened(self) -> sqlite3.Connection:
        """Open the file; one that is no database, or of another format, is made anew."""
        try:
            return _ready(self._path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            for name in (self._path, self._path.with_name(f"{self._path.name}-journal")):
                name.unlink(missing_ok=True)
            return _ready(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        late_s = time.monotonic() + _LOCK_WAIT_S
        fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while not _taken(fd):
                if time.monotonic() > late_s:
                    raise RefusedError("another process is at work on the alerts; try again")
                time.sleep(_LOCK_STEP_S)
            yield
        finally:
            os.close(fd)

    def _is_free(self) -> bool:
        fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            return _taken(fd)
        finally:
            os.close(fd)


def _taken(fd: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _ready(path: Path) -> sqlite3.Connection:
    db = open_durable(path)
    try:
        (found,) = db.execute("PRAGMA user_version").fetchone()
        if found != FORMAT:
            db.execute("BEGIN IMMEDIATE")
            with db:
                _make(db)
    except BaseException:
        db.close()
        raise
    return db


def _make(db: sqlite3.Connection) -> None:
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found == FORMAT:
        return
    names = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (name,) in names:
        db.execute('DROP TABLE "{}"'.format(str(name).replace('"', '""')))
    for statement in _SCHEMA.split(";"):
        if statement.strip():
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {FORMAT}")
