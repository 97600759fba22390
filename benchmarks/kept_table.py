"""A peer that runs in this process: a table of events in a file, which is kept in `build/`."""

from typing import Any, Protocol

from benchmarks.events import BUILD, VERSION, Corpus
from benchmarks.questions import Question, median_ms


class Connection(Protocol):
    """As much of a connection as both databases have."""

    def execute(self, sql: str, /) -> Any:
        """Run a statement; the answer has `fetchall`."""

    def close(self) -> None:
        """Close the file."""


class KeptTable:
    """A table of `count` events; it is filled when its file is not there."""

    suffix: str
    version: str

    def __init__(self, events: Corpus, count: int) -> None:
        self.path = BUILD / f"events-{VERSION}-{count}.{self.suffix}"
        fresh = not self.path.exists()
        self._db = self._connect()
        if fresh:
            self._fill(events)

    def _connect(self) -> Connection:
        raise NotImplementedError

    def _fill(self, events: Corpus) -> None:
        raise NotImplementedError

    def _statements(self, kind: str, condition: str) -> list[str]:
        """Return the SQL of a question."""
        raise NotImplementedError

    @property
    def size_bytes(self) -> int:
        """Bytes of its file."""
        return self.path.stat().st_size

    def median_ms(self, question: Question) -> float:
        """Return the median time of the questions, after one that is not counted."""
        return median_ms(lambda sql: self._db.execute(sql).fetchall(), self._statements, question)

    def close(self) -> None:
        """Close the file."""
        self._db.close()
