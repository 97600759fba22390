"""State is bounded, told of when it is given up, kept over crashes, refused when it is none."""

from copy import deepcopy

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlation_kit import END_US, START, Names, S, correlation, engine, record, rule, run, told
from whodid.detection.windows import windowed
from whodid.detection.windows.snapshot import FORM
from whodid.errors import FormatError, InputError


@pytest.fixture
def small(monkeypatch):
    """Few events are kept."""
    monkeypatch.setattr("whodid.detection.windows.windowed.CORRELATION_EVENTS_MAX", 100)
    monkeypatch.setattr("whodid.detection.windows.windowed.CORRELATION_PAST_EVENTS", 20)
    monkeypatch.setattr("whodid.detection.windows.new_value.CORRELATION_VALUES_MAX", 100)
    monkeypatch.setattr("whodid.detection.windows.absence.CORRELATION_EVENTS_MAX", 100)
    monkeypatch.setattr("whodid.detection.windows.lane.CORRELATION_TIMERS_MANY", 150)
    return 100


def kept(eng):
    return sum(len(window.events) for window in eng.lane.machines[0].keys.values())


def test_the_keys_longest_unseen_are_given_up_and_it_is_told(small):
    rules = [rule("a"), correlation("event_count", ["a"], 10_000, gte=2)]
    eng = engine(rules, lateness_s=0)
    records = [record(n, n, user=f"u{n}") for n in range(300)]
    found = eng.feed(records)
    assert kept(eng) <= small
    (notice,) = eng.notices()
    assert (notice.kind, notice.subject) == ("evicted", "found")
    assert notice.count == 299 - kept(eng)
    # the newest are still known, the oldest are not
    found += eng.feed([record(300, 300, user="u298"), record(301, 301, user="u0")])
    found += eng.close(END_US)
    assert [told(f)[2] for f in found] == [("u298",)]


def test_what_is_over_makes_room_without_a_word(small):
    rules = [rule("a"), correlation("event_count", ["a"], 10, gte=2)]
    eng = engine(rules, lateness_s=0)
    eng.feed([record(n, n, user=f"u{n}") for n in range(1000)])
    assert kept(eng) <= 30
    assert eng.notices() == []


def test_one_key_with_too_many_events_loses_its_oldest(small):
    rules = [
        rule("a"), rule("b"), correlation("temporal_ordered", ["b", "a"], 10_000, name="order"),
    ]  # fmt: skip
    eng = engine(rules, lateness_s=0)
    records = [record(0, 0, "b", user="ann")] + [
        record(n, n, "x" if n < 2 else "b", user="ann") for n in range(1, 400)
    ]
    eng.feed(records)
    assert kept(eng) <= small
    assert eng.notices()[0].kind == "evicted"
    assert [told(f)[3] for f in run(eng, [record(400, 400, "a", user="ann")])] == [(399, 400)]


def test_sums_stay_right_when_events_are_given_up(small):
    rules = [rule("a"), correlation("value_sum", ["a"], 10_000, fields=["n"], gte=10**6)]
    eng = engine(rules, lateness_s=0)
    eng.feed([record(n, n, user="ann", n=[0.1, 7]) for n in range(500)])
    (window,) = eng.lane.machines[0].keys.values()
    values = [value for hit in window.events[window.head :] for value in hit[6]]
    assert window.extra[1] == len(values)
    assert float(window.extra[0]) == pytest.approx(sum(values))


def test_new_values_are_bounded_and_it_is_told(small):
    rules = [rule("a"), correlation("new_value", ["a"], 10**6, fields=["v"])]
    eng = engine(rules, lateness_s=0)
    eng.feed([record(n, n, user=f"u{n % 7}", v=f"v{n}") for n in range(400)])
    machine = eng.lane.machines[0]
    assert machine.total == sum(len(known.values) for known in machine.keys.values()) <= small
    assert eng.notices()[0].kind == "evicted"
    eng = engine(rules, lateness_s=0)
    eng.feed([record(n, n, user="ann", v=f"v{n}") for n in range(400)])
    machine = eng.lane.machines[0]
    assert machine.total == sum(len(known.values) for known in machine.keys.values()) <= small


