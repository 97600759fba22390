"""state.db, the sequencer's part: declared sources, and the receipts kept for retried batches.

It holds names and settings, never event content. Other rooms keep their own tables in it.
"""

import sqlite3
import threading
from pathlib import Path

import msgspec
from msgspec import Struct

from whodid.ledger.keys_db import load_readonly, open_durable
from whodid.ledger.layout import FORMAT, STATE_DB

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sources (
    name TEXT PRIMARY KEY, source_id BLOB NOT NULL UNIQUE, format TEXT NOT NULL,
    domain TEXT NOT NULL, class INTEGER NOT NULL, opened_us INTEGER NOT NULL
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
    """Sources and receipts. Commits are durable on return."""

    def __init__(self, directory: Path) -> None:
        self._db = open_durable(directory / STATE_DB)
        self._lock = threading.Lock()
        with self._db:
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version = {FORMAT}")

    def sources(self) -> dict[str, Source]:
        """Return the declared sources by name."""
        return _read_sources(self._db)

    def add_source(self, source: Source) -> None:
        """Keep a declared source."""
        with self._lock, self._db:
            self._db.execute(
                "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?)", msgspec.structs.astuple(source)
            )

    def keep_receipts(self, receipts: list[tuple[int, Receipt]], older_than_us: int) -> None:
        """Keep (appended_us, receipt) pairs and drop those before `older_than_us`."""
        encode = msgspec.msgpack.encode
        rows = [(receipt.batch_id, when, encode(receipt)) for when, receipt in receipts]
        with self._lock, self._db:
            self._db.executemany("INSERT OR REPLACE INTO receipts VALUES (?, ?, ?)", rows)
            self._db.execute("DELETE FROM receipts WHERE appended_us < ?", (older_than_us,))

    def receipt(self, batch_id: bytes) -> Receipt | None:
        """Return the receipt of a batch whose write-ahead record was recycled."""
        query = "SELECT receipt FROM receipts WHERE batch_id = ?"
        with self._lock:
            row = self._db.execute(query, (batch_id,)).fetchone()
        return msgspec.msgpack.decode(row[0], type=Receipt) if row else None

    def close(self) -> None:
        """Close the database."""
        self._db.close()


def _read_sources(db: sqlite3.Connection) -> dict[str, Source]:
    rows = db.execute("SELECT name, source_id, format, domain, class, opened_us FROM sources")
    return {row[0]: Source(*row) for row in rows}


def read_sources(directory: Path) -> dict[str, Source]:
    """Return the declared sources without a lock and without writing."""
    db = load_readonly(directory / STATE_DB)
    try:
        return _read_sources(db)
    finally:
        db.close()
