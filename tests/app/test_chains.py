"""What an answer of chains says, what of it a reader with rights may learn, and its own event."""

import msgspec
import pytest

from whodid.app.answer import Caller
from whodid.app.chains import chains_document
from whodid.app.reading import LedgerReading
from whodid.errors import AccessDeniedError, QueryError
from whodid.limits import SEQUENCE_CHAINS_MAX
from whodid.query.rights import EVERYTHING, rights
from whodid.sources.intake import Delivery

ALL = Caller("ada", "api", rights=EVERYTHING)
FEW = Caller("rita", "api", rights=rights("source:shop -resource:payroll", ["ip", "outcome"]))
TEXT = "| sequence by actor [access:authenticate] -> [access:read] within 5m"


def record(number, user, action, minute, **more):
    return {
        "id": f"e{number}", "userId": user, "action": action, "ip": "10.0.0.7",
        "status": "SUCCESS", **({"timestamp": f"2026-11-19T10:{minute:02d}:00Z"} if minute else {}),
        **more,
    }  # fmt: skip


@pytest.fixture
def reading(directory, keys, port, clock, intake):
    for name in ("shop", "hr"):
        port.declare_source(name, "json", name)
    shop = [
        record(1, "alice", "LOGIN", 1), record(2, "bob", "LOGIN", 2),
        record(3, "alice", "READ", 3, resource="customers"),
        record(4, "bob", "READ", 9, resource="customers"),  # too late
        record(5, "carol", "LOGIN", 20), record(6, "carol", "READ", 21, resource="payroll"),
        record(7, "alice", "LOGIN", 30),
    ]  # fmt: skip
    hr = [record(8, "alice", "READ", 33, resource="orders"), record(9, "alice", "READ", 34)]
    for name, records in (("shop", shop), ("hr", hr)):
        intake.accept(Delivery(name, [msgspec.json.encode(item) for item in records], clock()))
    reading = LedgerReading(directory, keys, port, clock)
    yield reading
    reading._reader.close()


def values(answer):
    return [(c.value, [hit.event.envelope.native_id for hit in c.hits]) for c in answer.chains]


def test_chains_as_a_document(reading):
    answer = reading.chains(ALL, TEXT)
    assert values(answer) == [
        ("alice", ["e7", "e8"]), ("carol", ["e5", "e6"]), ("alice", ["e1", "e3"]),
    ]  # fmt: skip
    document = chains_document(answer)
    assert (document["by"], document["total"], document["total_is_exact"]) == ("actor", 3, True)
    first = document["chains"][0]
    assert (first["value"], first["seconds"]) == ("alice", 180.0)
    assert first["start"] == first["steps"][0]["at"] == "2026-11-19T10:30:00.000000Z"
    assert first["steps"][1]["event"]["resource.name"] == "orders"
    assert "its clock is ahead" in first["steps"][1]["doubts"][0]  # the test's own stands before
    assert document["checkpoint"].count("\n") > 3


def test_pages_and_limits(reading):
    first = reading.chains(ALL, TEXT, limit=2)
    second = reading.chains(ALL, TEXT, limit=2, before=first.next)
    assert values(first) + values(second) == values(reading.chains(ALL, TEXT))
    assert second.next is None
    assert first.total == second.total == 3
    limited = reading.chains(ALL, f"{TEXT} | limit 1")
    assert (len(limited.chains), limited.total, limited.next) == (1, 3, None)
    assert len(reading.chains(ALL, TEXT, limit=SEQUENCE_CHAINS_MAX * 9).chains) == 3


def test_rights_cut_every_step(reading):
    answer = reading.chains(FEW, TEXT)
    assert values(answer) == [("alice", ["e1", "e3"])]  # not hr, not payroll
    assert "your rights show a part" in answer.warnings[0]
    assert all(hit.event.where.ip is None for chain in answer.chains for hit in chain.hits)
    assert all(hit.event.raw == b"" for chain in answer.chains for hit in chain.hits)
    for text in (
        "| sequence by ip [*] -> [*] within 5m",
        "| sequence by actor [ip:10.0.0.7] -> [*] within 5m",
        "| sequence by actor [*] -> [*] -> [outcome:success] within 5m",
    ):
        with pytest.raises(AccessDeniedError, match="withheld from you"):
            reading.chains(FEW, text)
    words = "| sequence by actor [10.0.0.7] -> [*] within 5m"
    assert reading.chains(FEW, words).total == 0  # words of a step do not look there either
    assert reading.chains(ALL, words).total > 0


def test_it_is_an_event_of_its_own(reading):
    reading.chains(ALL, TEXT)
    found = reading.search(ALL, "service:whodid action:search", limit=1).events[0].event
    assert (found.who.actor_id, found.what.rows, found.content.statement) == ("ada", 6, TEXT)
    with pytest.raises(AccessDeniedError):
        reading.chains(FEW, "| sequence by ip [*] -> [*] within 5m")
    found = reading.search(ALL, "service:whodid outcome:denied", limit=1).events[0].event
    assert found.who.actor_id == "rita"


def test_own_events_are_hidden_until_a_step_asks_for_them(reading):
    reading.search(ALL, "x")
    reading.search(ALL, "y")
    two = "| sequence by actor [action:search] -> [action:search] within 5m"
    hidden = reading.chains(ALL, two)
    assert (hidden.total, hidden.hidden_own) == (0, 2)
    assert reading.chains(ALL, two, own=True).total == 1
    asked = two.replace("[action:search]", "[action:search service:whodid]", 1)
    assert reading.chains(ALL, asked).total == 2


def test_others_say_that_they_find_no_chains(reading):
    for read in (reading.search, reading.export, reading.follow, reading.histogram):
        with pytest.raises(QueryError, match=r"sequence|pipes"):
            read(ALL, TEXT)
    with pytest.raises(QueryError, match=r"no \| sequence"):
        reading.chains(ALL, "alice")
