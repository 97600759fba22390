"""The read by SQL, one event of its own before it answers.

Rights are cut before there is a table: a denied field is no column, a denied row no row.
"""

import re

import msgspec

from whodid.app.answer import Caller
from whodid.app.counting import events_only, kept_back
from whodid.app.own import Act
from whodid.app.pinning import act_of, now_at
from whodid.app.read_context import ReadContext
from whodid.app.sql.answer import SqlAnswer
from whodid.app.sql.columns import Known, field_of, table_of
from whodid.app.sql.engine import Engine
from whodid.app.sql.frames import Task
from whodid.errors import AccessDeniedError, QueryError
from whodid.index.analyst import Analyst, Extraction
from whodid.ledger.reader import LedgerReader
from whodid.limits import (
    SQL_ANSWER_BYTES_MAX,
    SQL_ANSWER_ROWS_MAX,
    SQL_CHARS_MAX,
    SQL_MEMORY_BYTES_MAX,
    SQL_OPENED_ROWS_MAX,
    SQL_ROWS_MAX,
    SQL_SECONDS_MAX,
)
from whodid.query.parse import parse
from whodid.query.rights import check_field
from whodid.query.times import resolve

_FORBIDDEN = re.compile("[\0\ud800-\udfff]")


class Querying:
    """The reads by SQL; it shares turns, analyst and rights with `LedgerReading`."""

    def __init__(self, context: ReadContext, reader: LedgerReader, analyst: Analyst) -> None:
        self._context = context
        self._reader = reader
        self._analyst = analyst

    def sql(
        self, caller: Caller, sql: str, text: str, *, own: bool, at: int | None = None
    ) -> SqlAnswer:
        """Begin an answer (see `Reading.sql`)."""
        _check_text(sql)
        act = act_of(f"{sql}\n-- events: {text}" if text else sql, at, "sql")
        query = self._context.allowed(caller, events_only(parse(text)), act)
        note = None if at is None else self._context.port.head_at(at)
        with self._context.turn(caller, act):
            now_us = now_at(self._context, self._reader, at)
        query = resolve(query, now_us)
        table = table_of(caller.rights)
        engine = Engine(_task(sql, table, None if at is None else now_us), caller.left)
        try:
            self._check_denied(caller, engine.names(), act)
            wanted = _extraction([table[name] for name in engine.need()], engine)
            with self._context.turn(caller, act):
                durable = self._context.port.status().size
                found = self._analyst.extracted(query, wanted, durable=durable, own=own, at=at)
                note = self._context.note() if note is None else note
                self._context.own.write(caller, msgspec.structs.replace(act, rows=found.events))
            return SqlAnswer(
                engine, found.events, found.hidden_own, note, found.size,
                [*found.warnings, *kept_back(caller.rights)],
                newer=None if at is None else durable - at,
            )  # fmt: skip
        except BaseException:
            engine.close()
            raise

    def _check_denied(self, caller: Caller, names: dict[str, int], act: Act) -> None:
        """Refuse a name of a denied field; the refusal is an event before it is raised."""
        try:
            for name in names:
                field = field_of(name)
                if field is not None:
                    check_field(field, caller.rights)
        except AccessDeniedError as error:
            self._context.own.write(
                caller, msgspec.structs.replace(act, ok=False, reason=str(error))
            )
            raise


def _check_text(sql: str) -> None:
    if len(sql) > SQL_CHARS_MAX:
        raise QueryError(f"SQL here has at most {SQL_CHARS_MAX:,} characters", SQL_CHARS_MAX)
    if bad := _FORBIDDEN.search(sql):
        raise QueryError(f"U+{ord(bad.group()):04X} cannot stand in SQL", bad.start())
    if not sql.strip():
        raise QueryError("write one SELECT, such as select count(*) from events", 0)


def _task(sql: str, table: dict[str, Known], now_us: int | None) -> Task:
    columns = [known.column for known in table.values()]
    return Task(
        sql, columns, SQL_MEMORY_BYTES_MAX, SQL_SECONDS_MAX, SQL_ANSWER_ROWS_MAX,
        SQL_ANSWER_BYTES_MAX, now_us,
    )  # fmt: skip


def _extraction(needed: list[Known], engine: Engine) -> Extraction:
    """Return what is read for these columns, given to the engine in their order."""
    fields = [known for known in needed if known.opened is None]
    texts = [known for known in needed if known.opened is not None]
    made = [*fields, *texts]
    order = [made.index(known) for known in needed]
    narrow = "let SQL look at fewer of them with a search (--events, q)"
    rows_max = SQL_ROWS_MAX
    if texts:
        rows_max = SQL_OPENED_ROWS_MAX
        names = ", ".join(known.column.name for known in texts)
        narrow = f"{names} can only be read by opening them; leave out such columns, or {narrow}"
    return Extraction(
        tuple(known.field for known in fields),
        tuple(known.opened for known in texts if known.opened is not None),
        lambda rows, columns: engine.load(rows, [columns[place] for place in order]),
        rows_max, narrow,
    )  # fmt: skip
