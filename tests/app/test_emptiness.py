"""Empty answers say which part of the search is to blame, within rights and within time."""

import time

import msgspec
import pytest
from msgspec.structs import replace

from whodid.app.answer import Caller, Clause
from whodid.app.document import answer_document
from whodid.app.emptiness import Emptiness
from whodid.app.reading import LedgerReading
from whodid.query.rights import EVERYTHING, rights
from whodid.sources.intake import Delivery

ALL = Caller("ada", "api", rights=EVERYTHING)


@pytest.fixture
def reading(directory, keys, port, clock, intake):
    port.declare_source("shop", "json", "shop")
    records = [
        {"id": f"e{n}", "userId": ("alice@example.com", "bob")[n % 2], "action": "READ",
         "resource": "customers", "status": "SUCCESS", "rows": n}
        for n in range(6)
    ]  # fmt: skip
    intake.accept(Delivery("shop", [msgspec.json.encode(r) for r in records], clock()))
    reading = LedgerReading(directory, keys, port, clock)
    yield reading
    reading._reader.close()


def clauses(reading, text, caller=ALL):
    return reading.search(caller, text).clauses


def test_each_part_alone_and_the_rest_without_it(reading):
    assert clauses(reading, "actor:bob outcome:denied rows:>2") == [
        Clause("actor:bob", 3, 0, []), Clause("outcome:denied", 0, 2, []),
        Clause("rows:>2", 3, 0, []),
    ]  # fmt: skip
    assert clauses(reading, "actor:bob") == []
    page = reading.page(ALL, "actor:bob outcome:denied")
    assert [clause.without for clause in page.answer.clauses] == [0, 3]


def test_values_that_resemble_one_that_no_event_has(reading):
    assert clauses(reading, "actor:alice") == [
        Clause("actor:alice", 0, None, ["alice@example.com"])
    ]
    assert clauses(reading, "actor:bbo resource:costumers")[1].near == ["customers"]
    assert clauses(reading, "nowhere")[0].near == []
    assert clauses(reading, "rows:99")[0].near == []


def test_a_count_that_was_not_ended_is_the_least_there_are(reading, monkeypatch):
    """A part that was not looked through is not one that finds nothing."""
    whole = reading._page

    def hasty(query, limit, before, *, own):
        page = whole(query, limit, before, own=own)
        return page if limit > 1 else replace(page, total=0, total_is_exact=False)

    explained = Emptiness(hasty, reading._analyst, reading.now)
    query = reading._allowed(ALL, _parsed("actor:alice outcome:denied"), None)
    with reading._turns.turn():
        page = whole(query, 10, None, own=False)
        found = explained.explain(ALL, query, page, time.monotonic(), own=False)
    assert found == [
        Clause("actor:alice", 0, 0, [], False, False),
        Clause("outcome:denied", 0, 0, [], False, False),
    ]


def test_words_and_times_are_parts_too(reading):
    found = clauses(reading, "customers time:2001-01-01 (actor:bob OR actor:eve)")
    assert [(c.text, c.alone, c.without) for c in found] == [
        ("customers", 6, 0), ("time:2001-01-01", 0, 3), ("actor:bob OR actor:eve", 3, 0),
    ]  # fmt: skip


def test_nothing_beyond_the_rights_is_told(reading):
    few = Caller("rita", "api", rights=rights("actor:bob", ["resource.name", "resources"]))
    assert clauses(reading, "actor:alice rows:5", few) == [
        Clause("actor:alice", 0, 1, []), Clause("rows:5", 1, 0, []),
    ]  # fmt: skip


def test_a_search_that_took_long_is_not_explained(reading):
    late = iter([5.0])
    slow = Emptiness(reading._page, reading._analyst, reading.now, lambda: next(late))
    query = reading._allowed(ALL, _parsed("actor:alice"), None)
    with reading._turns.turn():
        page = reading._page(query, 10, None, own=False)
        assert slow.explain(ALL, query, page, 0.0, own=False) == []


def test_the_document(reading):
    document = answer_document(reading.search(ALL, "actor:alice"))
    assert document["clauses"] == [
        {
            "text": "actor:alice",
            "alone": 0,
            "without": None,
            "near": ["alice@example.com"],
            "alone_is_exact": True,
            "without_is_exact": True,
        }
    ]


def _parsed(text):
    from whodid.query.parse import parse

    return parse(text)
