"""What a face gets for SQL, and its JSON form, which is written while rows come."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from whodid.app.sql.frames import Reply

from whodid.app.document import with_meant
from whodid.app.sql.engine import Engine
from whodid.query.meant import Meant

Rows = list[list[Any]]


class SqlAnswer:
    """The columns of an answer, and its rows as they come: iterate `batches` once, then `close`.

    `columns` are (name, type in SQL); a value is text, a number, bool, a list, an object, or None.
    `events` counts the rows of the table that it looked at. `more` is known at the end: there were
    more rows than are shown. The rest is as in `SearchAnswer`.
    """

    def __init__(
        self, engine: Engine, events: int, hidden_own: int, checkpoint: str, size: int,
        warnings: list[str], newer: int | None = None,
    ) -> None:  # fmt: skip
        """Wait for the first rows. Raises UsageError when that takes too much."""
        self._engine = engine
        self._replies = engine.answer()
        self.columns = next(self._replies).columns or []
        self._first: Reply | None = next(self._replies)
        self.events = events
        self.hidden_own = hidden_own
        self.checkpoint = checkpoint
        self.size = size
        self.warnings = warnings
        self.newer = newer
        self.more = False

    def batches(self) -> Iterator[Rows]:
        """Yield rows, some at a time. Raises what `Engine.answer` does; closes it at the end."""
        try:
            reply = self._first
            while reply is not None and not reply.end:
                yield reply.rows or []
                reply = next(self._replies, None)
            self.more = reply is not None and reply.more
        finally:
            self.close()

    @property
    def closed(self) -> bool:
        """Tell whether the engine has ended."""
        return self._engine.ended

    def close(self) -> None:
        """End the engine."""
        self._engine.close()


def sql_document(
    answer: SqlAnswer, still: Callable[[], None] = lambda: None, meant: Meant | None = None
) -> Iterator[bytes]:
    """Yield the JSON form of an answer. `still` is called between two parts, and may raise.

    `meant` is what may have been meant by the search whose events are looked at.
    """
    head = {
        "columns": [{"name": name, "type": kind} for name, kind in answer.columns],
        "events": answer.events,
        "hidden_own": answer.hidden_own,
        "checkpoint": answer.checkpoint,
        "size": answer.size,
        "warnings": answer.warnings,
        "newer": answer.newer,
    }
    head = with_meant(head, meant)
    yield msgspec.json.encode(head)[:-1] + b',"rows":['
    comma = b""
    for rows in answer.batches():
        still()
        yield comma + b",\n".join(map(msgspec.json.encode, rows))
        comma = b",\n"
    yield b'],"more":' + (b"true" if answer.more else b"false") + b"}"
