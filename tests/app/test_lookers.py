"""Who looked: counted from whodid's own events, cut to what each reader may see of them."""

from collections import Counter

import msgspec
import pytest

from whodid.access.rights import rights_of
from whodid.access.users import User
from whodid.app.answer import Caller
from whodid.app.lookers_document import lookers_document
from whodid.app.reading import LedgerReading
from whodid.errors import AccessDeniedError, QueryError, UsageError
from whodid.query.rights import EVERYTHING
from whodid.sources.intake import Delivery

SYSTEM = Caller("root", "cli", rights=EVERYTHING)


def person(name, role="reader", filter_text="", deny=(), face="web"):
    user = User(name, role, filter=filter_text, deny=deny)
    return Caller(name, face, ip="10.0.0.1", session=f"s-{name}", rights=rights_of(user))


INGRID = person("ingrid", "investigator")
RITA = person("rita")
ADA = person("ada", "administrator")


@pytest.fixture
def reading(directory, keys, port, clock, intake):
    port.declare_source("shop", "json", "shop")
    data = [
        msgspec.json.encode(
            {"id": f"0190a0a0-0000-7000-8000-{n:012x}", "userId": "alice", "action": "READ",
             "resource": f"file-{n}", "timestamp": f"2026-10-0{n + 1}T10:00:00Z"}
        )
        for n in range(5)
    ]  # fmt: skip
    intake.accept(Delivery("shop", data, clock()))
    reading = LedgerReading(directory, keys, port, clock)
    yield reading
    reading._reader.close()


@pytest.fixture
def looked(reading):
    """Ingrid and Rita look about; Ada is refused; somebody fails to log in."""
    reading.search(INGRID, "actor:alice")
    reading.search(INGRID, "resource:file-2 outcome:success")
    reading.profile(INGRID, "actor", "alice")
    reading.trace(INGRID, "corr-9")
    event_id = reading.search(RITA, "resource:file-1").events[0].event.when.id
    reading.event(RITA, event_id)
    reading.profile(RITA, "resource", "file-2")
    reading.export(RITA, "actor:alice")
    with pytest.raises(AccessDeniedError):
        reading.search(ADA, "actor:alice")
    reading.record(Caller("mallory", "web"), "log in", "web", ok=False, reason="wrong password")
    reading.record(ADA, "create user", "zoe")
    return event_id


def acts(answer):
    return {one.actor: one.acts for one in answer.lookers}


def test_an_investigator_sees_who_looked_at_what(reading, looked):
    found = reading.lookers(INGRID, "")
    assert acts(found) == {
        "ingrid": {"search": 2, "profile": 1, "trace": 1},
        "rita": {"search": 1, "show": 1, "profile": 1, "export": 1},
        "ada": {},
        "mallory": {},
    }
    assert {one.actor: (one.looks, one.denied) for one in found.lookers} == {
        "ingrid": (4, 0), "rita": (4, 0), "ada": (0, 1), "mallory": (0, 1),
    }  # fmt: skip
    assert [hit.event.what.action for hit in found.refused] == ["log in", "search"]
    assert (found.total, found.denied, found.is_exact) == (10, 2, True)
    assert found.rows == sum(hit.event.what.rows or 0 for hit in found.looks) > 0
    assert not found.only_own
    assert {(one.kind, one.value, one.looks, one.lookers) for one in found.subjects} == {
        ("actor", "alice", 1, 1), ("trace", "corr-9", 1, 1), ("event", looked, 1, 1),
        ("resource", "file-2", 1, 1),
    }  # fmt: skip
    assert "create user" not in {hit.event.what.action for hit in found.looks}


@pytest.mark.parametrize(
    ("kind", "value", "lookers"),
    [
        ("actor", "alice", {"ingrid": 2, "rita": 1, "ada": 0}),  # searches and an export name her
        ("resource", "file-2", {"ingrid": 1, "rita": 1}),
        ("trace", "corr-9", {"ingrid": 1}),
        ("ip", "10.0.0.1", {}),
    ],
)
def test_who_looked_at_one_thing(reading, looked, kind, value, lookers):
    found = reading.lookers(SYSTEM, "", kind=kind, value=value)
    assert {one.actor: one.looks for one in found.lookers} == lookers
    assert found.subject == (kind, value)


def test_who_looked_at_one_event(reading, looked):
    found = reading.lookers(SYSTEM, "", kind="event", value=looked)
    assert acts(found) == {"rita": {"show": 1}}
    assert [hit.event.what.resource_name for hit in found.looks] == [looked]


