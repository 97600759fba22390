"""state.db, the sequencer's part: declared sources, and the receipts kept for retried batches.

It holds names and settings, never event content. Other rooms keep their own tables in it.
"""

import errno
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from whodid.errors import IntegrityError, LedgerError
from whodid.ledger.keys_db import load_readonly, open_durable
from whodid.ledger.layout import STATE_DB, STATE_FORMAT
from whodid.ledger.row_mac import Row, insert, is_genuine, rows_of, signed

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sources (
    name TEXT PRIMARY KEY, source_id BLOB NOT NULL UNIQUE, format TEXT NOT NULL,
    domain TEXT NOT NULL, class INTEGER NOT NULL, opened_us INTEGER NOT NULL, mac BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS receipts (
    batch_id BLOB PRIMARY KEY, appended_us INTEGER NOT NULL, receipt BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS receipts_by_time ON receipts (appended_us);
"""

OWN_SOURCE = "whodid"


class Source(Struct, frozen=True):
    """A declared sender. Identities are unique within its `domain`."""

    name: str
    source_id: bytes
    format: str
    domain: str
    class_: int = 0
    opened_us: int = 0


class Receipt(Struct, frozen=True):
    """What a durable batch became: entries [first, end) of the log, one verdict a row.

    `root` is the RFC 6962 root over the batch's own leaves; `size` the log's size after it.
    """

    batch_id: bytes
    first: int
    end: int
    duplicate: int
    conflict: int
    verdicts: bytes
    root: bytes
    size: int

    @property
    def accepted(self) -> int:
        """Number of entries added."""
        return self.end - self.first


class StateDb:
    """Sources and receipts. Commits are durable on return.

    `key` signs the sources (`row_mac`); a source that it did not sign does not exist.
    """

    def __init__(self, directory: Path, key: bytes) -> None:
        path = directory / STATE_DB
        self._key = key
        self._lock = threading.Lock()
        try:
            self._db = open_durable(path)
            with self._db:
                self._db.executescript(_SCHEMA)
                self._db.execute(f"PRAGMA user_version = {STATE_FORMAT}")
        except sqlite3.OperationalError as error:
            raise LedgerError(f"{path}: {error}") from error
        except sqlite3.DatabaseError as error:
            raise IntegrityError(f"{path}: not a readable database ({error})") from error

    def sources(self) -> dict[str, Source]:
        """Return the declared sources by name."""
        return _read_sources(self._db, self._key)

    def add_source(self, source: Source) -> None:
        """Keep a declared source. Raises OSError when it cannot."""
        with self._lock, _failing(), self._db:
            insert(self._db, "sources", signed(self._key, "sources", _row(source)))

    def keep_receipts(self, receipts: list[tuple[int, Receipt]], older_than_us: int) -> None:
        """Keep (appended_us, receipt) pairs and drop those before `older_than_us`.

        Raises OSError when it cannot.
        """
        rows = [(receipt.batch_id, when, _pack(receipt)) for when, receipt in receipts]
        with self._lock, _failing(), self._db:
            self._db.executemany("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", rows)
            self._db.execute("DELETE FROM receipts WHERE appended_us < ?", (older_than_us,))

    def receipt(self, batch_id: bytes) -> Receipt | None:
        """Return the receipt of a batch whose write-ahead record was recycled.

        Raises OSError when it cannot be read.
        """
        query = "SELECT receipt FROM receipts WHERE batch_id = ?"
        with self._lock, _failing():
            row = self._db.execute(query, (batch_id,)).fetchone()
        return _unpack(row[0]) if row else None

    def appended_us(self, batch_id: bytes) -> int:
        """Return when the batch of a kept receipt was appended, 0 for another.

        Raises OSError when it cannot be read.
        """
        query = "SELECT appended_us FROM receipts WHERE batch_id = ?"
        with self._lock, _failing():
            row = self._db.execute(query, (batch_id,)).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Close the database."""
        self._db.close()


@contextmanager
def _failing() -> Iterator[None]:
    """Turn a database's failure into what any other file's is: the caller sees one disk."""
    try:
        yield
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
        raise OSError(errno.ENOSPC if full else errno.EIO, f"{STATE_DB}: {error}") from error


def _pack(receipt: Receipt) -> bytes:
    # Most batches are accepted whole: their verdicts are zeros, one a row, and are left out.
    if not any(receipt.verdicts):
        receipt = msgspec.structs.replace(receipt, verdicts=b"")
    return msgspec.msgpack.encode(receipt)


def _unpack(data: bytes) -> Receipt:
    try:
        receipt = msgspec.msgpack.decode(data, type=Receipt)
    except msgspec.DecodeError as error:
        raise OSError(errno.EIO, f"{STATE_DB}: a receipt that does not decode") from error
    return (
        receipt
        if receipt.verdicts
        else msgspec.structs.replace(receipt, verdicts=bytes(receipt.accepted))
    )


def _row(source: Source) -> Row:
    return {
        "name": source.name, "source_id": source.source_id, "format": source.format,
        "domain": source.domain, "class": source.class_, "opened_us": source.opened_us,
    }  # fmt: skip


def _read_sources(db: sqlite3.Connection, key: bytes) -> dict[str, Source]:
    rows = rows_of(db.execute("SELECT * FROM sources"))
    return {row["name"]: source_of(row) for row in rows if is_genuine(key, "sources", row)}


def source_of(row: Row) -> Source:
    """Return the source of a row."""
    return Source(
        row["name"], row["source_id"], row["format"], row["domain"], row["class"],
        row["opened_us"],
    )  # fmt: skip


def read_sources(directory: Path, key: bytes) -> dict[str, Source]:
    """Return the declared sources that `key` signed, without a lock and without writing."""
    db = load_readonly(directory / STATE_DB)
    try:
        return _read_sources(db, key)
    finally:
        db.close()