def test_waiting_for_what_must_come_is_bounded(small):
    rules = [rule("a"), rule("b"), correlation("absence", ["a", "b"], 10**5)]
    eng = engine(rules, lateness_s=0)
    eng.feed([record(n, n, user=f"u{n}") for n in range(300)])
    assert len(eng.lane.machines[0].keys) <= small
    gone = eng.notices()[0].count
    assert gone == 299 - len(eng.lane.machines[0].keys)  # one still waits for its time
    assert len(eng.close(END_US)) == 100


@pytest.mark.parametrize(
    "over",
    [
        correlation("absence", ["a", "b"], 10**5),
        correlation("event_count", ["a"], 10**5, gte=1),
        correlation("temporal", ["a", "b"], 10**5, words="a and not b"),
    ],
    ids=["absence", "count", "words"],
)
def test_the_ends_of_windows_that_were_given_up_are_forgotten(small, over, monkeypatch):
    """Else a long span and ever new keys would be kept without a bound."""
    monkeypatch.setattr("whodid.detection.windows.judged.CORRELATION_EVENTS_MAX", 100)
    rules = [rule("a"), rule("b"), over]
    eng, other = engine(rules, lateness_s=0), engine(rules, lateness_s=0)
    other.lane._timers_many = 10**9
    records = [record(n, n, user=f"u{n}") for n in range(3000)]
    found = eng.feed(records)
    assert found == other.feed(records)
    assert len(eng.lane.timers) <= 2 * small + 1
    assert len(other.lane.timers) > 2000
    assert eng.snapshot() == other.snapshot()
    assert eng.close(END_US) == other.close(END_US)


def test_when_too_many_wait_time_is_pushed_on(monkeypatch):
    monkeypatch.setattr("whodid.detection.windows.engine.CORRELATION_WAITING_MAX", 50)
    rules = [rule("a"), correlation("event_count", ["a"], 1000, gte=60)]
    eng = engine(rules, lateness_s=10_000)
    found = eng.feed([record(n, n, user="ann") for n in range(300)])
    assert len(eng.lane.waiting) <= 50
    assert [told(f)[1] for f in found] == [59]
    assert [n.kind for n in eng.notices()] == ["forced"]


def some_rules():
    return [
        rule("a"), rule("b"),
        correlation("event_count", ["a"], 60, name="count", gte=3),
        correlation("value_count", ["a"], 60, name="values", fields=["v"], gte=3),
        correlation("value_sum", ["a"], 60, name="sum", fields=["n"], gte=100),
        correlation("new_value", ["a"], 600, name="new", fields=["v"]),
        correlation("absence", ["a", "b"], 60, name="missing"),
        correlation("temporal_ordered", ["a", "b"], 60, name="order"),
        correlation("event_count", ["count", "b"], 60, name="above", gte=2),
    ]  # fmt: skip


def some_records(size=40):
    return [record(n, 3 * n, "ab"[n % 3 == 2], user="ann", v=f"v{n % 5}", n=n) for n in range(size)]


def test_changed_rules_begin_anew_and_the_others_keep_their_state():
    before = [
        rule("a"), rule("b"), correlation("event_count", ["a"], 600, name="same", gte=3),
        correlation("event_count", ["a"], 600, name="changed", gte=3),
        correlation("event_count", ["b"], 600, name="below", gte=3),
        correlation("event_count", ["a"], 600, name="gone", gte=3),
    ]  # fmt: skip
    after = [
        rule("b", version="2"), rule("a"),
        correlation("event_count", ["b"], 600, name="below", gte=3),
        correlation("event_count", ["a"], 600, name="changed", gte=3, version="2"),
        correlation("event_count", ["a"], 600, name="new", gte=3),
        correlation("event_count", ["a"], 600, name="same", gte=3),
    ]  # fmt: skip
    records = [record(n, n, "a b", user="ann") for n in range(4)]
    for waiting in (0, 60):  # what was taken, and what still waits
        eng = engine(before, lateness_s=waiting)
        assert eng.feed(records[:2]) == []
        eng.change(after, Names(after))
        found = run(eng, records[2:3])
        assert [f.rule.id for f in found] == ["same"]


