"""The follower of detection: each entry once, whatever ends it, and nothing lost.

WHODID_SEED chooses what is killed where.
"""

import random

import msgspec
import pytest

from chance import SEED
from ledger_kit import Hand
from whodid.detection.finding import Finding, Match
from whodid.detection.follow import Detector
from whodid.detection.rule import Head
from whodid.detection.state_file import StateFile
from whodid.errors import InputError, RefusedError
from whodid.ledger.reader import LedgerReader
from whodid.limits import DETECTION_GRACE_US

HEAD = Head("every-third", "every third", "low", "v1")


class Killed(BaseException):
    """Nobody catches it: what was in memory is gone."""


class EveryThird:
    """Finds every third record, so what it remembers decides what it finds."""

    def __init__(self, trip=lambda _: None, poison=()):
        self.seen = 0
        self.now_us = 0
        self.trip = trip
        self.poison = poison

    def feed(self, records):
        found = []
        for record in records:
            self.trip("feed")
            if record.entry in self.poison:
                raise KeyError("a rule met something that nobody thought of")
            self.seen += 1
            if self.seen % 3 == 0:
                match = Match(record.entry, record.id, record.time_us)
                found.append(Finding(HEAD, record.time_us, record.time_us, self.seen, (match,)))
        return found

    def advance(self, now_us):
        self.now_us = now_us
        return []

    def snapshot(self):
        self.trip("snapshot")
        return msgspec.msgpack.encode(self.seen)

    def restore(self, data):
        try:
            self.seen = msgspec.msgpack.decode(data, type=int)
        except msgspec.DecodeError as error:
            raise InputError("no snapshot") from error


class Bench:
    """A ledger, and what was found in it by detectors that came and went."""

    def __init__(self, hand):
        self.hand = hand
        self.taken = {}
        self.reader = LedgerReader(hand.directory, hand.keys)
        self.looker = None

    def detector(self, trip=lambda _: None, **options):
        def make():
            self.looker = EveryThird(trip, options.get("poison", ()))
            return {"third": self.looker}

        def take(findings):
            for finding in findings:
                trip("take")
                self.taken[finding.matches[0].entry] = finding
            trip("taken")

        file = StateFile(self.hand.directory, self.hand.keys, "state")
        monotonic = options.get("monotonic", lambda: 0)
        return Detector(
            self.reader, file, make, take, lambda _raw, _format: None, self.hand.clock,
            monotonic=monotonic,
        )  # fmt: skip

    def drain(self, detector):
        while detector.step(self.hand.sequencer.size):
            pass
        return detector


@pytest.fixture
def bench(tmp_path):
    return Bench(Hand(tmp_path).open())


def expected(bench, first=0):
    reader = LedgerReader(bench.hand.directory, bench.hand.keys)
    events = [row.index for row in reader.rows(first, reader.size) if row.type == 1]
    return events[2::3]


def test_every_entry_is_seen_once_sealed_or_not(bench):
    bench.hand.add(range(40))
    bench.hand.seal()
    bench.hand.add(range(40, 70))
    detector = bench.drain(bench.detector())
    assert list(bench.taken) == expected(bench)
    assert bench.looker.now_us == bench.hand.clock.now_us - DETECTION_GRACE_US
    bench.hand.add(range(70, 90))
    bench.drain(detector)
    assert list(bench.taken) == expected(bench)
    assert detector.counts.events == 90
    assert detector.cursor == bench.hand.sequencer.size


def test_whatever_kills_it_the_findings_are_those_of_one_that_lived(bench, monkeypatch):
    chance = random.Random(SEED)
    monkeypatch.setattr("whodid.detection.follow.DETECTION_STEP_ENTRIES", 7)
    killed = 0

    def trip(_where):
        if chance.random() < 0.06:
            raise Killed

    detector = None
    for start in range(0, 200, 20):
        bench.hand.add(range(start, start + 20))
        if chance.random() < 0.5:
            bench.hand.seal()
        while True:
            try:
                detector = detector or bench.detector(trip, monotonic=lambda: chance.random() * 99)
                bench.drain(detector)
                break
            except Killed:
                killed += 1
                detector = None
    assert killed > 5
    assert sorted(bench.taken) == expected(bench)
    assert [bench.taken[entry].count for entry in sorted(bench.taken)] == [
        3 * number for number in range(1, len(bench.taken) + 1)
    ]


