"""Every read is an own event that is durable before the answer; without it there is no answer."""

import threading

import msgspec
import pytest

from whodid.app.answer import Caller
from whodid.app.intake import LedgerIntake
from whodid.app.reading import LedgerReading
from whodid.app.rows import RowMaker
from whodid.errors import (
    LedgerError,
    QueryError,
    RefusedError,
    StoppedError,
    UsageError,
    WhodidError,
)
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.reader import LedgerReader
from whodid.query.rights import EVERYTHING
from whodid.sources.intake import Delivery

CALLER = Caller("alice", "api", "203.0.113.9", "curl/8", "tok-1", EVERYTHING)
SECRET = "nobody-may-see-this"


class RecordingPort:
    """Passes on to the real sequencer, remembers the order, and refuses when told to."""

    def __init__(self, port):
        self._port = port
        self.calls = []
        self.fault = None

    def submit(self, batch):
        if self.fault:
            raise self.fault
        receipt = self._port.submit(batch)
        self.calls.append("durable")
        return receipt

    def __getattr__(self, name):
        return getattr(self._port, name)


@pytest.fixture
def recording(port):
    return RecordingPort(port)


@pytest.fixture
def reading(directory, keys, recording, clock):
    reading = LedgerReading(directory, keys, recording, clock)
    yield reading
    reading._reader.close()


@pytest.fixture
def fill(keys, port, clock):
    port.declare_source("crm", "json", "crm")
    intake = LedgerIntake(
        RowMaker(keys.identity_root(), port.sources),
        BatchBuilder(keys.ledger_id, keys.public_kek()),
        port,
    )

    def add(*records):
        return intake.accept(Delivery("crm", [msgspec.json.encode(r) for r in records], clock()))

    add(*({"id": f"e{n}", "userId": "bob", "action": "READ", "resource": SECRET} for n in range(3)))
    return add


@pytest.fixture
def own_events(directory, keys):
    def read():
        reader = LedgerReader(directory, keys)
        try:
            events = [row.event() for row in reader.rows(0, reader.refresh())]
        finally:
            reader.close()
        return [event for event in events if event and event.envelope.source == "whodid"]

    return read


def first_id(reading):
    return reading.search(CALLER, "actor:bob").events[0].event.when.id


READS = {
    "search": lambda reading, event_id: reading.search(CALLER, "actor:bob"),
    "sorted": lambda reading, event_id: reading.search(CALLER, "actor:bob | sort rows"),
    "page": lambda reading, event_id: reading.page(CALLER, "actor:bob", fields=("ip",), bars=9),
    "table": lambda reading, event_id: reading.table(CALLER, "actor:bob | stats by (ip)"),
    "histogram": lambda reading, event_id: reading.histogram(CALLER, "actor:bob"),
    "facets": lambda reading, event_id: reading.facets(CALLER, "actor:bob", ("ip",)),
    "event": lambda reading, event_id: reading.event(CALLER, event_id),
    "proof": lambda reading, event_id: reading.proof(CALLER, event_id),
    "verify": lambda reading, event_id: reading.verify_event(CALLER, event_id),
    "sources": lambda reading, event_id: reading.sources(CALLER),
    "follow": lambda reading, event_id: reading.follow(CALLER, "actor:bob"),
    "record": lambda reading, event_id: reading.record(CALLER, "log in", "web"),
}
WRITTEN = {
    "search": ("search", "read", "ledger", "events", 3, "actor:bob"),
    "sorted": ("search", "read", "ledger", "events", 3, "actor:bob | sort rows"),
    "page": ("search", "read", "ledger", "events", 3, "actor:bob"),
    "table": ("search", "read", "ledger", "events", 1, "actor:bob | stats by (ip)"),
    "histogram": ("count", "read", "ledger", "events", None, "actor:bob"),
    "facets": ("count", "read", "ledger", "events", None, "actor:bob"),
    "event": ("show", "read", "event", None, 1, None),
    "proof": ("prove", "read", "event", None, 1, None),
    "verify": ("verify", "read", "event", None, 1, None),
    "sources": ("list", "read", "ledger", "sources", 2, None),
    "follow": ("tail", "read", "ledger", "events", None, "actor:bob"),
    "record": ("log in", "authenticate", "whodid", "web", None, None),
}


def test_each_read_is_one_own_event_with_who_where_and_what(reading, fill, own_events):
    event_id = first_id(reading)
    for name, read in READS.items():
        before = len(own_events())
        read(reading, event_id)
        [event] = own_events()[before:]
        check_written(event, event_id, *WRITTEN[name])


def check_written(event, event_id, action, access, type_, resource, rows, content):
    assert (event.what.action, event.what.access) == (action, access)
    assert event.what.resource_type == type_
    assert event.what.resource_name == (resource or event_id)
    assert event.what.rows == rows
    assert event.what.outcome == "success"
    assert event.content.statement == content
    assert (event.who.actor_id, event.who.actor_type) == ("alice", "user")
    assert event.who.actor_session == "tok-1"
    assert (event.where.ip, event.where.agent) == ("203.0.113.9", "curl/8")
    assert (event.context.service_name, event.context.endpoint) == ("whodid", "api")
    assert event.raw == b""


