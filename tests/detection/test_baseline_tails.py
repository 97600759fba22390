"""Tails: p-values of what is like before are uniform, of what is not are small."""

import math
from random import Random

import pytest

from whodid.detection.baseline.budget import RARE_MIN, Budget
from whodid.detection.baseline.tails import Tail


@pytest.mark.parametrize("draw", ["gauss", "expo", "lump"])
def test_p_values_of_more_of_the_same_are_uniform(draw):
    random = Random(4)

    def one():
        if draw == "gauss":
            return random.gauss(1.0, 2.0)
        if draw == "expo":
            return random.expovariate(0.5) - 3
        return random.gauss(0, 0.3) if random.random() < 0.8 else random.gauss(6, 1)

    tail = Tail()
    for _ in range(8000):
        tail.add(one())
    tail.refresh(1.0)
    p = sorted(math.exp(-tail(one())) for _ in range(4000))
    # Kolmogorov's distance: 4,000 samples stay below 0.03 by chance in all but one of 700 cases,
    # and the table of 8,000 adds as much again. P may be too great by a lump (a value that comes
    # again and again is as rare as all of it), never too small.
    excess = max((place + 0.5) / len(p) - value for place, value in enumerate(p))
    assert excess < 0.05, excess
    distance = max(abs(value - (place + 0.5) / len(p)) for place, value in enumerate(p))
    assert distance < {"gauss": 0.05, "expo": 0.08, "lump": 0.15}[draw], distance
    assert 0.005 < sum(value < 0.01 for value in p) / len(p) < 0.02


def test_it_grows_with_the_value_and_beyond_what_was_seen():
    tail = Tail()
    for place in range(5000):
        tail.add(Random(place).gauss(0, 1))
    tail.refresh(1.0)
    found = [tail(value / 10) for value in range(-300, 900)]
    assert found == sorted(found)
    assert found[0] == 0.0
    assert tail(8.0) > math.log(5000)  # rarer than one of those that were seen
    assert tail(1e300) <= 60.0
    assert tail(-1e300) == 0.0


def test_without_days_it_says_little_and_it_forgets():
    tail = Tail()
    assert tail(0.5) == pytest.approx(math.log(2), abs=0.05)
    for _ in range(2000):
        tail.add(10.0)
    tail.refresh(1.0)
    assert tail(9.0) < 0.1
    for _ in range(50):
        tail.refresh(0.5)
    assert tail(9.0) > 3.0


def test_a_budget_is_spent_and_not_saved_up():
    budget = Budget(2)
    assert [budget.take(10) for _ in range(4)] == [True, True, False, False]
    assert budget.kept_back == 2
    assert budget.take(11)
    assert budget.needed(100_000) == pytest.approx(math.log(50_000))
    assert budget.needed(3) == RARE_MIN  # of three actors not everything is told
    assert Budget(0).needed(100) == math.inf
