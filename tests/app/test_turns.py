"""Reads take turns: fairly, with pauses in long ones, and nobody works for who has left."""

import threading

import msgspec
import pytest

from whodid.app import reading as module
from whodid.app.answer import Caller
from whodid.app.intake import LedgerIntake
from whodid.app.reading import LedgerReading
from whodid.app.rows import RowMaker
from whodid.app.turns import Turns
from whodid.errors import LeftError
from whodid.index import hot, opening, search
from whodid.index.build import build_table
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.reader import LedgerReader
from whodid.query.rights import EVERYTHING
from whodid.sources.intake import Delivery

WAIT_S = 20
CALLER = Caller("alice", "api", "203.0.113.9", "curl/8", "tok-1", EVERYTHING)


class Queue:
    """Threads that ask for a turn one after the other; `order` is who had it."""

    def __init__(self, turns):
        self.turns = turns
        self.order = []
        self.threads = []

    def ask(self, name, left=lambda: False):
        def run():
            try:
                with self.turns.turn(left):
                    self.order.append(name)
            except LeftError:
                self.order.append(f"{name} left")

        before = len(self.turns._queue)
        thread = threading.Thread(target=run)
        thread.start()
        self.threads.append(thread)
        for _ in range(WAIT_S * 1000):
            if len(self.turns._queue) > before:
                return
            thread.join(0.001)
        raise AssertionError("it did not wait")

    def end(self):
        for thread in self.threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()


def test_turns_come_in_order():
    turns = Turns(slice_s=0)
    queue = Queue(turns)
    with turns.turn():
        for name in "abcde":
            queue.ask(name)
        assert queue.order == []
    queue.end()
    assert queue.order == list("abcde")
    with turns.turn():  # nothing is left behind
        assert not turns._queue


def test_a_pause_lets_all_pass_who_waited():
    turns = Turns(slice_s=0)
    queue = Queue(turns)
    with turns.turn():
        turns.pause()
        queue.ask("a")
        queue.ask("b")
        turns.pause()
        assert queue.order == ["a", "b"]
        queue.ask("c")
        queue.order.append("me")
    queue.end()
    assert queue.order == ["a", "b", "me", "c"]


def test_a_quick_turn_is_not_given_away():
    turns = Turns(slice_s=3600)
    queue = Queue(turns)
    with turns.turn():
        queue.ask("a")
        turns.pause()
        assert queue.order == []
    queue.end()
    assert queue.order == ["a"]


def test_who_has_left_gets_no_turn_and_stops_none():
    turns = Turns(slice_s=0)
    queue = Queue(turns)
    gone = threading.Event()
    with turns.turn():
        queue.ask("a", gone.is_set)
        queue.ask("b")
        gone.set()
        queue.threads[0].join(WAIT_S)
        assert queue.order == ["a left"]
    queue.end()
    assert queue.order == ["a left", "b"]


def test_who_leaves_within_a_turn_gives_it_on():
    turns = Turns(slice_s=0)
    queue = Queue(turns)
    gone = threading.Event()

    def leave():
        with turns.turn(gone.is_set):
            queue.ask("a")
            turns.pause()  # a's turn: its `left` is not ours
            assert queue.order == ["a"]
            queue.ask("b")
            gone.set()
            turns.pause()

    with pytest.raises(LeftError):
        leave()
    queue.end()
    assert queue.order == ["a", "b"]
    with turns.turn():
        turns.pause()


# --- the log --------------------------------------------------------------------------------------


@pytest.fixture
def reading(directory, keys, port, clock):
    port.declare_source("crm", "json", "crm")
    maker = RowMaker(keys.identity_root(), port.sources)
    intake = LedgerIntake(maker, BatchBuilder(keys.ledger_id, keys.public_kek()), port)
    records = [{"id": f"e{n}", "userId": "bob", "action": f"open door{n}x"} for n in range(40)]
    intake.accept(Delivery("crm", [msgspec.json.encode(r) for r in records], clock()))
    reading = LedgerReading(directory, keys, port, clock)
    reading._turns._slice_s = 0
    yield reading
    reading._reader.close()


@pytest.fixture
def own_events(directory, keys):
    reader = LedgerReader(directory, keys)
    yield lambda: [
        event
        for row in reader.rows(0, reader.refresh())
        if (event := row.event()) and event.envelope.source == "whodid"
    ]
    reader.close()