def test_the_query_text_stands_in_the_content_group_only(reading, fill, keys, directory):
    text = "hidden-word-in-a-query"
    reading.search(CALLER, text)
    reading.follow(CALLER, text)
    reader = LedgerReader(directory, keys)
    *_, searched, tailed = reader.rows(0, reader.refresh())
    for row in (searched, tailed):
        where = [number for number, group in enumerate(row.groups, 1) if text.encode() in group]
        assert where == [6]
        assert text.encode() not in row.leaf_bytes
    reader.close()


@pytest.mark.parametrize("fault", [RefusedError, StoppedError])
def test_no_event_no_answer(fault, reading, recording, fill, own_events):
    event_id = first_id(reading)
    before = own_events()
    recording.fault = fault("the disk is full")
    for read in READS.values():
        with pytest.raises(fault) as caught:
            read(reading, event_id)
        assert SECRET not in str(caught.value)
    assert own_events() == before


def test_a_search_is_answered_only_after_its_event_is_durable(reading, recording, fill, port):
    recording.calls.clear()
    size = port.status().size
    answer = reading.search(CALLER, "actor:bob")
    assert recording.calls == ["durable"]
    assert port.status().size == size + 1
    assert answer.size <= size, "and it does not count itself"


def test_a_search_that_does_not_parse_shows_nothing_and_is_no_event(reading, fill, own_events):
    before = len(own_events())
    with pytest.raises(QueryError):
        reading.search(CALLER, "actro:bob")
    with pytest.raises(QueryError):
        reading.follow(CALLER, "(((")
    for refused in (
        lambda: reading.search(CALLER, "| stats count()"),
        lambda: reading.page(CALLER, "| stats count()"),
        lambda: reading.table(CALLER, "actor:bob"),
        lambda: reading.follow(CALLER, "| limit 3"),
        lambda: reading.histogram(CALLER, "| sort rows"),
        lambda: reading.facets(CALLER, "| stats count()", ("ip",)),
        lambda: reading.facets(CALLER, "", ("message",)),
        lambda: reading.facets(CALLER, "", ("time",)),
        lambda: reading.facets(CALLER, "", ("nme",)),
        lambda: reading.facets(CALLER, "", ()),
        lambda: reading.search(CALLER, "| sort rows", before="A" * 22),
    ):
        with pytest.raises(UsageError):
            refused()
    for before_text in ("x", "A" * 22 + "A", "é" * 22, "\0" * 22):
        with pytest.raises(WhodidError):
            reading.search(CALLER, "", before=before_text)
    assert len(own_events()) == before


def test_an_event_that_is_not_there(reading, fill):
    for event_id in ("", "x", "\0", "\udcff", "a" * 10_000, "0190a0a0-0000-7000-8000-0000"):
        for read in (reading.event, reading.proof, reading.verify_event):
            with pytest.raises(UsageError, match="no event") as caught:
                read(CALLER, event_id)
            assert len(str(caught.value)) < 400


def test_own_events_are_hidden_counted_and_found_when_asked_for(reading, fill):
    reading.search(CALLER, "actor:bob")
    reading.sources(CALLER)
    answer = reading.search(CALLER, "")
    assert {hit.event.envelope.source for hit in answer.events} == {"crm"}
    assert (answer.total, answer.hidden_own) == (3, 2)
    asked = reading.search(CALLER, "service:whodid")
    assert [hit.event.what.action for hit in asked.events] == ["search", "list", "search"]
    assert asked.hidden_own == 0
    both = reading.search(CALLER, "", own=True)
    assert both.total == 3 + 4
    assert both.hidden_own == 0
    mine = reading.search(CALLER, "actor:alice source:whodid access:read")
    assert mine.total == 5


def test_a_record_that_calls_itself_whodid_is_not_hidden(reading, fill):
    fill({"id": "f1", "userId": "mallory", "action": "DELETE", "service": {"name": "whodid"}})
    fill({"id": "f2", "userId": "mallory", "action": "DELETE", "service.name": "whodid"})
    assert reading.search(CALLER, "actor:mallory").total == 2


def test_nothing_durable_is_missing_from_the_next_search(reading, fill):
    for number in range(5):
        fill({"id": f"n{number}", "userId": "carol", "action": "READ"})
        assert reading.search(CALLER, "actor:carol").total == number + 1


def test_pages_by_keyset_hold_every_event_once_while_new_ones_come(reading, fill):
    fill(*({"id": f"p{n}", "userId": "dan", "action": "READ"} for n in range(25)))
    seen, before = [], None
    while True:
        answer = reading.search(CALLER, "actor:dan", limit=10, before=before)
        seen += [hit.index for hit in answer.events]
        fill({"id": f"later{len(seen)}", "userId": "dan", "action": "READ"})
        before = answer.next
        if before is None:
            break
    assert len(seen) == len(set(seen)) == 25
    assert seen == sorted(seen, reverse=True)


