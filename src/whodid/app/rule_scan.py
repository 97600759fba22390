"""One scan of DuckDB over columns of the log: which rows may any of some rules match.

It runs in the child process of `app.sql`, which has no files and no network, on a bounded number of
rows at a time.
"""

from collections.abc import Sequence

import numpy as np

from whodid.app.sql.columns import table_of
from whodid.app.sql.engine import Engine
from whodid.app.sql.frames import Column, Task
from whodid.app.turns import Left, stays
from whodid.detection.backtest.bounds import GUARD
from whodid.detection.backtest.shadow import Arrays, folded, passes, truths
from whodid.detection.compiled.sql import FOLDED, Lookup, SqlColumn, SqlWriter
from whodid.detection.rule import Node
from whodid.errors import UsageError
from whodid.index.extract import INDEX
from whodid.limits import (
    BACKTEST_ROWS_MAX,
    BACKTEST_SCAN_ROWS,
    BACKTEST_SCAN_SECONDS_MAX,
    SQL_ANSWER_BYTES_MAX,
    SQL_MEMORY_BYTES_MAX,
)
from whodid.query.rights import EVERYTHING

_GUARDS = ("labels", "_redacted", "_quarantined")
_CUT = frozenset({"cut:field", "cut:list", "unreadable:errorCode"})


class RuleScan:
    """Finds candidates. Give it tables with `take`, in the order of the log, then `close` it.

    `fields` are the columns of the index to be given, `index` among them, in this order.
    """

    def __init__(self, bounds: Sequence[Node], left: Left = stays) -> None:
        self._left = left
        self._known = table_of(EVERYTHING)
        self._writer = SqlWriter(self._column_of)
        condition = self._writer.any_of(bounds) if bounds else "false"
        self.sql = f"SELECT {INDEX} FROM events WHERE {condition}"  # noqa: S608 - we wrote it
        read = {column for node in bounds for column in self._writer.columns(node)}
        self._read = {column.name: column for column in read if column.name != GUARD}
        self._guarded = len(read) > len(self._read)
        fields = dict.fromkeys(self._known[name].field for name in self._read)
        fields |= dict.fromkeys(_GUARDS if self._guarded else ())
        self.fields: tuple[str, ...] = (INDEX, *(name for name in fields if name != INDEX))
        self.rows = 0
        self._engine: Engine | None = None
        self._need: list[str] = []
        self._loaded = 0
        self._found: list[np.ndarray] = []

    def take(self, rows: int, columns: Sequence[Arrays]) -> None:
        """Scan further rows. Raises UsageError when they take too much, RefusedError."""
        self.rows += rows
        by_field = dict(zip(self.fields, columns, strict=True))
        if self._engine is None:
            self._begin()
        assert self._engine is not None
        self._engine.load(rows, [self._arrays(name, rows, by_field) for name in self._need])
        self._loaded += rows
        if self._loaded >= BACKTEST_SCAN_ROWS:
            self._answer()

    def candidates(self) -> np.ndarray:
        """Return the entries that some rule may match, in order (i64)."""
        if self._engine is not None:
            self._answer()
        return np.sort(np.concatenate(self._found)) if self._found else np.zeros(0, np.int64)

    def close(self) -> None:
        """End the child, if there is one."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    # --- columns ---------------------------------------------------------------------------------

    def _column_of(self, field: str | None) -> SqlColumn | None:
        if field == GUARD:
            return SqlColumn(GUARD, "state")
        known = None if field is None else self._known.get(field.replace(".", "_"))
        if known is None or known.opened is not None or known.column.kind == "time":
            return None
        return SqlColumn(known.column.name, known.column.kind)

    def _columns(self) -> list[Column]:
        found = [Column(INDEX, "number")]
        for name, column in self._read.items():
            found.append(Column(name, self._known[name].column.kind))
            if column.kind in {"text", "texts"}:
                found.append(Column(name + FOLDED, self._known[name].column.kind))
        found += [Column(name, "state") for name in self._writer.lookups.values()]
        return [*found, Column(GUARD, "state")]

    def _arrays(self, name: str, rows: int, by_field: dict[str, Arrays]) -> Arrays:
        """Return the arrays of a column that the child needs."""
        if name == GUARD:
            return _guard(rows, by_field)
        for lookup, said in self._writer.lookups.items():
            if said == name:
                return self._look_up(lookup, rows, by_field)
        if name in self._known:
            return by_field[self._known[name].field]
        plain = by_field[self._known[name.removesuffix(FOLDED)].field]
        return folded(plain)

    def _look_up(self, lookup: Lookup, rows: int, by_field: dict[str, Arrays]) -> Arrays:
        arrays = by_field[self._known[lookup.column.name].field]
        return truths(arrays, rows, passes(lookup.test))

    # --- the child -------------------------------------------------------------------------------

    def _begin(self) -> None:
        task = Task(
            self.sql, self._columns(), SQL_MEMORY_BYTES_MAX, BACKTEST_SCAN_SECONDS_MAX,
            BACKTEST_ROWS_MAX, SQL_ANSWER_BYTES_MAX,
        )  # fmt: skip
        self._engine = Engine(task, self._left)
        self._engine.names()
        self._need = self._engine.need()

    def _answer(self) -> None:
        assert self._engine is not None
        found: list[int] = []
        for reply in self._engine.answer():
            found += [row[0] for row in reply.rows or ()]
            if reply.more:
                raise UsageError("too many events fit these rules; look at fewer of them")
        self._found.append(np.array(found, dtype=np.int64))
        self._loaded = 0
        self.close()


def _guard(rows: int, by_field: dict[str, Arrays]) -> Arrays:
    """Return where fields of the Event may differ from the record."""
    cut = truths(by_field["labels"], rows, _CUT.__contains__)[0]
    states = [by_field[name][0] for name in ("_redacted", "_quarantined") if by_field[name]]
    for state in states:
        cut = cut | state
    return [cut.astype(np.uint8)]
