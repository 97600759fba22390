"""Exports hold all of an answer, of one moment, within the rights of who asks; and their forms."""

import csv
import io
import json

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from whodid.app.answer import Caller
from whodid.app.document import event_document
from whodid.app.export_formats import CSV_COLUMNS, FORMATS
from whodid.app.intake import LedgerIntake
from whodid.app.reading import LedgerReading
from whodid.app.rows import RowMaker
from whodid.errors import AccessDeniedError, QueryError
from whodid.ledger.batch import BatchBuilder
from whodid.query.rights import EVERYTHING, NOTHING, rights
from whodid.sources.intake import Delivery

ALL = Caller("ada", "api", rights=EVERYTHING)
COUNT = 57


@pytest.fixture
def log(directory, keys, port, clock, monkeypatch):
    monkeypatch.setattr("whodid.app.exporting.PAGE_ROWS", 10)
    intake = LedgerIntake(
        RowMaker(keys.identity_root(), port.sources),
        BatchBuilder(keys.ledger_id, keys.public_kek()), port,
    )  # fmt: skip
    port.declare_source("shop", "json", "shop")

    def add(number, **more):
        record = {
            "id": f"e{number}", "userId": ("alice", "bob")[number % 2], "action": "READ",
            "resource": f"file-{number}", "ip": "10.0.0.1",
            "timestamp": f"2026-11-17T10:{number:02d}:00Z",
        } | more  # fmt: skip
        intake.accept(Delivery("shop", [msgspec.json.encode(record)], clock()))

    for number in range(COUNT):
        add(number)
    reading = LedgerReading(directory, keys, port, clock)
    reading.add = add
    yield reading
    reading._reader.close()


def names(export):
    return [hit.event.what.resource_name for hits in export.pages() for hit in hits]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", range(COUNT - 1, -1, -1)),
        ("actor:alice", range(COUNT - 1, -1, -2)),
        ("READ", range(COUNT - 1, -1, -1)),
        ("actor:bob | sort time | limit 9", range(1, 19, 2)),
        ("| limit 12", range(COUNT - 1, COUNT - 13, -1)),
        ("| limit 5000", range(COUNT - 1, -1, -1)),
        ("actor:nobody", ()),
    ],
)
def test_all_of_an_answer_in_its_order(log, query, wanted):
    export = log.export(ALL, query)
    assert names(export) == [f"file-{number}" for number in wanted]
    if export.total_is_exact:
        assert export.total == len(wanted)


def test_what_comes_in_later_is_not_in_it(log):
    export = log.export(ALL, "")
    pages = export.pages()
    found = [hit.event.what.resource_name for hit in next(pages)]
    log.add(99, timestamp="2026-11-17T09:00:00Z")  # older than all that is left
    found += [hit.event.what.resource_name for hits in pages for hit in hits]
    assert found == [f"file-{number}" for number in range(COUNT - 1, -1, -1)]
    assert (export.total, export.total_is_exact) == (COUNT, True)
    assert "file-99" in names(log.export(ALL, ""))


def test_one_event_for_all_of_it(log):
    names(log.export(ALL, "actor:alice"))
    found = log.search(ALL, "service:whodid")
    [event] = [hit.event for hit in found.events if hit.event.what.action == "export"]
    assert (event.content.statement, event.what.rows) == ("actor:alice", 29)


def test_rights_and_wrong_searches(log):
    few = Caller("rita", "api", rights=rights("actor:alice", ["ip"]))
    export = log.export(few, "")
    hits = [hit for page in export.pages() for hit in page]
    assert len(hits) == 29
    assert {hit.event.where.ip for hit in hits} == {None}
    assert "your rights show a part" in export.warnings[0]
    with pytest.raises(AccessDeniedError):
        log.export(few, "ip:10.0.0.1")
    with pytest.raises(AccessDeniedError):
        log.export(Caller("nobody", "api", rights=NOTHING), "")
    for query in ("| stats count()", "| sort rows", "| sort rows | limit 1001", "actro:x"):
        with pytest.raises(QueryError):
            log.export(ALL, query)


