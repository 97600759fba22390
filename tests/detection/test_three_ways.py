"""One rule, three ways: closures, DuckDB's SQL, and pysigma's backend for SQLite as the oracle.

Over real CloudTrail events. WHODID_SEED chooses the rules.
"""

import gzip
import json
import random
import re
import sqlite3
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
import yaml
from benchmarks.rules_as_sql import FOLDED, SqlColumn, SqlWriter

from chance import SEED
from whodid.detection.compiled import compile_rules
from whodid.detection.compiled.fields import text_of
from whodid.detection.compiled.path import getter
from whodid.detection.record import Record
from whodid.detection.sigma import load_rules
from whodid.detection.taxonomy.native import native_of
from whodid.event import encode_groups
from whodid.normalize.record import prepare
from whodid.normalize.registry import format_by_name

DATA = Path(__file__).parents[3] / "shared/data/cloudtrail"
RULES = 150
TEXTS = (
    "eventName", "eventSource", "awsRegion", "sourceIPAddress", "userAgent", "errorCode",
    "errorMessage", "userIdentity.type", "userIdentity.userName", "userIdentity.arn",
    "userIdentity.sessionContext.sessionIssuer.userName", "requestParameters.bucketName",
    "requestParameters.roleName", "requestParameters.userName", "apiVersion", "gone.away",
)  # fmt: skip
NUMBERS = ("additionalEventData.bytesTransferredOut", "additionalEventData.bytesTransferredIn")
HOSTILE = ("", "%", "_", "it's", "a_b", "100%", "\\\\", "[", "(", ";--", "null", "*")


def events():
    found = []
    for path in sorted(DATA.glob("stratus/*.json")):
        document = json.loads(path.read_text())
        found += document["Records"] if isinstance(document, dict) else document
    with gzip.open(DATA / "invictus-aws.jsonl.gz", "rt") as lines:
        found += [json.loads(line) for line in lines]
    return found


@pytest.fixture(scope="module")
def natives():
    if not DATA.is_dir():
        pytest.skip("the real logs of ../shared/data are not here")
    return events()


@pytest.fixture(scope="module")
def records(natives):
    known = format_by_name("cloudtrail")
    made = []
    for number, native in enumerate(natives):
        raw = json.dumps(native).encode()
        event = prepare(
            known.map(raw, 0), raw, event_id=f"id-{number}", source="trail",
            format_name=known.name, mapping=known.mapping, received_us=0,
        ).event  # fmt: skip
        made.append(Record(number, encode_groups(event), native_of))
    return made


@pytest.fixture(scope="module")
def columns(natives):
    """Field → the values of each event."""
    gets = {name: getter(name) for name in (*TEXTS, *NUMBERS)}
    return {name: [get(native) for native in natives] for name, get in gets.items()}


def some(chance, values):
    text = (
        str(chance.choice(values)) if values and chance.random() < 0.9 else chance.choice(HOSTILE)
    )
    if chance.random() < 0.4 and len(text) > 2:
        begin = chance.randrange(len(text) - 1)
        text = text[begin : chance.randrange(begin + 1, len(text) + 1)]
    text = text.swapcase() if chance.random() < 0.3 else text
    return text.replace("*", "\\*").replace("?", "\\?") if chance.random() < 0.9 else text + "*"


def selection(chance, values):
    found = {}
    for name in chance.sample(TEXTS, chance.choice((1, 1, 2, 3))):
        how = chance.choice(("", "", "", "|contains", "|startswith", "|endswith", "|contains|all",
                             "|re", "|null", "|exists"))  # fmt: skip
        given = [some(chance, values[name]) for _ in range(chance.choice((1, 1, 2, 4)))]
        if how == "|null":
            found[name] = None
        elif how == "|exists":
            found[name + how] = chance.random() < 0.5
        elif how == "|re":
            found[name + how] = [re.escape(text[:100]) or "^$" for text in given]
        else:
            found[name + how] = [text or "x" for text in given] if "all" in how else given
    if chance.random() < 0.1:
        how = chance.choice(("gt", "gte", "lt", "lte"))
        found[f"{chance.choice(NUMBERS)}|{how}"] = chance.randrange(0, 5000)
    return found


