"""The peer for words: SQLite with B-trees and an FTS5 index of trigrams, in this process.

LIKE on a column of an FTS5 table with trigrams is answered by them, unless they tell upper from
lower case.
"""

import re
import sqlite3

from benchmarks.events import COLUMNS, Corpus
from benchmarks.kept_table import KeptTable
from benchmarks.questions import FACETS

_INDEXED = ("ts", "actor", "correlation", "session")
_ROWS = 10_000
_TIME = re.compile(r"'(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\+00'")
_NAMES = [column.partition(" ")[0] for column in COLUMNS]


class Sqlite(KeptTable):
    """A table of events."""

    suffix = "sqlite"
    version = sqlite3.sqlite_version

    def _connect(self) -> sqlite3.Connection:
        self._sqlite = sqlite3.connect(self.path)
        return self._sqlite

    def _fill(self, events: Corpus) -> None:
        db = self._sqlite
        db.execute("PRAGMA journal_mode = OFF")
        db.execute(f"CREATE TABLE events ({', '.join(_NAMES)})")
        insert = f"INSERT INTO events VALUES ({', '.join('?' * len(_NAMES))})"
        with events.path.open(encoding="utf-8") as lines:
            while rows := [line for line, _ in zip(lines, range(_ROWS), strict=False)]:
                cut = (line.rstrip("\n").split("\t") for line in rows)
                db.executemany(insert, ([None if v == "\\N" else v for v in r] for r in cut))
        for name in _INDEXED:
            db.execute(f"CREATE INDEX by_{name} ON events ({name})")
        db.execute(
            "CREATE VIRTUAL TABLE words USING fts5(resource, statement, content=events, "
            "tokenize='trigram', detail=none)"
        )
        db.execute("INSERT INTO words(words) VALUES ('rebuild')")
        db.execute("ANALYZE")
        db.commit()

    def _statements(self, kind: str, condition: str) -> list[str]:
        return statements(kind, condition)


def statements(kind: str, condition: str) -> list[str]:
    """Return the SQL of a question."""
    where = _TIME.sub(r"'\1T\2Z'", condition)
    if kind == "group":
        columns, tail = "actor, action, count(*)", "GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 100"
        return [f"SELECT {columns} FROM events WHERE {where} {tail}"]
    if kind == "overview":
        tail = f"FROM events WHERE {where} GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
        bars = (
            f"SELECT substr(ts, 1, 13), outcome, count(*) FROM events WHERE {where} GROUP BY 1, 2"
        )
        return [*(f"SELECT {name}, count(*) {tail}" for name in FACETS), bars]
    if "LIKE" in where:
        where = f"rowid IN (SELECT rowid FROM words WHERE {where})"
    return [f"SELECT * FROM events WHERE {where} ORDER BY ts DESC LIMIT 100"]
