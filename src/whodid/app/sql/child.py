"""The child that runs SQL: `python -m whodid.app.sql.child`, spoken to over its pipes (`frames`).

1. It gives up what it does not need: memory beyond a bound, files, time of the processor.
2. It has DuckDB parse the SQL, checks the tree (`allowed`) and binds it to an empty table, so that
   what is wrong with it is known before anything of the log is read.
3. It takes the columns that are needed, and runs it, with a limit of time, rows and bytes.

A crash of the engine is the end of this process and of nothing else.
"""

import contextlib
import datetime as dt
import decimal
import json
import math
import re
import resource
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import msgspec
import numpy as np
import pyarrow as pa

from whodid.app.sql.allowed import TABLE, Asked, check
from whodid.app.sql.frames import (
    Column,
    Reply,
    Task,
    decode_piece,
    decode_task,
    encode,
    packed,
    take,
)
from whodid.errors import QueryError

_TYPES = {
    "text": pa.dictionary(pa.int32(), pa.string()),
    "texts": pa.list_(pa.string()),
    "number": pa.int64(),
    "time": pa.timestamp("us"),
    "state": pa.bool_(),
}
_KIND = re.compile(r"\A[A-Za-z ]+ Error: ")
_LEAST, _MOST = -(2**63), 2**64 - 1
"""Integers beyond go as text."""

_EXPLAIN = "EXPLAIN "
_BATCH_ROWS = 500
_CPU_S_MORE = 5
_FILES_MAX = 64
_ADDRESS_BYTES_MORE = 512 * 1024 * 1024
"""Of the address space: the columns themselves are as large as what is computed with them."""

_MESSAGE_CHARS_MAX = 300
_SETTINGS = {
    "threads": "1",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_unsigned_extensions": "false",
    "python_enable_replacements": "false",
}


_CLOCKS = ("now", "get_current_timestamp", "current_timestamp", "transaction_timestamp")
_CALENDARS = ("today", "current_date")
_OTHER_CLOCKS = frozenset({"localtimestamp", "localtime", "current_time"})
"""Words of SQL that tell the time of the machine, whatever macros there are."""


def main() -> None:
    """Do one task."""
    source, target = sys.stdin.buffer, sys.stdout.buffer
    task = decode_task(take(source))
    give_up(task)
    try:
        run(task, source, target)
    except duckdb.InterruptException:
        text = f"the SQL took more than {task.seconds_max:g} s; ask for less"
        _say(target, Reply(error=text, code="usage"))
    except (duckdb.OutOfMemoryException, MemoryError, pa.ArrowMemoryError):
        most = task.memory_bytes_max // 2**20
        text = f"the SQL needs more than {most:,} MiB of memory; ask for less"
        _say(target, Reply(error=text, code="usage"))
    except QueryError as error:
        place = len(task.sql.encode()[: error.position].decode("utf-8", "ignore"))
        _say(target, Reply(error=str(error), position=place))
    except duckdb.Error as error:
        message, at = told(error)
        place = len(task.sql.encode()[:at].decode("utf-8", "ignore"))
        _say(target, Reply(error=message, position=place))


def give_up(task: Task) -> None:
    """Bound what this process may take from the machine."""
    cpu_s = math.ceil(task.seconds_max) + _CPU_S_MORE
    _limit(resource.RLIMIT_CPU, cpu_s)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _FILES_MAX)
    with contextlib.suppress(OSError):  # there is no /proc elsewhere; DuckDB's own limit is there
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + 2 * task.memory_bytes_max + _ADDRESS_BYTES_MORE
        _limit(resource.RLIMIT_AS, most)
    with contextlib.suppress(OSError):  # the first to be ended when the machine has no memory left
        Path("/proc/self/oom_score_adj").write_text("1000")


def _limit(kind: int, most: int) -> None:
    """Bound a resource, and no higher than it is bounded already."""
    _, hard = resource.getrlimit(kind)
    least = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (least, least))


def run(task: Task, source: BinaryIO, target: BinaryIO) -> None:
    """Check, take the columns, answer."""
    engine = connect(task.memory_bytes_max)
    asked = parse(engine, task.sql)
    if task.now_us is not None:
        set_now(engine, asked.names, task.now_us)
    _say(target, Reply(names=asked.names))
    engine.register(TABLE, _empty(task.columns))
    engine.execute("SET lock_configuration = true")
    timer = threading.Timer(task.seconds_max, engine.interrupt)
    timer.daemon = True
    timer.start()
    bind(engine, task.sql)
    timer.cancel()
    need = [c for c in task.columns if asked.everything or c.name.lower() in asked.names]
    need = need or task.columns[:1]  # there must be rows to count
    _say(target, Reply(need=[column.name for column in need]))
    table = _load(need, source)
    engine.unregister(TABLE)
    engine.register(TABLE, table)
    timer = threading.Timer(task.seconds_max, engine.interrupt)
    timer.daemon = True
    timer.start()
    answer(engine, task, target)


def connect(memory_bytes_max: int) -> duckdb.DuckDBPyConnection:
    """Return an engine in memory that reaches nothing outside of it."""
    limit = f"{memory_bytes_max // 2**20}MiB"
    engine = duckdb.connect(":memory:", config={**_SETTINGS, "memory_limit": limit})
    engine.execute("SET temp_directory = ''")
    engine.execute("SET enable_external_access = false")
    engine.execute("SET errors_as_json = true")
    return engine


def parse(engine: duckdb.DuckDBPyConnection, sql: str) -> Asked:
    """Return what the SQL reads. Raises QueryError for what is not allowed, duckdb.Error."""
    statements = engine.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise QueryError("SQL here is one SELECT", 0)
    ((tree,),) = engine.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    return check(json.loads(tree))