def test_csv_is_read_back_and_computes_nothing(log):
    log.add(58, userId='=cmd|"/C calc"!A1', resource="@SUM(1)", action='a "b", c\nd')
    [hits] = log.export(ALL, 'resource:"@SUM(1)"').pages()
    text = (FORMATS["csv"].head + FORMATS["csv"].writer().encode(hits)).decode()
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert tuple(row) == CSV_COLUMNS
    assert row["actor.id"] == '\'=cmd|"/C calc"!A1'
    assert row["resource.name"] == "'@SUM(1)"
    assert row["action"] == 'a "b", c\nd'


def test_lines_are_one_event_each(log):
    hits = next(log.export(ALL, "").pages())
    for form in ("jsonl", "ocsf"):
        lines = FORMATS[form].writer().encode(hits).splitlines()
        assert [json.loads(line) is not None for line in lines] == [True] * 10
    assert FORMATS["csv"].writer().encode([]) == b""


def parquet(hits, pages=3):
    """What the writer makes of so many pages, as pyarrow reads it back."""
    writer = FORMATS["parquet"].writer()
    parts = [writer.encode(hits) for _ in range(pages)]
    data = b"".join([FORMATS["parquet"].head, *parts, writer.end()])
    return pq.ParquetFile(io.BytesIO(data)), parts


def test_parquet_holds_what_the_events_hold(log, monkeypatch):
    monkeypatch.setattr("whodid.app.parquet.GROUP_ROWS", 4)
    log.add(58, userId="al\0ice \U0001f600", rows=2**63 - 1)
    hits = next(log.export(ALL, "").pages())
    file, parts = parquet(hits)
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [4] * 7 + [
        2
    ]
    assert parts[0].startswith(b"PAR1")
    assert len(parts[1]) > 100  # it comes while it is written
    found = file.read().to_pylist()
    assert len(found) == 30
    for row, hit in zip(found, hits, strict=False):
        document = event_document(hit, with_raw=False)
        for name, value in document.items():
            given = row[name.replace(".", "_")]
            plain = f"{given:%Y-%m-%dT%H:%M:%S.%fZ}" if hasattr(given, "tzinfo") else given
            assert plain == value or (name == "flags" and not value)
        there = {name.replace(".", "_") for name in document}
        assert all(row[name] is None for name in row if name not in there)


def test_parquet_of_everything_an_event_can_hold():
    from whodid.app.answer import Hit
    from zipf_events import zipf_events

    events = zipf_events(300, 5)
    file, _ = parquet([Hit(n, event, 5, 8) for n, event in enumerate(events)], pages=1)
    rows = file.read().to_pylist()
    for row, event in zip(rows, events, strict=True):
        assert row["actor_groups"] == (list(event.who.actor_groups) or None)
        assert row["changes"] == (
            [
                {"field": c.field, "before": c.before, "after": c.after}
                for c in event.content.changes
            ]
            or None
        )
        assert row["rows"] == (None if event.what.rows is None else min(event.what.rows, 2**63 - 1))
        assert row["reason"] == event.what.reason
    assert file.schema_arrow.field("time").type == pa.timestamp("us", tz="UTC")


def test_parquet_of_nothing_is_a_table_too():
    file, _ = parquet([])
    assert (file.metadata.num_rows, "actor_id" in file.schema_arrow.names) == (0, True)


def test_parquet_answers_the_same_sql_as_the_log(log, tmp_path):
    sql = "select actor_id, count(*), min(time)::timestamp from {} group by 1 order by 1"
    writer = FORMATS["parquet"].writer()
    parts = [writer.encode(hits) for hits in log.export(ALL, "").pages()]
    (tmp_path / "e.parquet").write_bytes(b"".join([*parts, writer.end()]))
    by_file = duckdb.sql(sql.format(f"'{tmp_path}/e.parquet'")).fetchall()
    answer = log.sql(ALL, sql.format("events"))
    by_log = [row for rows in answer.batches() for row in rows]
    assert [list(row[:2]) for row in by_file] == [row[:2] for row in by_log]