def test_a_search_narrows_it_and_pages_follow_each_other(reading, looked):
    assert acts(reading.lookers(SYSTEM, "actor:rita action:export")) == {"rita": {"export": 1}}
    assert reading.lookers(SYSTEM, "time:[* TO 2020]").total == 0
    first = reading.lookers(SYSTEM, "time:[* TO now]", limit=6)
    second = reading.lookers(SYSTEM, "time:[* TO now]", limit=50, before=first.next)
    indexes = [hit.index for hit in (*first.looks, *second.looks)]
    assert len(indexes) == len(set(indexes)) >= 10
    assert second.refused == [], "they stand on the first page"


def test_a_reader_sees_his_own_looks_and_no_others(reading, looked):
    reading.search(Caller("rita", "cli", rights=EVERYTHING), "actor:bob")  # another Rita: no login
    found = reading.lookers(RITA, "")
    assert acts(found) == {"rita": {"search": 1, "show": 1, "profile": 1, "export": 1}}
    assert found.only_own
    assert {hit.event.who.actor_id for hit in found.looks} == {"rita"}
    assert reading.lookers(RITA, "actor:ingrid").total == 0
    assert reading.lookers(RITA, "", kind="actor", value="alice").lookers[0].actor == "rita"
    assert reading.search(RITA, "service:whodid").total == 0, "and searches as before"


def test_a_look_of_ones_own_can_be_opened_and_no_other(reading, looked):
    mine, theirs = (
        reading.lookers(INGRID, f"actor:{name}").looks[0] for name in ("rita", "ingrid")
    )
    assert reading.event(RITA, mine.event.when.id).event == mine.event
    assert reading.verify_event(RITA, mine.event.when.id)[1].ok
    with pytest.raises(UsageError):
        reading.event(RITA, theirs.event.when.id)
    with pytest.raises(AccessDeniedError):
        reading.event(ADA, mine.event.when.id)
    assert reading.event(INGRID, theirs.event.when.id).event == theirs.event


def test_a_filter_and_denied_fields_hold_here_too(reading, looked):
    few = person("ingrid", "investigator", filter_text="source:shop", deny=("statement",))
    found = reading.lookers(few, "")
    assert set(acts(found)) == {"ingrid"}
    assert all(hit.event.content.statement is None for hit in found.looks)
    by_text = reading.lookers(few, "", kind="actor", value="alice")
    assert acts(by_text) == {"ingrid": {"profile": 1}}, "texts are withheld: pages only"
    nameless = person("ingrid", "investigator", deny=("who", "rows"))
    found = reading.lookers(nameless, "")
    assert (found.lookers, found.rows) == ([], None)
    assert {one.lookers for one in found.subjects} == {None}
    with pytest.raises(AccessDeniedError):
        reading.lookers(nameless, "actor:rita")


def test_who_reads_no_events_asks_in_vain_and_it_is_recorded(reading, looked):
    with pytest.raises(AccessDeniedError):
        reading.lookers(ADA, "")
    found = reading.search(SYSTEM, "service:whodid action:review")
    [what] = [hit.event.what for hit in found.events]
    assert (what.outcome, what.resource_name) == ("denied", "looks")


def test_asking_is_a_look_itself(reading):
    reading.lookers(INGRID, "actor:rita", kind="actor", value="alice")
    [hit] = reading.search(SYSTEM, "service:whodid action:review").events
    what = hit.event.what
    assert (what.resource_type, what.resource_name, what.access) == ("actor", "alice", "read")
    assert hit.event.content.statement == "actor:rita"
    assert reading.lookers(SYSTEM, "", kind="actor", value="alice").total == 1


def test_what_cannot_be_asked(reading):
    for kind, value in (("planet", "earth"), ("actor", ""), ("actor", "x" * 9999)):
        with pytest.raises(UsageError):
            reading.lookers(SYSTEM, "", kind=kind, value=value)
    for text in ("(", "actor:x | sort time"):
        with pytest.raises(QueryError):
            reading.lookers(SYSTEM, text)


def test_the_document_says_the_same(reading, looked):
    found = reading.lookers(INGRID, "", kind="actor", value="alice")
    document = lookers_document(found)
    assert document["subject"] == {"kind": "actor", "value": "alice"}
    counts = Counter(event["actor.id"] for event in document["looks"])
    assert counts == {"ingrid": 2, "rita": 1, "ada": 1}
    assert document["lookers"][0]["acts"] == {"search": 1, "profile": 1}
