"""Exports hold all of an answer, of one moment, within the rights of who asks; and their forms."""

import csv
import io
import json

import msgspec
import pytest

from whodid.app.answer import Caller
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
    text = (FORMATS["csv"].head + FORMATS["csv"].encode(hits)).decode()
    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert tuple(row) == CSV_COLUMNS
    assert row["actor.id"] == '\'=cmd|"/C calc"!A1'
    assert row["resource.name"] == "'@SUM(1)"
    assert row["action"] == 'a "b", c\nd'


def test_lines_are_one_event_each(log):
    hits = next(log.export(ALL, "").pages())
    for form in ("jsonl", "ocsf"):
        lines = FORMATS[form].encode(hits).splitlines()
        assert [json.loads(line) is not None for line in lines] == [True] * 10
    assert FORMATS["csv"].encode([]) == b""
