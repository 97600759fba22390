"""Format numbers: what is refused, and what the refusal says to do.

A newer number names the upgrade of whodid, an older one the upgrade of the ledger.
"""

import contextlib
import sqlite3
from pathlib import Path
from urllib.parse import quote

from whodid.errors import FormatError, IntegrityError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.keys_db import load_readonly
from whodid.ledger.layout import FORMAT, KEYS_DB, STATE_DB, STATE_FORMAT, too_new

_PRIMARY = 0xFF  # of a result code; the rest says more exactly what (sqlite.org/rescode.html)

DATABASES = {KEYS_DB: FORMAT, STATE_DB: STATE_FORMAT}
"""Database → the format that this whodid writes (`PRAGMA user_version`)."""


def too_old(name: object, directory: Path) -> FormatError:
    """Return the refusal of an older format."""
    return FormatError(
        f"{name} is of an older format: stop the server, back the ledger up, then run "
        f"`whodid upgrade {directory}`"
    )


def database_format(path: Path) -> int:
    """Return the format number of a database. Raises IntegrityError for what is none.

    The journal that a writer left when it was killed can only be undone by one who may write; here
    that is done in a copy in memory.
    """
    try:
        uri = f"file:{quote(str(path))}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=10)) as db:
            return _version(db)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & _PRIMARY != sqlite3.SQLITE_READONLY:
            raise IntegrityError(f"{path}: not a readable database ({error})") from error
    with contextlib.closing(load_readonly(path)) as db:
        return _version(db)


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def check_formats(directory: Path, keys: KeyFolder) -> None:
    """Raise FormatError when a database of DIR is not of the format that this whodid writes.

    Other files are looked at where they are read.
    """
    for name, known in DATABASES.items():
        found = database_format(directory / name)
        if found > known:
            raise too_new(directory / name, found, known)
    if not keys.has_access_key():  # what DIR says of itself does not count here
        raise too_old(directory / STATE_DB, directory)
