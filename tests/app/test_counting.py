"""What counting answers say, and what of it a reader with rights may learn."""

import msgspec
import pytest

from whodid.api.completing import Completing
from whodid.app.answer import Caller
from whodid.app.count_document import facets_document, histogram_document, table_document
from whodid.app.reading import LedgerReading
from whodid.errors import AccessDeniedError
from whodid.ledger.reader import LedgerReader
from whodid.query.rights import EVERYTHING, NOTHING, rights
from whodid.sources.intake import Delivery

ALL = Caller("ada", "api", rights=EVERYTHING)
FEW = Caller("rita", "api", rights=rights("source:shop -resource:payroll", ["ip", "outcome"]))


def record(number):
    return {
        "id": f"e{number}", "userId": ("alice", "bob")[number % 2], "action": "READ",
        "resource": ("customers", "payroll", "orders")[number % 3], "rows": number * 10,
        "ip": f"10.0.0.{number % 4}", "timestamp": f"2026-11-19T10:{number:02d}:00Z",
        "status": ("SUCCESS", "DENIED")[number % 2],
    }  # fmt: skip


@pytest.fixture
def reading(directory, keys, port, clock, intake):
    for name in ("shop", "hr"):
        port.declare_source(name, "json", name)
        records = [msgspec.json.encode(record(n)) for n in range(12)]
        intake.accept(Delivery(name, records, clock()))
    reading = LedgerReading(directory, keys, port, clock)
    yield reading
    reading._reader.close()


def test_a_table_as_a_document(reading):
    found = reading.table(
        ALL, "source:hr | stats by (actor) count(), sum(rows), max(time), avg(rows) | sort actor"
    )
    document = table_document(found)
    assert [(c["name"], c["kind"], c["key"]) for c in document["columns"]] == [
        ("actor", "text", True), ("count", "number", False), ("sum(rows)", "number", False),
        ("max(time)", "time", False), ("avg(rows)", "mean", False),
    ]  # fmt: skip
    assert document["rows"] == [
        ["alice", 6, 300, "2026-11-19T10:10:00.000000Z", 50.0],
        ["bob", 6, 360, "2026-11-19T10:11:00.000000Z", 60.0],
    ]
    assert (document["total_groups"], document["events"]) == (2, 12)
    assert document["events_is_exact"]
    assert document["checkpoint"].count("\n") > 3
    msgspec.json.encode(document)


def test_rows_are_cut_to_the_rights_before_anything_is_counted(reading):
    seen = [n for n in range(12) if n % 3 != 1]
    table = reading.table(FEW, "| stats by (resource) count(), sum(rows)")
    assert sorted(row[0] for row in table.rows) == ["customers", "orders"]
    assert sum(row[1] for row in table.rows) == len(seen)
    assert sum(row[2] for row in table.rows) == sum(n * 10 for n in seen)
    (facet,) = reading.facets(FEW, "", ("resource",)).facets
    assert (dict(facet.values), facet.distinct) == ({"customers": 4, "orders": 4}, 2)
    bars = reading.histogram(FEW, "")
    assert sum(bar.count for bar in bars.bars) == bars.events == len(seen)
    page = reading.page(FEW, "", fields=("source", "ip", "resource"), bars=60)
    assert page.answer.total == len(seen)
    assert [facet.field for facet in page.facets] == ["source", "resource"]
    for answer in (table, bars, page.answer):
        assert any("your rights" in warning for warning in answer.warnings)


def test_outcomes_are_not_told_to_who_may_not_see_them(reading):
    for made in (reading.histogram(FEW, ""), reading.page(FEW, "", bars=60).histogram):
        assert {bar.success + bar.denied + bar.failure for bar in made.bars} == {0}
        assert sum(bar.unknown for bar in made.bars) == 8
    bars = reading.histogram(ALL, "source:shop").bars
    assert sum(bar.success for bar in bars) == sum(bar.denied for bar in bars) == 6


