"""One set of rules over flat records, decided in three ways: closures, DuckDB, SQLite (pysigma).

Fields are those of the record alone; names with dots are keys that hold dots.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
from benchmarks.rules_as_sql import FOLDED, SqlColumn, SqlWriter
from msgspec import structs
from sigma.backends.sqlite import sqliteBackend
from sigma.collection import SigmaCollection

from sigma_events import TEXT
from whodid.detection.compiled import compile_rules
from whodid.detection.compiled.blind import fields_of
from whodid.detection.compiled.fields import View, text_of
from whodid.detection.compiled.index import Fields
from whodid.detection.compiled.tests import compile_test
from whodid.detection.record import Record
from whodid.detection.regex import compile_regex
from whodid.detection.rule import LogSource, Rule, Test
from whodid.detection.taxonomy import native_of
from whodid.detection.taxonomy.systems import PLAIN
from whodid.event import GROUPS

SOURCE = "others"
_ENVELOPE = msgspec.json.encode({"format": "json", "source": SOURCE})


def record_of(native: dict[str, Any], entry: int) -> Record:
    """Return a record of which only what was received is known."""
    raw = json.dumps(native).encode()
    groups = [b""] * len(GROUPS)
    groups[6], groups[7] = raw, _ENVELOPE
    return Record(entry, tuple(groups), native_of)


def by_closures(rule: Rule, natives: Sequence[dict[str, Any]]) -> set[int]:
    """Return the numbers of the records that closures match."""
    here = structs.replace(rule, source=LogSource(product=SOURCE))
    matcher = compile_rules([here])
    return {
        number
        for number, native in enumerate(natives)
        if matcher.matching(record_of(native, number))
    }


def by_duckdb(rule: Rule, natives: Sequence[dict[str, Any]]) -> set[int]:
    """Return the numbers of the records that the SQL of whodid matches."""
    names = sorted(fields_of(rule.node))
    fields = Fields(PLAIN)
    views = [View(record_of(native, number), native) for number, native in enumerate(natives)]
    columns = {name: SqlColumn(f"c{at}", "texts") for at, name in enumerate(names)}
    every = SqlColumn("every", "texts")
    table: dict[str, list[Any]] = {"number": list(range(len(natives)))}
    for name, column in columns.items():
        load = fields.get(name, event_first=False).load
        table[column.name] = [[text_of(it) for it in load(view)] for view in views]
    table[every.name] = [[text_of(it) for it in n.values() if it is not None] for n in natives]
    for name in [*(it.name for it in columns.values()), every.name]:
        table[name + FOLDED] = [[it.lower() for it in texts] for texts in table[name]]
    writer = SqlWriter(lambda name: every if name is None else columns.get(name))
    said = writer.expression(rule.node)
    for lookup, name in writer.lookups.items():
        holds = compile_test(lookup.test, lambda it: fields.get(it, event_first=False))
        table[name] = [holds(view) for view in views]
    types = {name: pa.list_(pa.string()) for name in table if name[0] in "ce"}
    engine = duckdb.connect()
    engine.register(
        "events",
        pa.table({name: pa.array(rows, types.get(name)) for name, rows in table.items()}),
    )
    rows = engine.execute(f"SELECT number FROM events WHERE {said}").fetchall()
    return {number for (number,) in rows}


def by_sqlite(text: str, node: Test, natives: Sequence[dict[str, Any]]) -> set[int]:
    """Return the numbers of the records that pysigma's backend for SQLite matches."""
    names = sorted(fields_of(node) - {TEXT})
    base = sqlite3.connect(":memory:")
    base.create_function("REGEXP", 2, _regexp, deterministic=True)
    columns = "".join(f", `{name}` COLLATE NOCASE" for name in names)
    base.execute(f"CREATE TABLE logs (number INTEGER, `{TEXT}` TEXT{columns})")
    marks = ", ".join("?" * (len(names) + 2))
    for number, native in enumerate(natives):
        every = "\n".join(text_of(it) for it in native.values() if it is not None)
        cells = [_stored(native.get(name)) for name in names]
        base.execute(f"INSERT INTO logs VALUES ({marks})", [number, every, *cells])
    found = set()
    for query in sqliteBackend(fulltext_field=TEXT).convert(SigmaCollection.from_yaml(text)):
        wanted = query.replace("SELECT *", "SELECT number", 1)
        found |= {number for (number,) in base.execute(wanted)}
    return found


def _regexp(pattern: str, value: object) -> bool:
    """Decide by RE2: Python's own engine never ends for some patterns of others."""
    return value is not None and compile_regex(pattern).search(str(value)) is not None


def _stored(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