def leaves_after(looks):
    """Return a `left` that is true after so many looks, and the looks that were taken."""
    taken = []

    def left():
        taken.append(1)
        return len(taken) > looks

    return left, taken


READS = {
    "search": lambda reading, caller: reading.search(caller, "door7x"),
    "columns": lambda reading, caller: reading.search(caller, "actor:bob"),
    "page": lambda reading, caller: reading.page(caller, "door7x", bars=5),
    "table": lambda reading, caller: reading.table(caller, "door7x | stats by (actor)"),
    "histogram": lambda reading, caller: reading.histogram(caller, "door7x"),
    "facets": lambda reading, caller: reading.facets(caller, "door7x", ("actor",)),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_read_ends_when_its_caller_leaves_and_says_so(reading, own_events, read):
    read(reading, CALLER)
    before = len(own_events())
    left, _ = leaves_after(0)
    with pytest.raises(LeftError):
        read(reading, msgspec.structs.replace(CALLER, left=left))
    [event] = own_events()[before:]
    assert (event.who.actor_id, event.what.outcome) == ("alice", "failure")
    assert "went away" in event.what.reason
    assert event.content.statement
    read(reading, CALLER)  # the turn was given back
    assert own_events()[-1].what.outcome == "success"


def test_a_long_search_ends_between_two_portions(reading, monkeypatch):
    monkeypatch.setattr(opening, "FRAME_ROWS", 8)
    monkeypatch.setattr(opening, "_FRAMES", 1)
    left, taken = leaves_after(10**9)
    assert reading.search(msgspec.structs.replace(CALLER, left=left), "door7x").total == 1
    looks = len(taken)
    assert looks >= 5, "once a portion at least"
    left, taken = leaves_after(looks - 2)
    with pytest.raises(LeftError):
        reading.search(msgspec.structs.replace(CALLER, left=left), "door7x")
    assert len(taken) == looks - 1, "not one portion more"


def test_quick_searches_pass_a_long_one(reading, monkeypatch):
    """In the pauses of one search others are answered, and all are right."""
    monkeypatch.setattr(opening, "FRAME_ROWS", 8)
    monkeypatch.setattr(opening, "_FRAMES", 1)
    answers, asked = [], []
    kinds = ["actor:bob", "actor:bob | stats by (action)"]

    def ask(text):
        read = reading.table if "|" in text else reading.search
        answers.append(read(CALLER, text))

    def left():  # is asked just before each pause
        if len(asked) < 6:
            asked.append(threading.Thread(target=ask, args=(kinds[len(asked) % 2],)))
            asked[-1].start()
            while not reading._turns._queue:
                asked[-1].join(0.001)
        answered_before.append(len(answers))
        return False

    answered_before = []
    long = reading.search(msgspec.structs.replace(CALLER, left=left), "door7x")
    for thread in asked:
        thread.join(WAIT_S)
    assert [event.event.what.action for event in long.events] == ["open door7x"]
    assert (long.total, long.total_is_exact, long.warnings) == (1, True, [])
    assert len(answers) == 6
    assert answered_before[-1] >= 2, "they did not wait for its end"
    for answer in answers:
        assert answer.rows if hasattr(answer, "rows") else answer.events, answer


def test_what_is_new_is_ready_while_somebody_reads(reading, monkeypatch):
    built = []

    def build(reader, first, end, **more):
        built.append((first, end))
        return build_table(reader, first, end, **more)

    monkeypatch.setattr(hot, "build_table", build)
    reading.freshen()
    assert built == [], "nobody reads"
    reading.search(CALLER, "actor:bob")
    before = len(built)
    reading.freshen()  # the search's own event
    young = reading._searcher._hot.young
    assert [one.event.what.action for one in young] == ["search"]
    assert len(built) == before, "a table of one entry costs more than the entry"
    monkeypatch.setattr(search, "_YOUNG_MAX", 0)
    reading.freshen()
    assert len(built) == before + 1
    reading.freshen()
    answer = reading.search(CALLER, "actor:bob")
    assert len(built) == before + 1, "the search had nothing to take in"
    assert answer.total == 40
    monkeypatch.setattr(module, "FRESH_FOR_S", 0.0)
    reading.freshen()
    assert len(built) == before + 1, "nobody has read for long"