@pytest.mark.parametrize(
    "ask",
    [
        lambda reading: reading.table(FEW, "| stats by (ip)"),
        lambda reading: reading.table(FEW, "| stats count_distinct(ip)"),
        lambda reading: reading.table(FEW, "outcome:denied | stats count()"),
        lambda reading: reading.search(FEW, "| sort ip"),
        lambda reading: reading.facets(FEW, "", ("outcome",)),
        lambda reading: reading.facets(FEW, "ip:10.0.0.1", ("source",)),
        lambda reading: reading.histogram(FEW, "ip:10.0.0.1"),
        lambda reading: reading.page(FEW, "ip:10.0.0.1", bars=3),
        lambda reading: reading.table(Caller("nobody", "api", rights=NOTHING), "| stats count()"),
        lambda reading: reading.histogram(Caller("nobody", "api", rights=NOTHING), ""),
    ],
)
def test_denied_fields_are_neither_grouped_nor_counted_and_the_refusal_is_an_event(
    ask, reading, directory, keys
):
    with pytest.raises(AccessDeniedError):
        ask(reading)
    reader = LedgerReader(directory, keys)
    *_, last = reader.rows(0, reader.refresh())
    reader.close()
    assert last.event().what.outcome == "denied"


def test_histogram_and_facets_as_documents(reading):
    bars = histogram_document(reading.histogram(ALL, "source:shop", bars=3))
    assert (bars["bucket"], len(bars["bars"]), bars["events"]) == ("5m", 3, 12)
    assert bars["bars"][0]["start"] == "2026-11-19T10:00:00.000000Z"
    assert bars["bars"][-1]["end"] == "2026-11-19T10:15:00.000000Z"
    assert sum(bar["denied"] for bar in bars["bars"]) == 6
    found = facets_document(reading.facets(ALL, "", ("actor", "rows"), values=1))
    assert found["facets"][0]["values"] == [{"value": "alice", "count": 12}]
    assert found["facets"][1]["values"] == [{"value": 0, "count": 2}]
    assert found["facets"][1]["distinct"] == 12
    nothing = histogram_document(reading.histogram(ALL, "actor:nobody"))
    assert (nothing["bars"], nothing["events"], nothing["is_exact"]) == ([], 0, True)
    msgspec.json.encode([bars, found, nothing])


def test_a_page_of_words_counts_what_the_page_counts(reading):
    page = reading.page(ALL, "payroll", limit=2, fields=("actor",), bars=60)
    assert page.answer.total == sum(bar.count for bar in page.histogram.bars) == 8
    assert sum(count for _, count in page.facets[0].values) == 8
    later = reading.page(
        ALL, "payroll", limit=2, before=page.answer.next, fields=("actor",), bars=9
    )
    assert (later.histogram, later.facets) == (None, [])
    columns = reading.page(ALL, "actor:bob", limit=2, fields=("ip",), bars=60)
    later = reading.page(
        ALL, "actor:bob", limit=2, before=columns.answer.next, fields=("ip",), bars=60
    )
    assert later.facets == columns.facets


def test_sort_and_limit_of_events(reading):
    found = reading.search(ALL, "source:shop | sort -rows | limit 3")
    assert [hit.event.what.rows for hit in found.events] == [110, 100, 90]
    assert (found.total, found.next) == (12, None)
    newest = reading.search(ALL, "source:shop | sort -time", limit=5)
    assert newest.next is not None
    assert len(reading.search(ALL, "source:shop | limit 7", limit=2).events) == 7
    oldest = reading.search(ALL, "source:shop | sort time | limit 1").events[0]
    assert oldest.event.what.rows == 0


def test_completion_tells_a_reader_only_of_his_own_rows(reading):
    completing = Completing(reading)

    def values(caller, text):
        return [item["text"] for item in completing.answer(caller, text, len(text))["items"]]

    assert {"customers", "payroll"} <= set(values(ALL, "resource:"))
    assert "payroll" not in values(FEW, "resource:")
    assert values(FEW, "resource:pay") == []
    assert values(FEW, "source:h") == []
    assert values(ALL, "source:h") == ["hr"]
    assert values(FEW, "ip:") == []
    counts = reading.search(ALL, "service:whodid action:count", own=True)
    asked = [hit.event.content.statement for hit in counts.events]
    assert asked.count("resource:*pay*") == 1
    assert {hit.event.who.actor_id for hit in counts.events} == {"ada", "rita"}
