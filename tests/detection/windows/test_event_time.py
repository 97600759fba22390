"""The same findings whatever the order, the pieces, the clock and the crashes."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlation_kit import END_US, START, S, correlation, engine, record, rule, told
from whodid.detection.windows import Engine
from whodid.detection.windows import engine as engine_module
from whodid.limits import CORRELATION_NEAR_US

LATENESS_S = 30
NAMES = ("a", "b", "c")


def all_kinds():
    """One rule of each kind, and a correlation of correlations."""
    return [
        *(rule(name) for name in NAMES), rule("loud", silent=False),
        correlation("event_count", ["a"], 20, name="count", gte=3),
        correlation("value_count", NAMES, 40, name="values", fields=["v"], by=(), gte=4),
        correlation("value_sum", NAMES, 40, name="sum", fields=["n"], gt=30),
        correlation("value_percentile", NAMES, 40, name="p90", fields=["n"], percent=90, gte=9),
        correlation("temporal", ["a", "b"], 10, name="both"),
        correlation("temporal_ordered", ["a", "b", "c"], 30, name="order"),
        correlation("temporal", ["a", "b"], 20, name="judged", words="a and not b"),
        correlation("temporal", ["a", "b", "c"], 20, name="asked", words="a and (b or c)"),
        correlation("new_value", NAMES, 60, name="new", fields=["v"]),
        correlation("absence", ["a", "b"], 15, name="missing"),
        correlation("ratio", ["a", "b"], 50, name="share", gte=0.5, options={"minimum": 2}),
        correlation("event_count", ["count", "both", "missing"], 90, name="much", gte=2),
    ]  # fmt: skip


def history(seed, *, size=120, over_s=300):
    """Records in the order in which they are received, up to LATENESS_S after they happened."""
    dice = random.Random(seed)
    made = []
    for number in range(size):
        at = dice.randrange(over_s)
        names = dice.sample([*NAMES, "loud"], dice.choice([1, 1, 1, 2]))
        made.append((at, number, names, dice.choice(["ann", "bob", None]), dice.choice("xyzw"),
                     dice.randrange(12), dice.choice(["app", "db"])))  # fmt: skip
    return made


def received(made, seed):
    """The records of `made`, each delayed as the dice say."""
    dice = random.Random(seed)
    delayed = sorted((item[0] + dice.uniform(0, LATENESS_S), item) for item in made)
    return [
        record(
            entry, at, names, number=number, received_s=came, user=user, v=value, n=amount,
            source=source,
        )
        for entry, (came, (at, number, names, user, value, amount, source)) in enumerate(delayed)
    ]  # fmt: skip


def correlated(findings):
    """Findings that wait for event time, in their order, without the places in the ledger."""
    return [(*told(f), f.count, f.why, f.values) for f in findings if f.rule.id != "loud"]


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_order_of_arrival_changes_nothing(seed, order):
    made = history(seed)
    runs = []
    for shuffle in (order, order + 1):
        eng = engine(all_kinds(), lateness_s=LATENESS_S)
        found = eng.feed(received(made, shuffle)) + eng.close(END_US)
        runs.append((correlated(found), sorted(told(f) for f in found)))
        assert not [notice for notice in eng.notices() if notice.kind != "late"]
        assert not eng.counts
    assert runs[0] == runs[1]
    assert runs[0][0]


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.data())
def test_pieces_clocks_and_crashes_change_nothing(seed, data):
    records = received(history(seed), seed)
    whole = engine(all_kinds(), lateness_s=LATENESS_S, idle_s=20)
    wanted = whole.feed(records) + whole.close(END_US)

    eng = engine(all_kinds(), lateness_s=LATENESS_S, idle_s=20)
    found = []
    cuts = [*sorted(data.draw(st.sets(st.integers(0, len(records)), max_size=8))), len(records)]
    at = 0
    for cut in cuts:
        found += eng.feed(records[at:cut])
        at = cut
        if cut < len(records):
            # the clock, as far as it may have gone before the next entry was received
            least = min(r.group(0).received for r in records[cut:])
            newest = max([r.group(0).received for r in records[:cut]], default=least)
            if newest < least:
                for now in sorted(data.draw(st.lists(st.integers(newest, least), max_size=3))):
                    found += eng.advance(now)
        if data.draw(st.booleans()):
            state = eng.snapshot()
            eng = engine(all_kinds(), lateness_s=LATENESS_S, idle_s=20)
            eng.restore(state)
            assert eng.snapshot() == state
            found += eng.feed(records[:cut])  # what was taken is passed over
    found += eng.close(END_US)
    assert [told(f) for f in found] == [told(f) for f in wanted]
    assert found == wanted


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.data())
def test_a_crash_loses_nothing_and_repeats_exactly(seed, data):
    """The state is kept now and then; what was found since is found again, and nothing else."""
    records = received(history(seed), seed)
    eng = engine(all_kinds(), lateness_s=LATENESS_S)
    wanted = eng.feed(records) + eng.close(END_US)
    kept_at = data.draw(st.integers(0, len(records)))
    died_at = data.draw(st.integers(kept_at, len(records)))

    first = engine(all_kinds(), lateness_s=LATENESS_S)
    before = first.feed(records[:kept_at])
    state = first.snapshot()
    lost = first.feed(records[kept_at:died_at])
    second = engine(all_kinds(), lateness_s=LATENESS_S)
    second.restore(state)
    assert second.position == kept_at
    again = second.feed(records[second.position :]) + second.close(END_US)
    assert again[: len(lost)] == lost
    assert before + again == wanted


def test_an_earlier_event_of_another_source_is_waited_for():
    rules = [rule("a"), rule("b"), correlation("temporal_ordered", ["a", "b"], 60)]
    eng = engine(rules, lateness_s=10, slow={"cloud": 600})
    records = [
        record(0, 0, "c", source="cloud", received_s=0, user="ann"),
        record(1, 100, "b", source="app", received_s=100, user="ann"),
        record(2, 500, "c", source="app", received_s=500, user="ann"),
        record(3, 90, "a", source="cloud", received_s=500, user="ann"),
    ]
    assert eng.feed(records) == []
    found = eng.feed([
        record(4, 800, "c", source="cloud", received_s=900),
        record(5, 899, "c", source="app", received_s=900),
    ])  # fmt: skip
    assert [told(f)[1] for f in found] == [100]


def test_a_source_that_is_silent_is_not_waited_for():
    rules = [rule("a"), correlation("event_count", ["a"], 60, gte=2)]
    eng = engine(rules, lateness_s=10, idle_s=100)
    eng.feed([record(0, 0, "x", source="dead", received_s=0)])
    found = eng.feed([
        record(1, 50, source="app", received_s=50, user="ann"),
        record(2, 60, source="app", received_s=60, user="ann"),
        record(3, 99, "x", source="app", received_s=99),
    ])  # fmt: skip
    assert found == []
    found = eng.feed([record(4, 101, "x", source="app", received_s=101)])
    assert [told(f)[1] for f in found] == [60]


def test_without_events_time_passes_by_the_clock():
    rules = [rule("a"), correlation("absence", ["a"], 60, name="beat")]
    eng = engine(rules, lateness_s=10, idle_s=100)
    assert eng.feed([record(0, 0, received_s=0, user="ann")]) == []
    assert eng.advance(START + 160 * S) == []
    assert [told(f)[:3] for f in eng.advance(START + 161 * S)] == [("beat", 60, ("ann",))]
    assert eng.advance(START + 1000 * S) == []


def test_a_clock_that_is_fast_does_not_take_the_others_along():
    rules = [rule("a"), correlation("event_count", ["a"], 60, gte=2)]
    eng = engine(rules, lateness_s=10)
    wild = record(0, 10**7, "a", source="wild", received_s=0, user="eve")
    found = eng.feed([
        wild, record(1, 1, received_s=1, user="ann"), record(2, 2, received_s=2, user="ann"),
        record(3, 50, "x", received_s=50), record(4, 50, "x", source="wild", received_s=50),
    ])  # fmt: skip
    assert [told(f)[1:3] for f in found] == [(2, ("ann",))]
    assert [(n.kind, n.subject, n.count) for n in eng.notices()] == [("ahead", "wild", 1)]
    assert eng.notices() == []


def test_a_late_event_completes_what_it_belongs_to_and_is_counted():
    rules = [rule("a"), correlation("event_count", ["a"], 60, gte=3)]
    eng = engine(rules, lateness_s=10)
    early = [record(0, 0, user="ann"), record(1, 5, user="ann"), record(2, 300, user="ann")]
    assert eng.feed(early) == []
    late = eng.feed([record(3, 30, user="ann")])
    assert [(told(f), f.late) for f in late] == [
        (("found", 30.0, ("ann",), (0, 1, 3), "final"), True)
    ]
    # and once: what follows is near the one that was found
    assert eng.feed([record(4, 40, user="ann")]) == []
    assert [(n.kind, n.subject, n.count) for n in eng.notices()] == [("late", "app", 2)]
    # in the window that is open it counts for what comes
    assert eng.feed([record(5, 299, user="ann")]) == []
    found = eng.feed([record(6, 320, user="ann"), record(7, 400, user="ann")])
    assert [told(f)[1:4] for f in found] == [(320, ("ann",), (5, 2, 6))]


def test_late_findings_climb_and_are_the_same_after_a_crash():
    rules = [
        rule("a"), correlation("event_count", ["a"], 60, name="child", gte=2),
        correlation("event_count", ["child"], 60, name="parent", by=("user",), gte=1),
    ]  # fmt: skip
    records = [record(0, 0, user="ann"), record(1, 500, user="bob"), record(2, 20, user="ann")]
    whole = engine(rules, lateness_s=10)
    wanted = whole.feed(records)
    assert [(f.rule.id, f.late) for f in wanted] == [("child", True), ("parent", True)]
    for cut in range(3):
        eng = engine(rules, lateness_s=10)
        found = eng.feed(records[:cut])
        state = eng.snapshot()
        eng = engine(rules, lateness_s=10)
        eng.restore(state)
        assert found + eng.feed(records[cut:]) == wanted


LATE_KINDS = [
    ("temporal", {"rules": ["a", "b"]}, [("a", 0), ("x", 300), ("b", 20)], 20),
    ("temporal_ordered", {"rules": ["a", "b"]}, [("b", 20), ("x", 300), ("a", 5)], 20),
    ("value_count", {"rules": ["a"], "fields": ["v"], "gte": 2},
     [("a", 0), ("x", 300), ("a", 20)], 20),
    ("value_sum", {"rules": ["a"], "fields": ["n"], "gte": 3},
     [("a", 0), ("x", 300), ("a", 20)], 20),
    ("new_value", {"rules": ["a"], "fields": ["v"]}, [("a", 0), ("x", 300), ("a", 20)], 20),
    ("ratio", {"rules": ["b", "a"], "gte": 0.5, "options": {"minimum": 2}},
     [("a", 0), ("x", 300), ("a b", 20)], 20),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "said", "events", "at"), LATE_KINDS, ids=lambda v: str(v)[:12])
def test_each_kind_takes_what_is_late(kind, said, events, at):
    said = dict(said)
    rules = [rule("a"), rule("b"), rule("x"), correlation(kind, said.pop("rules"), 60, **said)]
    eng = engine(rules, lateness_s=10)
    records = [
        record(n, when, names, user="ann", v=f"v{n}", n=2) for n, (names, when) in enumerate(events)
    ]
    assert eng.feed(records[:2]) == []
    assert [(f.time_us, f.late) for f in eng.feed(records[2:])] == [(START + at * S, True)]


def test_what_was_expected_and_comes_late_ends_the_waiting():
    rules = [rule("a"), rule("b"), rule("x"), correlation("absence", ["a", "b"], 600)]
    eng = engine(rules, lateness_s=10)
    eng.feed([record(0, 0, "a", user="ann"), record(1, 300, "x"), record(2, 100, "b", user="ann")])
    assert eng.close(END_US) == []


NEAR_S = CORRELATION_NEAR_US // S


def past_records(entry, order, *, received_s):
    """Events of a year ago, up to 20 s out of order."""
    old = -365 * 86_400
    return [
        record(entry + n, old + at, "a", number=at, source="archive", user="ann",
               received_s=received_s + n)
        for n, at in enumerate(order)
    ]  # fmt: skip


def test_an_archive_is_a_past_of_its_own_in_any_order():
    rules = [rule("a"), rule("x"), correlation("event_count", ["a"], 60, gte=3)]
    runs = []
    for order in ([0, 10, 20, 30, 500], [20, 10, 0, 30, 500]):
        eng = engine(rules, lateness_s=LATENESS_S, idle_s=100)
        eng.feed([record(0, 0, "x", received_s=0)])
        found = eng.feed(past_records(1, order, received_s=1))
        assert not any(f.late for f in found)
        runs.append([told(f) for f in found])
        assert [n.kind for n in eng.notices()] == ["past"]
    assert runs[0] == runs[1]
    assert [(ids, stage) for _, _, _, ids, stage in runs[0]] == [
        ((0, 10, 20), "final"), ((0, 10, 20, 30), "total"),
    ]  # fmt: skip


def test_the_past_ends_when_nothing_more_comes_of_it_and_leaves_what_it_learned():
    rules = [
        rule("a"), rule("x"), correlation("event_count", ["a"], 60, gte=2, name="count"),
        correlation("new_value", ["a", "x"], 86_400 * 400, fields=["v"], name="new"),
    ]  # fmt: skip
    old = -365 * 86_400
    eng = engine(rules, lateness_s=10, idle_s=100)
    eng.feed([record(0, 0, "y", received_s=0)])
    found = eng.feed([
        record(1, old, user="ann", v="known", source="archive", received_s=1),
        record(2, old + 1, user="ann", v="other", source="archive", received_s=2),
    ])  # fmt: skip
    assert found == []
    state = eng.snapshot()
    assert [f.rule.id for f in eng.advance(START + 102 * S)] == []
    found = eng.advance(START + 103 * S)
    assert sorted(f.rule.id for f in found) == ["count", "new"]
    assert eng.past is None
    again = engine(rules, lateness_s=10, idle_s=100)
    again.restore(state)
    assert again.past is not None
    assert again.advance(START + 103 * S) == found
    now = [
        record(3, 200, "x", user="ann", v="known", received_s=200),
        record(4, 201, "x", user="ann", v="never", received_s=201),
    ]
    found = eng.feed(now) + eng.close(END_US)
    assert [(f.rule.id, f.values) for f in found] == [("new", (("v", "never"),))]


def test_live_and_past_lanes_keep_their_order_whatever_the_clock_says():
    """Time that passes in one go, or in steps, ends sources and the past in the same order."""
    rules = [
        rule("a"), correlation("event_count", ["a"], 60, gte=2),
        correlation("absence", ["a"], 30, name="beat"),
    ]  # fmt: skip
    old = -365 * 86_400
    records = [
        record(0, 0, received_s=0, user="ann"), record(1, 1, received_s=1, user="ann"),
        record(2, old, source="archive", received_s=2, user="ann"),
        record(3, old + 1, source="archive2", received_s=40, user="ann"),
        record(4, old + 50, source="archive", received_s=41, user="ann"),
    ]  # fmt: skip
    wanted = None
    for step in (1, 7, 50, 1000):
        eng = engine(rules, lateness_s=10, idle_s=100)
        found = eng.feed(records)
        for now in range(42, 1042, step):
            found += eng.advance(START + now * S)
        found += eng.advance(START + 1042 * S)
        shown = [told(f)[:2] for f in found]
        assert {("beat", 31), ("found", old + 1)} <= set(shown)
        wanted = wanted or shown
        assert shown == wanted


def early_engine(rules, **more) -> Engine:
    return engine(rules, early=True, **more)


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_each_early_finding_is_followed_by_its_final_one(seed):
    records = received(history(seed), seed)
    quiet = engine(all_kinds(), lateness_s=LATENESS_S)
    wanted = quiet.feed(records) + quiet.close(END_US)
    eng = early_engine(all_kinds(), lateness_s=LATENESS_S)
    found = eng.feed(records) + eng.close(END_US)
    assert [f for f in found if f.stage != "early"] == wanted
    spans = {c.head.id: c.span_us for c in all_kinds() if hasattr(c, "span_us")}
    for place, early in enumerate(found):
        if early.stage != "early":
            continue
        # its final one comes later, and is not later in event time (or it follows one so near
        # that both are one)
        assert any(
            final.stage == "final" and final.rule.id == early.rule.id and final.key == early.key
            and final.time_us <= early.time_us
            and early.time_us - final.time_us <= spans[early.rule.id] * 2
            for final in found[place + 1 :]
        ), early  # fmt: skip
    # what can be told early is: an event_count that holds needs no end of its window
    assert any(f.stage == "early" for f in found) or not any(
        f.rule.id == "count" and f.stage == "final" for f in wanted
    )


def test_an_early_finding_does_not_wait():
    rules = [rule("a"), correlation("event_count", ["a"], 60, gte=3)]
    eng = early_engine(rules, lateness_s=90)
    assert eng.feed([record(0, 0, user="ann"), record(1, 9, user="ann")]) == []
    (early,) = eng.feed([record(2, 5, user="ann")])
    assert told(early) == ("found", 9.0, ("ann",), (0, 2, 1), "early")
    assert eng.feed([record(3, 6, user="ann")]) == []  # told once
    found = eng.close(END_US)
    assert [told(f)[3:] for f in found] == [((0, 2, 3), "final"), ((0, 2, 3, 1), "total")]


def test_what_more_events_can_undo_is_never_early():
    rules = [
        rule("a"), rule("b"), correlation("event_count", ["a"], 60, name="few", gte=1, lte=2),
        correlation("absence", ["a", "b"], 60, name="missing", options={"expect": "before"}),
        correlation("value_avg", ["a"], 60, name="mean", fields=["n"], gte=1),
        correlation("ratio", ["a", "a"], 60, name="share", gte=0.1, options={"minimum": 1}),
    ]  # fmt: skip
    eng = early_engine(rules)
    assert eng.feed([record(0, 0, user="ann", n=5), record(1, 1, user="ann", n=5)]) == []
    assert {f.rule.id for f in eng.close(END_US)} == {"few", "missing", "mean", "share"}


@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("xyz"), st.integers(0, 9)),
                min_size=1, max_size=25))  # fmt: skip
def test_late_events_in_any_order_leave_sound_windows(stops):
    """What a window adds up is what is in it, wherever late events were put."""
    rules = [
        rule("a"), rule("x"), correlation("value_count", ["a"], 60, name="v", fields=["v"], gte=3),
        correlation("value_sum", ["a"], 60, name="n", fields=["n"], gte=25),
        correlation("value_median", ["a"], 60, name="m", fields=["n"], gte=8),
        correlation("temporal_ordered", ["a", "x"], 60, name="o"),
        correlation("new_value", ["a"], 60, name="w", fields=["v"]),
        correlation("event_count", ["w", "v", "n"], 60, name="above", gte=2),
    ]  # fmt: skip
    eng = engine(rules, lateness_s=0)
    eng.feed([record(0, 200, "c")])
    for number, (at, value, amount) in enumerate(stops, 1):
        names = "a x" if amount == 9 else "a"
        eng.feed([record(number, at, names, user="ann", v=[value, "q"], n=amount)])
        for machine in eng.lane.machines[:3]:
            for window in machine.keys.values():
                fresh = machine.nothing()
                holder = type(window)(fresh)
                for hit in window.events[window.head :]:
                    machine.enter(holder, hit)
                assert holder.extra == window.extra
        assert engine(rules, lateness_s=0).restore(eng.snapshot()) is None
    eng.close(END_US)


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("at_once", [1, 7, 512])
def test_how_many_are_looked_at_before_time_passes_changes_nothing(monkeypatch, early, at_once):
    monkeypatch.setattr(engine_module, "_AT_ONCE", at_once)
    records = received(history(4), 5)
    one, other = (engine(all_kinds(), lateness_s=10, early=early) for _ in range(2))
    found = []
    for item in records:
        found += one.feed([item])
        found += one.feed(records[: item.entry + 1])  # again: passed over
    assert other.feed(iter(records)) == found
    assert other.snapshot() == one.snapshot()
    assert other.position == one.position == len(records)
    assert other.notices() == one.notices() != []