def test_the_limit_is_bounded_both_ways(reading, fill):
    assert len(reading.search(CALLER, "actor:bob", limit=0).events) == 1
    assert len(reading.search(CALLER, "actor:bob", limit=10**9).events) == 3


# --- tail ----------------------------------------------------------------------------------------


def test_a_tail_has_what_came_after_it_began_once_and_in_order(reading, fill):
    following = reading.follow(CALLER, "actor:eve")
    fill({"id": "t1", "userId": "eve", "action": "READ"})  # before the first poll
    assert [hit.event.envelope.native_id for hit in following.poll()] == ["t1"]
    assert following.poll() == []
    fill(
        {"id": "t2", "userId": "eve", "action": "READ"},
        {"id": "t3", "userId": "bob", "action": "READ"},
        {"id": "t4", "userId": "eve", "action": "READ"},
    )
    assert [hit.event.envelope.native_id for hit in following.poll()] == ["t2", "t4"]


def test_a_tail_hides_own_events_unless_asked(reading, fill):
    plain = reading.follow(CALLER, "")
    asked = reading.follow(CALLER, "service:whodid")
    reading.sources(CALLER)
    assert plain.poll() == []
    assert [hit.event.what.action for hit in asked.poll()] == ["list"]


# --- acts ----------------------------------------------------------------------------------------


def test_acts_of_faces_have_their_access_outcome_and_reason(reading, own_events):
    before = len(own_events())
    reading.record(CALLER, "log in", "web", ok=False, reason="wrong name or password")
    reading.record(CALLER, "log out", "web")
    reading.record(CALLER, "export entries", "/ledger/x/tile/entries/000")
    reading.record(CALLER, "revoke token", "t", content="why")
    events = own_events()[before:]
    assert [(e.what.access, e.what.outcome, e.what.reason) for e in events] == [
        ("authenticate", "denied", "wrong name or password"),
        ("authenticate", "success", None),
        ("read", "success", None),
        ("administer", "success", None),
    ]
    assert events[3].content.statement == "why"


def test_what_a_stranger_types_is_stored_whatever_it_is(reading, own_events):
    name = "\udcff\ud800 <script>\0\x1b[2J"
    reading.record(Caller(name, "web", agent="\udcff"), "log in", "\ud800", content="\udfff")
    event = own_events()[-1]
    assert event.who.actor_id == "?? <script>\0\x1b[2J"
    assert (event.where.agent, event.what.resource_name, event.content.statement) == (
        "?", "?", "?",
    )  # fmt: skip


# --- health --------------------------------------------------------------------------------------


def test_health_shows_no_content_and_is_no_event(reading, fill, own_events, port):
    before = len(own_events())
    health = reading.health()
    assert (health.ready, health.reasons, health.stopped) == (True, [], None)
    assert health.size == port.status().size
    reading.totals()
    assert len(own_events()) == before


def test_health_says_when_the_sequencer_does_not_answer(reading, recording):
    def silent():
        raise RefusedError("the sequencer does not answer")

    recording.status = silent
    health = reading.health()
    assert not health.ready
    assert "does not answer" in health.reasons[0]


def test_a_stopped_log_shows_no_content_and_says_why(reading, fill, port):
    event_id = first_id(reading)
    port.sequencer.stopped = "fsync failed"
    for read in READS.values():
        with pytest.raises(LedgerError, match="fsync failed"):
            read(reading, event_id)
    health = reading.health()
    assert not health.ready
    assert health.stopped == "fsync failed"
    assert "fsync failed" in health.reasons[0]


def test_a_tail_looks_at_large_entries_in_small_pieces(reading, fill, monkeypatch):
    monkeypatch.setattr("whodid.app.reading.TAIL_BYTES_MAX", 3000)
    following = reading.follow(CALLER, "actor:eve")
    fill(*({"id": f"l{n}", "userId": "eve", "action": "a", "x": "y" * 900} for n in range(9)))
    pieces = []
    while piece := following.poll():
        pieces.append([hit.event.envelope.native_id for hit in piece])
    assert [name for piece in pieces for name in piece] == [f"l{n}" for n in range(9)]
    assert len(pieces) > 2


def test_totals_do_not_wait_for_a_read(reading, fill):
    events, sources = reading.totals()
    fill({"id": "later", "userId": "eve", "action": "a"})
    held, done = threading.Event(), threading.Event()

    def read():
        with reading._turns.turn():
            held.set()
            done.wait(60)

    reader = threading.Thread(target=read)
    reader.start()
    held.wait(60)
    try:
        assert reading.totals() == (events, sources), "what was counted before"
    finally:
        done.set()
        reader.join()
    assert reading.totals() == (events + 1, sources)