def rule(chance, number, values):
    names = [f"s{n}" for n in range(chance.choice((1, 2, 3)))]
    parts = [chance.choice(("", "not ")) + name for name in names]
    condition = f" {chance.choice(('and', 'or'))} ".join(parts)
    condition = chance.choice((condition, condition, f"not ({condition})", "1 of s*", "all of s*"))
    return {
        "title": f"rule {number}", "id": f"00000000-0000-4000-8000-{number:012d}",
        "logsource": {"product": "aws", "service": "cloudtrail"}, "level": "low",
        "detection": {**{name: selection(chance, values) for name in names},
                      "condition": condition},
    }  # fmt: skip


def by_duckdb(columns, rules):
    kinds = {
        name: "texts" if any(len(values) > 1 for values in rows) else "text"
        for name, rows in columns.items()
    }
    named = {name: SqlColumn(f"c{n}", kinds[name]) for n, name in enumerate(columns)}
    table = {"row": list(range(len(next(iter(columns.values())))))}
    for name, rows in columns.items():
        texts = [[text_of(value) for value in values] for values in rows]
        if kinds[name] == "text":
            texts = [values[0] if values else None for values in texts]
            lower = [None if text is None else text.lower() for text in texts]
        else:
            lower = [[text.lower() for text in values] for values in texts]
        table[named[name].name], table[named[name].name + FOLDED] = texts, lower
    writer = SqlWriter(named.get)
    said = ", ".join(writer.expression(rule.node) for rule in rules)
    engine = duckdb.connect()
    engine.register("events", pa.table(table))
    rows = engine.execute(f"SELECT {said} FROM events ORDER BY row").fetchall()
    assert not writer.lookups
    return [[row for row, hit in enumerate(column) if hit] for column in zip(*rows, strict=True)]


def by_sqlite(columns, documents):
    from sigma.backends.sqlite import sqliteBackend
    from sigma.collection import SigmaCollection

    base = sqlite3.connect(":memory:")
    base.create_function(
        "regexp", 2, lambda pattern, text: text is not None and bool(re.search(pattern, str(text)))
    )
    names = list(columns)
    made = ", ".join(f'"{name}" COLLATE NOCASE' for name in names)
    base.execute(f"CREATE TABLE logs (row INTEGER, {made})")
    cells = zip(
        *([values[0] if values else None for values in columns[n]] for n in names), strict=True
    )
    marks = ", ".join("?" * (len(names) + 1))
    base.executemany(f"INSERT INTO logs VALUES ({marks})", [(n, *c) for n, c in enumerate(cells)])
    found = []
    for document in documents:
        text = yaml.safe_dump(document, allow_unicode=True)
        [query] = sqliteBackend().convert(SigmaCollection.from_yaml(text))
        asked = query.replace("SELECT *", "SELECT row", 1) + " ORDER BY row"
        found.append([row for (row,) in base.execute(asked)])
    return found


def test_closures_duckdb_and_sqlite_agree(records, columns, tmp_path):
    chance = random.Random(SEED)
    single = {name: rows for name, rows in columns.items() if all(len(v) < 2 for v in rows)}
    assert len(single) > 12
    seen = {name: [v[0] for v in rows if v] for name, rows in single.items()}
    seen |= {name: [] for name in TEXTS if name not in seen}
    documents = [rule(chance, number, seen) for number in range(RULES)]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump_all(documents, allow_unicode=True))
    loaded = load_rules([path])
    assert len(loaded.rules) == RULES, loaded.faults
    matcher = compile_rules(loaded.rules)
    closures = {rule.head.id: [] for rule in loaded.rules}
    for record in records:
        for found in matcher.matching(record):
            closures[found.head.id].append(record.entry)
    duck, lite = by_duckdb(columns, loaded.rules), by_sqlite(columns, documents)
    for document, one, other in zip(loaded.rules, duck, lite, strict=True):
        found = closures[document.head.id]
        assert found == one, ("DuckDB", documents[int(document.head.id[-12:])])
        assert found == other, ("SQLite", documents[int(document.head.id[-12:])])
    telling = [found for found in closures.values() if 0 < len(found) < len(records)]
    assert len(telling) > RULES / 4