def set_now(engine: duckdb.DuckDBPyConnection, names: dict[str, int], now_us: int) -> None:
    """Have the SQL's clock stand still. Raises QueryError for what would not heed it."""
    for name in _OTHER_CLOCKS & names.keys():
        raise QueryError(f"as of a size of the log, now() tells the time, not {name}", names[name])
    now = (dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=now_us)).isoformat(" ")  # noqa: DTZ001
    for name in _CLOCKS:
        engine.execute(f"CREATE MACRO {name}() AS TIMESTAMPTZ '{now}+00'")
    for name in _CALENDARS:
        engine.execute(f"CREATE MACRO {name}() AS DATE '{now[:10]}'")
    engine.execute(
        "CREATE MACRO age(a) AS error('as of a size of the log, age takes two times'), "
        "(a, b) AS system.main.age(a, b)"
    )


def bind(engine: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Have every name and type of the SQL looked up. Raises QueryError, its position in bytes."""
    try:
        engine.execute(f"{_EXPLAIN}{sql}").fetchall()
    except (duckdb.InterruptException, duckdb.OutOfMemoryException):
        raise
    except duckdb.Error as error:
        message, place = told(error)
        raise QueryError(message, max(place - len(_EXPLAIN), 0)) from error


def told(error: duckdb.Error) -> tuple[str, int]:
    """Return what an error of DuckDB says on one line, and its place in bytes."""
    text, place = str(error), 0
    with contextlib.suppress(ValueError, TypeError):
        document = json.loads(text[text.index("{") :])
        text, place = str(document["exception_message"]), int(document.get("position") or 0)
    text = " ".join(_KIND.sub("", text).split())
    if len(text) > _MESSAGE_CHARS_MAX:
        text = text[: _MESSAGE_CHARS_MAX - 1] + "…"
    return f"{text[:1].lower()}{text[1:]}", place


# --- columns -------------------------------------------------------------------------------------


def _empty(columns: list[Column]) -> pa.Table:
    return pa.schema([(column.name, _TYPES[column.kind]) for column in columns]).empty_table()


def _load(columns: list[Column], source: BinaryIO) -> pa.Table:
    """Take the tables that come and return them as one."""
    chunks: list[list[pa.Array]] = [[] for _ in columns]
    while message := take(source):
        piece = decode_piece(message)
        for column, arrays, into in zip(columns, piece.arrays, chunks, strict=True):
            parts = [np.frombuffer(take(source), dtype) for dtype, _ in arrays]
            into.append(_array(column, parts, piece.rows))
    made = {
        column.name: pa.chunked_array(into, type=_TYPES[column.kind])
        for column, into in zip(columns, chunks, strict=True)
    }
    return pa.table(made)


def _array(column: Column, parts: list[np.ndarray], rows: int) -> pa.Array:
    kind = _TYPES[column.kind]
    if not parts:
        return pa.nulls(rows, kind)
    if column.kind == "text":
        codes, at, blob = parts
        indices = pa.array(codes.astype(np.int32) - 1, mask=codes == 0)
        return pa.DictionaryArray.from_arrays(indices, _texts(at, blob))
    if column.kind == "texts":
        offsets, numbers, at, blob = parts
        values = _texts(at, blob).take(pa.array(numbers.astype(np.int64)))
        none = pa.array(np.diff(offsets) == 0)
        return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), values, mask=none)
    if column.kind == "state":
        return pa.array(parts[0].astype(np.bool_))
    mask = None if len(parts) == 1 else parts[1] == 0
    values = pa.array(parts[0], pa.int64(), mask=mask)
    return values.cast(kind) if column.kind == "time" else values


def _texts(at: np.ndarray, blob: np.ndarray) -> pa.Array:
    offsets = pa.py_buffer(at.astype(np.int32).tobytes())
    return pa.StringArray.from_buffers(len(at) - 1, offsets, pa.py_buffer(blob.tobytes()))


# --- answer --------------------------------------------------------------------------------------


def answer(engine: duckdb.DuckDBPyConnection, task: Task, target: BinaryIO) -> None:
    """Run the SQL and send its rows, as many as there may be."""
    cursor = engine.execute(task.sql)
    columns = [(str(item[0]), str(item[1])) for item in cursor.description or ()]
    _say(target, Reply(columns=columns))
    left, room = task.rows_max, task.answer_bytes_max
    while True:
        rows = cursor.fetchmany(min(_BATCH_ROWS, left + 1))
        more = len(rows) > left
        shown = [[_value(value) for value in row] for row in rows[:left]]
        message = encode(Reply(rows=shown))
        room -= len(message)
        if room < 0:
            _say(target, Reply(end=True, more=True))
            return
        if shown:
            target.write(packed(message))
            target.flush()
        left -= len(shown)
        if more or not rows:
            _say(target, Reply(end=True, more=more))
            return


def _value(value: Any) -> Any:
    """Return a value as JSON has it."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if _LEAST <= value <= _MOST else str(value)
        case float():
            return value if math.isfinite(value) else str(value)
        case list() | tuple():
            return [_value(item) for item in value]
        case dict():
            return {str(key): _value(item) for key, item in value.items()}
    return _other(value)


def _other(value: Any) -> Any:
    match value:
        case decimal.Decimal():
            whole = value == value.to_integral_value()
            return _value(int(value)) if whole else float(value)
        case dt.datetime():
            plain = value if value.tzinfo is None else value.astimezone(dt.UTC)
            return plain.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        case dt.date() | dt.time():
            return value.isoformat()
        case bytes():
            return value.hex()
    return str(value)


def _say(target: BinaryIO, reply: Reply) -> None:
    target.write(packed(encode(reply)))
    target.flush()


if __name__ == "__main__":
    with contextlib.suppress(EOFError, BrokenPipeError, msgspec.DecodeError):
        main()
