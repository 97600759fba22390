"""Hits that wait, and early looks that are spared. WHODID_SEED chooses the events."""

import random
from heapq import heapify, heappop

import pytest

from chance import SEED
from correlation_kit import correlation, engine, record, rule
from whodid.detection.windows.counting import ValueCount
from whodid.detection.windows.measures import Sum
from whodid.detection.windows.temporal import Joint
from whodid.detection.windows.waiting import END, Waiting


def hit(time, plan=0, number=0):
    return (time, f"{number:04x}", plan, ("k",), number, 1, None, ("k",), None)


def test_hits_are_taken_in_their_order_whatever_order_they_came_in():
    print("seed", SEED)
    chance = random.Random(SEED)
    for _ in range(200):
        waiting = Waiting()
        beside = []
        for number in range(chance.randrange(60)):
            time = chance.choice((number, number, number, number - chance.randrange(30)))
            some = [hit(time, plan, number) for plan in range(chance.randrange(1, 4))]
            waiting.add(some)
            beside += some
            heapify(beside)
            while beside and chance.random() < 0.4:
                assert _first(beside, waiting.first) == [*waiting.take()]
            assert len(waiting) == waiting.count == len(beside)
        assert sorted(waiting) == sorted(beside)
        again = Waiting(list(waiting))
        while beside:
            assert _first(beside, again.first) == [*again.take()]
        assert again.first == END


def _first(heap, time):
    """Take the hits of the first time away from a heap, in order."""
    assert heap[0][0] == time
    return [heappop(heap) for _ in [it for it in heap if it[0] == time]]


@pytest.mark.parametrize(
    ("kind", "machine", "bound"),
    [("value_count", ValueCount, {"gte": 4}), ("value_count", ValueCount, {"gt": 3, "gte": 2}),
     ("value_sum", Sum, {"gte": 40}), ("value_sum", Sum, {"gt": 35.5})],
)  # fmt: skip
def test_spared_looks_would_have_found_nothing(monkeypatch, kind, machine, bound):
    print("seed", SEED)
    chance = random.Random(SEED)
    rules = [rule("a"), correlation(kind, ["a"], 60, fields=("n",), **bound)]
    at = 0.0
    records = []
    for number in range(600):
        at += chance.choice((0, 0.5, 1, 4, 30, 400 if number % 9 == 0 else 2))
        value = chance.choice((1, 2, 3, 4, 5, 1.25, 9, -2 if chance.random() < 0.1 else 6))
        late = chance.choice((0, 0, 5, 60, 150))
        records.append(
            record(
                number, at - late, user=chance.choice("uv"), received_s=at,
                n=value if chance.random() < 0.9 else [value, 7],
            )
        )  # fmt: skip

    def found():
        one = engine(rules, early=True)
        said = [(number, it) for number, some in enumerate(records) for it in one.feed([some])]
        return said, one.snapshot()

    looked = []
    monkeypatch.setattr(machine, "may_hold", _counting(machine.may_hold, looked))
    spared = found()
    few = len(looked)
    monkeypatch.setattr(machine, "room", lambda *_: None)
    assert found() == spared
    assert 0 < few < len(looked) - few
    assert {it.stage for _, it in spared[0]} >= {"early", "final"}


@pytest.mark.parametrize("kind", ["temporal", "temporal_ordered"])
@pytest.mark.parametrize("more", [{}, {"gte": 2}, {"words": "a and (b or c)"}])
def test_spared_looks_at_several_rules_would_have_found_nothing(monkeypatch, kind, more):
    print("seed", SEED)
    if more and kind == "temporal_ordered":
        return  # it has no condition
    chance = random.Random(SEED)
    above = correlation("event_count", ["under"], 60, by=("user",), gte=2, name="twice")
    under = correlation("event_count", ["a"], 5, by=("user",), gte=2, name="under")
    both = correlation(kind, ["a", "b", "c"], 60, name="both", **more)
    upon = correlation(kind, ["under", "b"], 60, name="upon", **({} if "words" in more else more))
    rules = [*map(rule, "abc"), under, above, both, upon]
    at, records = 0.0, []
    for number in range(900):
        at += chance.choice((0, 0.5, 1, 4, 30, 400 if number % 30 == 0 else 2))
        late = chance.choice((0, 0, 0, 5, 60, 150))
        names = "a" if chance.random() < 0.93 else chance.choice(("b", "c", "ab", "abc"))
        records.append(record(number, at - late, [*names], user=chance.choice("uv"), received_s=at))

    def found():
        one = engine(rules, early=True)
        said = [(number, it) for number, some in enumerate(records) for it in one.feed([some])]
        return said, one.snapshot()

    looked = []
    monkeypatch.setattr(Joint, "may_hold", _counting(Joint.may_hold, looked))
    spared = found()
    few = len(looked)
    monkeypatch.setattr(Joint, "room", lambda *_: None)
    assert found() == spared
    assert 0 < few < len(looked) - few
    assert {it.stage for _, it in spared[0]} >= {"early", "final"}


def _counting(method, looked):
    def counting(self, hits):
        looked.append(1)
        return method(self, hits)

    return counting
