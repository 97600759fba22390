"""Hits that wait, and early looks that are spared. WHODID_SEED chooses the events."""

import os
import random
from heapq import heapify, heappop

import pytest

from correlation_kit import correlation, engine, record, rule
from whodid.detection.windows.counting import ValueCount
from whodid.detection.windows.measures import Sum
from whodid.detection.windows.waiting import END, Waiting

SEED = int(os.environ.get("WHODID_SEED") or random.SystemRandom().randrange(10**6))


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
                assert waiting.time() == beside[0][0]
                assert waiting.pop() == heappop(beside)
            assert len(waiting) == len(beside)
        assert sorted(waiting) == sorted(beside)
        again = Waiting(list(waiting))
        while beside:
            assert again.pop() == heappop(beside)
        assert again.time() == END


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


def _counting(method, looked):
    def counting(self, hits):
        looked.append(1)
        return method(self, hits)

    return counting
