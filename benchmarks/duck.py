"""The peer for scans: DuckDB in this process, with the same events in a native table of its own.

Two threads, its file warm. `late_materialization_max_rows` is raised: with its default of 50 the
newest hundred would be twenty times as slow.
"""

import duckdb

from benchmarks.events import COLUMNS, Corpus
from benchmarks.kept_table import KeptTable
from benchmarks.questions import FACETS

_TYPES = {"inet": "text", "uuid": "uuid"}


class Duck(KeptTable):
    """A table of events."""

    suffix = "duckdb"
    version = duckdb.__version__

    def _connect(self) -> duckdb.DuckDBPyConnection:
        self._duck = duckdb.connect(str(self.path))
        self._duck.execute("SET threads = 2")
        self._duck.execute("SET late_materialization_max_rows = 1000")
        return self._duck

    def _fill(self, events: Corpus) -> None:
        columns = {name: _TYPES.get(kind, kind) for name, kind in map(str.split, COLUMNS)}
        self._duck.execute(
            "CREATE TABLE events AS SELECT * FROM read_csv(?, delim = '\t', header = false, "
            "nullstr = '\\N', quote = '', escape = '', columns = ?)",
            [str(events.path), columns],
        )
        self._duck.execute("CHECKPOINT")

    def _statements(self, kind: str, condition: str) -> list[str]:
        return statements(kind, condition)


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
