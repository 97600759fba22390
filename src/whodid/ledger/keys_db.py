"""keys.db: the wrapped data keys of sealed blocks. Useless without the key folder.

SQLite with a rollback journal and synchronous=FULL: a key is durable before its block is named.
Readers load the file's bytes into memory: no lock, no journal, nothing written.
"""

import contextlib
import sqlite3
import tempfile
import time
from pathlib import Path

from whodid.errors import IntegrityError, LedgerError
from whodid.ledger.keys import Kek, PublicKek, unwrap
from whodid.ledger.layout import FORMAT, KEYS_DB

_SCHEMA = """
CREATE TABLE IF NOT EXISTS data_keys (
    key_id BLOB PRIMARY KEY, kek_version INTEGER NOT NULL, wrapped BLOB NOT NULL
) STRICT, WITHOUT ROWID
"""


_READ_TRIES = 20
_READ_WAIT_S = 0.01


def key_context(ledger_id: bytes, key_id: bytes) -> bytes:
    """Return what the wrapped key of a block is bound to."""
    return b"whodid/block-key/v1" + ledger_id + key_id


def create_keys_db(directory: Path) -> None:
    """Make an empty keys.db."""
    with open_durable(directory / KEYS_DB) as db:
        db.execute(_SCHEMA)
        db.execute(f"PRAGMA user_version = {FORMAT}")
    db.close()


def open_durable(path: Path) -> sqlite3.Connection:
    """Open a database whose commits are on disk when they return. Raises sqlite3.Error."""
    db = sqlite3.connect(path, timeout=10.0, check_same_thread=False)
    try:
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA fullfsync = ON")  # macOS, as in `storage.posix`; elsewhere nothing
    except BaseException:
        db.close()
        raise
    return db


def load_readonly(path: Path) -> sqlite3.Connection:
    """Load a database into memory from its bytes. Raises IntegrityError when it is not sound.

    A writer may be at work: what is read in the middle of a commit is read again. The journal of a
    writer that crashed is applied to a copy elsewhere.
    """
    db = sqlite3.connect(":memory:", check_same_thread=False)
    try:
        data = _stable_bytes(path)
        if not data:  # SQLite would answer with a MemoryError
            raise ValueError("the file is empty")
        db.deserialize(data)
        (verdict,) = db.execute("PRAGMA integrity_check").fetchone()
    except (sqlite3.Error, ValueError, OSError) as error:  # its own message may be no UTF-8
        db.close()
        raise IntegrityError(f"{path}: not a readable database ({error})") from error
    if verdict != "ok":
        db.close()
        raise IntegrityError(f"{path}: {verdict}")
    return db


def _stable_bytes(path: Path) -> bytes:
    journal = path.with_name(path.name + "-journal")
    for _ in range(_READ_TRIES):
        busy = _size(journal)
        data = path.read_bytes()
        if not busy and not _size(journal) and path.read_bytes() == data:
            return data
        time.sleep(_READ_WAIT_S)
    with tempfile.TemporaryDirectory(prefix="whodid-") as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(path.read_bytes())
        if _size(journal):
            copy.with_name(journal.name).write_bytes(journal.read_bytes())
        db = sqlite3.connect(copy)
        try:
            db.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # rolls the journal back
        finally:
            db.close()
        return copy.read_bytes()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def add_keys(directory: Path, ledger_id: bytes, kek: PublicKek, keys: dict[bytes, bytes]) -> None:
    """Wrap and store data keys (key id → key), durable on return."""
    rows = [
        (key_id, kek.version, kek.wrap(key, key_context(ledger_id, key_id)))
        for key_id, key in keys.items()
    ]
    try:
        with contextlib.closing(open_durable(directory / KEYS_DB)) as db, db:
            db.executemany("INSERT INTO data_keys VALUES (?, ?, ?)", rows)
    except sqlite3.Error as error:
        raise LedgerError(f"{directory / KEYS_DB}: {error}") from error


class DataKeys:
    """Opens data keys of blocks; reads keys.db again when it meets a key id it does not know."""

    def __init__(self, directory: Path, ledger_id: bytes, keks: dict[int, Kek]) -> None:
        self._path = directory / KEYS_DB
        self._ledger_id = ledger_id
        self._keks = keks
        self._wrapped: dict[bytes, tuple[int, bytes]] = {}
        self._open: dict[bytes, bytes] = {}

    def key(self, key_id: bytes) -> bytes:
        """Return the data key. Raises LedgerError when it or its key-encryption key is gone."""
        if key_id not in self._open:
            version, wrapped = self._find(key_id)
            context = key_context(self._ledger_id, key_id)
            self._open[key_id] = unwrap(self._keks, version, wrapped, context)
        return self._open[key_id]

    def has(self, key_id: bytes) -> bool:
        """Tell whether keys.db had this key when it was last read."""
        return key_id in self._wrapped

    def _find(self, key_id: bytes) -> tuple[int, bytes]:
        if key_id not in self._wrapped:
            db = load_readonly(self._path)
            try:
                rows = db.execute("SELECT key_id, kek_version, wrapped FROM data_keys")
                self._wrapped = {row[0]: (row[1], row[2]) for row in rows}
            except sqlite3.Error as error:
                raise IntegrityError(f"{self._path}: {error}") from error
            finally:
                db.close()
        try:
            return self._wrapped[key_id]
        except KeyError as error:
            raise LedgerError(f"keys.db has no key {key_id.hex()}: the block was erased") from error
