"""What the format of a source stands for: a built-in one, or one of a mapping file.

The mapping's text is kept in state.db by its hash, and the format (`json+<hash>`) that the ledger's
own entry of the source commits to ends with that hash: a text that was altered is noticed, and a
changed mapping is another format. Texts are only added.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from whodid.errors import IntegrityError, RefusedError
from whodid.ledger.keys_db import open_durable
from whodid.ledger.layout import STATE_DB
from whodid.normalize.by_mapping import SEPARATOR
from whodid.normalize.format import Format
from whodid.normalize.mapping import mapping_hash
from whodid.normalize.registry import format_by_mapping, format_by_name, is_by_mapping

_SCHEMA = """
CREATE TABLE IF NOT EXISTS source_mappings (hash TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT
"""
_TEXT = "SELECT text FROM source_mappings WHERE hash = ?"
_WAIT_S = 0.25


class SourceFormats:
    """Finds the format of a name. Reads state.db for a mapping that it has not met; one owner."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[str, Format] = {}

    def __call__(self, name: str) -> Format:
        """Return the format `name`.

        Raises UsageError for an unknown one, IntegrityError for a mapping that is gone or altered,
        RefusedError when state.db cannot be read now.
        """
        if not is_by_mapping(name):
            return format_by_name(name)
        known = self._known.get(name)
        if known is None:
            text = mapping_text(self._directory, name)
            known = format_by_mapping(name.partition(SEPARATOR)[0], text, f"the mapping of {name}")
            self._known[name] = known
        return known


def mapping_text(directory: Path, name: str) -> str:
    """Return the text of the mapping of a format `json+<hash>`. Raises as `SourceFormats`."""
    path = directory / STATE_DB
    digest = name.partition(SEPARATOR)[2]
    try:
        uri = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_S)) as db:
            row = db.execute(_TEXT, (digest,)).fetchone() if _has_table(db) else None
    except sqlite3.Error as error:
        raise RefusedError(f"{path.name}: {error}; try again") from error
    if row is None:
        raise IntegrityError(
            f"the mapping of {name} is not in {path.name}: restore that file, or declare the source"
            " again under another name"
        )
    if mapping_hash(row[0]) != digest:
        raise IntegrityError(
            f"the mapping of {name} in {path.name} was altered: restore that file from a backup"
        )
    return str(row[0])


def keep_mapping(directory: Path, text: str) -> None:
    """Keep a mapping's text; durable on return. Raises RefusedError when it cannot."""
    path = directory / STATE_DB
    try:
        with closing(open_durable(path)) as db, db:
            db.execute(_SCHEMA)
            db.execute(
                "INSERT OR IGNORE INTO source_mappings VALUES (?, ?)", (mapping_hash(text), text)
            )
    except sqlite3.Error as error:
        raise RefusedError(f"{path.name}: {error}; try again") from error


def _has_table(db: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE name = 'source_mappings'"
    return db.execute(query).fetchone() is not None
