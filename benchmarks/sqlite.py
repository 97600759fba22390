"""The peer for words: SQLite with B-trees and an FTS5 index of trigrams, in this process.

Its file is kept in `build/`. LIKE on a column of an FTS5 table with trigrams is answered by them.
"""

import re
import sqlite3
from pathlib import Path

from benchmarks.events import BUILD, COLUMNS, VERSION, Corpus
from benchmarks.questions import FACETS, Question, median_ms

_INDEXED = ("ts", "actor", "correlation", "session")
_ROWS = 10_000
_TIME = re.compile(r"'(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)\+00'")
_NAMES = [column.partition(" ")[0] for column in COLUMNS]


class Sqlite:
    """A table of events."""

    def __init__(self, events: Corpus, count: int) -> None:
        self.path = BUILD / f"events-{VERSION}-{count}.sqlite"
        fresh = not self.path.exists()
        self._db = sqlite3.connect(self.path)
        if fresh:
            self._fill(events)
        self.version = sqlite3.sqlite_version

    def _fill(self, events: Corpus) -> None:
        db = self._db
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
            "tokenize='trigram case_sensitive 1', detail=none)"
        )
        db.execute("INSERT INTO words(words) VALUES ('rebuild')")
        db.execute("ANALYZE")
        db.commit()

    @property
    def size_bytes(self) -> int:
        """Bytes of its file."""
        return Path(self.path).stat().st_size

    def median_ms(self, question: Question) -> float:
        """Return the median time of the questions, after one that is not counted."""

        return median_ms(lambda sql: self._db.execute(sql).fetchall(), statements, question)

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def statements(kind: str, condition: str) -> list[str]:
    """Return the SQL of a question."""
    where = _TIME.sub(r"'\1T\2Z'", condition)
    if kind == "group":
        return [f"SELECT actor, action, count(*) FROM events WHERE {where} GROUP BY 1, 2 LIMIT 100"]
    if kind == "overview":
        tail = f"FROM events WHERE {where} GROUP BY 1 ORDER BY 2 DESC LIMIT 10"
        bars = (
            f"SELECT substr(ts, 1, 13), outcome, count(*) FROM events WHERE {where} GROUP BY 1, 2"
        )
        return [*(f"SELECT {name}, count(*) {tail}" for name in FACETS), bars]
    if "LIKE" in where:
        where = f"rowid IN (SELECT rowid FROM words WHERE {where})"
    return [f"SELECT * FROM events WHERE {where} ORDER BY ts DESC LIMIT 100"]
