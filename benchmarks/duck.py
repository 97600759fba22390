"""The peer for scans: DuckDB in this process, with the same events in a native table of its own.

Two threads, its file warm. `late_materialization_max_rows` is raised: with its default of 50 the
newest hundred would be twenty times as slow.
"""

from pathlib import Path

import duckdb

from benchmarks.events import BUILD, COLUMNS, VERSION, Corpus
from benchmarks.questions import FACETS, Question, median_ms

_TYPES = {"inet": "text", "uuid": "uuid"}


class Duck:
    """A table of events. It is kept in `build/`."""

    def __init__(self, events: Corpus, count: int) -> None:
        self.path = BUILD / f"events-{VERSION}-{count}.duckdb"
        fresh = not self.path.exists()
        self._db = duckdb.connect(str(self.path))
        self._db.execute("SET threads = 2")
        self._db.execute("SET late_materialization_max_rows = 1000")
        if fresh:
            self._fill(events)
        self.version = duckdb.__version__

    def _fill(self, events: Corpus) -> None:
        columns = {name: _TYPES.get(kind, kind) for name, kind in map(str.split, COLUMNS)}
        self._db.execute(
            "CREATE TABLE events AS SELECT * FROM read_csv(?, delim = '\t', header = false, "
            "nullstr = '\\N', quote = '', escape = '', columns = ?)",
            [str(events.path), columns],
        )
        self._db.execute("CHECKPOINT")

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
    if kind == "group":
        columns = "actor, action, count(*)"
        tail = "GROUP BY actor, action ORDER BY 3 DESC LIMIT 100"
        return [f"SELECT {columns} FROM events WHERE {condition} {tail}"]
    if kind == "overview":
        facets = [
            f"SELECT {name}, count(*) FROM events WHERE {condition} GROUP BY 1 "
            "ORDER BY 2 DESC LIMIT 10"
            for name in FACETS
        ]
        bars = (
            f"SELECT date_trunc('hour', ts), outcome, count(*) FROM events WHERE {condition} "
            "GROUP BY 1, 2"
        )
        return [*facets, bars]
    return [f"SELECT * FROM events WHERE {condition} ORDER BY ts DESC LIMIT 100"]