def test_findings_that_cannot_be_taken_are_taken_later(bench):
    bench.hand.add(range(9))
    refusing = [True]

    def trip(where):
        if where == "take" and refusing:
            raise RefusedError("the disk is full")

    detector = bench.detector(trip)
    with pytest.raises(RefusedError):
        detector.step(bench.hand.sequencer.size)
    with pytest.raises(RefusedError):
        detector.save()
    refusing.clear()
    bench.drain(detector)
    assert list(bench.taken) == expected(bench)


def test_a_missing_or_damaged_state_begins_a_bounded_distance_back(bench, monkeypatch):
    monkeypatch.setattr("whodid.detection.follow.DETECTION_BACK_ENTRIES", 30)
    bench.hand.add(range(100))
    first = bench.hand.sequencer.size - 30
    detector = bench.drain(bench.detector())
    assert detector.notes == [f"detection looks at entries {first} to {first + 29}"]
    assert list(bench.taken) == expected(bench, first)
    bench.hand.add(range(100, 120))
    again = bench.detector()
    assert again.step(bench.hand.sequencer.size) == 50, "it goes on where it began, not later"
    bench.drain(again).save()
    file = StateFile(bench.hand.directory, bench.hand.keys, "state")
    file.path.write_bytes(file.path.read_bytes()[:-1])
    third = bench.drain(bench.detector())
    assert "begins again" in third.notes[0]
    assert "state" in third.notes[0]
    assert third.counts.begun_again == 1
    assert file.path.with_name("state.damaged").exists()
    assert third.counts.events == 30


def test_a_state_of_another_history_or_of_no_use_is_not_taken_up(bench):
    bench.hand.add(range(10))
    bench.drain(bench.detector()).save()
    file = StateFile(bench.hand.directory, bench.hand.keys, "state")
    state = msgspec.msgpack.decode(file.read())
    for wrong in (
        {"leaf": "00" * 32},
        {"cursor": 1000},
        {"version": 9},
        {"lookers": {"third": b"\xc1"}},
    ):
        file.write(msgspec.msgpack.encode({**state, **wrong}))
        detector = bench.drain(bench.detector())
        assert detector.counts.begun_again == 1, wrong
        assert detector.counts.events == 10
    file.write(b"junk")
    assert bench.drain(bench.detector()).counts.begun_again == 1
    file.write(msgspec.msgpack.encode(state))
    assert bench.drain(bench.detector()).counts == type(detector.counts)()


def test_a_record_that_breaks_a_rule_is_left_out_alone(bench):
    bench.hand.add(range(30))
    bench.reader.refresh()
    events = [row.index for row in bench.reader.rows(0, bench.reader.size) if row.type == 1]
    poison = events[10]
    detector = bench.drain(bench.detector(poison={poison}))
    left = [entry for entry in events if entry != poison]
    assert list(bench.taken) == left[2::3]
    assert detector.counts.failed == 1
    assert any(str(poison) in note and "left it out" in note for note in detector.notes)
    bench.hand.add(range(30, 40))
    bench.drain(detector)
    assert detector.counts.failed == 1


def test_other_lookers_take_up_what_was_remembered(bench):
    bench.hand.add(range(10))
    detector = bench.drain(bench.detector())
    fresh = {}

    def make():
        fresh["third"] = EveryThird()
        return {**fresh, "new": EveryThird()}

    detector.change(make)
    assert fresh["third"].seen == 10
    bench.hand.add(range(10, 12))
    bench.drain(detector)
    assert fresh["third"].seen == 12
    assert detector.lookers["new"].seen == 2