def test_a_snapshot_names_its_place_and_is_the_same_for_the_same_state():
    eng = engine(some_rules())
    eng.feed(some_records())
    assert eng.position == 40
    state = eng.snapshot()
    assert state == eng.snapshot()
    other = engine(some_rules())
    other.restore(state)
    assert (other.position, other.snapshot()) == (40, state)
    assert other.close(END_US) == eng.close(END_US)


def test_notices_that_were_told_are_not_told_again_after_a_crash():
    eng = engine(some_rules(), lateness_s=1)
    eng.feed([record(0, 100, user="ann"), record(1, 0, user="ann")])
    state = eng.snapshot()
    assert [n.kind for n in eng.notices()] == ["late"]
    told_state = eng.snapshot()
    for data, kinds in ((state, ["late"]), (told_state, [])):
        other = engine(some_rules())
        other.restore(data)
        assert [n.kind for n in other.notices()] == kinds


@pytest.fixture(scope="module")
def state():
    eng = engine(some_rules(), lateness_s=30)
    eng.feed([*some_records(), record(40, -(10**8), "a", source="old", user="ann", v="x", n=1)])
    return eng.snapshot()


def refused(data):
    eng = engine(some_rules())
    eng.feed(some_records(4))
    before = eng.snapshot()
    try:
        eng.restore(data)
    except (InputError, FormatError):
        assert eng.snapshot() == before
        return True
    eng.feed([record(n, 10**6 + n, "a b", user="ann", v="q", n=5) for n in range(100, 104)])
    eng.advance(START + 10**7 * S)
    eng.notices()
    eng.snapshot()
    return False


def test_other_bytes_are_refused(state):
    assert not refused(state)
    assert refused(b"")
    assert refused(b"\xff" * 100)
    assert refused(state[:-1])
    assert refused(state + b"\0")
    whole = msgspec.msgpack.decode(state)
    with pytest.raises(FormatError, match="begin anew"):
        engine(some_rules()).restore(msgspec.msgpack.encode([FORM + "0", *whole[1:]]))


@settings(max_examples=300)
@given(st.data())
def test_hostile_bytes_are_refused_or_harmless(state, data):
    """Bytes changed, and parts of the structure put in the place of others."""
    if data.draw(st.booleans()):
        broken = bytearray(state)
        for _ in range(data.draw(st.integers(1, 4))):
            broken[data.draw(st.integers(0, len(state) - 1))] = data.draw(st.integers(0, 255))
        refused(bytes(broken))
        return
    whole = msgspec.msgpack.decode(state)
    lane = whole[3]
    version = data.draw(st.sampled_from(sorted(lane[3])))
    machine = msgspec.msgpack.decode(lane[3][version])
    strange = st.sampled_from([None, -1, 2**63, 1.5, "x", [], ["x"], [["x"]], {}, b"x", True])
    place = machine
    for _ in range(data.draw(st.integers(0, 4))):
        if isinstance(place, list) and place:
            index = data.draw(st.integers(0, len(place) - 1))
            if isinstance(place[index], list) and data.draw(st.booleans()):
                place = place[index]
                continue
            place[index] = deepcopy(data.draw(strange))
    lane[3][version] = msgspec.msgpack.encode(machine)
    refused(msgspec.msgpack.encode(whole))


def stored(*times, head=0):
    hits = [(time, "x", 0, ("ann",), 0, 1, None, ("ann",), None) for time in times]
    return windowed.StoredWindow(hits, head, [], None, 0)


@pytest.mark.parametrize(
    "window", [stored(), stored(1, head=1), stored(1, head=2), stored(5, 4), stored(1, 10**9)]
)
def test_the_windows_of_a_snapshot_are_checked(window):
    eng = engine([rule("a"), correlation("event_count", ["a"], 60, gte=1)])
    with pytest.raises(InputError):
        eng.lane.machines[0].take(msgspec.msgpack.encode((0, [window])))
    eng.lane.machines[0].take(msgspec.msgpack.encode((0, [stored(1, 10**9, head=1)])))
