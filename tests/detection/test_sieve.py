"""Which hits of a correlation may be in a finding: never fewer than those that are.

WHODID_SEED chooses the hits.
"""

import random

import numpy as np
import pytest

from chance import SEED
from whodid.detection.backtest.sieve import Hits, Sieve, is_sieved, needed
from whodid.detection.rule import Compare, Correlation, Head, LogSource, Rule
from whodid.detection.rule import Test as Look
from whodid.detection.windows.plan import plans_of

SPAN = 10


def plan(kind, rules=1, bound=3, op="gte", **others):
    single = [
        Rule(Head(f"r{n}", "", "low", ""), LogSource(), Look("a", "exists", True), silent=True)
        for n in range(rules)
    ]
    above = Correlation(
        Head("above", "", "low", ""), kind, tuple(rule.head.id for rule in single), SPAN,
        ("key",), compare=(Compare(op, bound),) if kind not in {"temporal", "temporal_ordered"}
        else (), fields=("field",) if kind.startswith("value") else (), **others,
    )  # fmt: skip
    [found] = plans_of([*single, above]).plans
    return found


def sieved(correlation, hits):
    """Return the entries that are possible; hits are (bit, entry, key, value, time)."""
    sieve = Sieve(correlation)
    for bit in range(len(correlation.below)):
        chosen = [hit for hit in hits if hit[0] == bit]
        _, entries, keys, values, _ = zip(*chosen, strict=True) if chosen else [()] * 5
        arrays = (np.array(given, dtype=np.int64) for given in (entries, keys, values))
        assert sieve.add(Hits(bit, *arrays))
    times = {entry: time for _, entry, _, _, time in hits}
    found = sieve.possible(lambda entries: np.array([times[e] for e in entries.tolist()], np.int64))
    return set(found.tolist())


def windows(hits):
    """Yield the hits of each key within the span that ends with each of them."""
    for _, _, key, _, time in hits:
        yield [hit for hit in hits if hit[2] == key and time - SPAN <= hit[4] <= time]


def found(correlation, hits):
    """Return the entries of all windows for which the correlation holds."""
    kind, rules = correlation.kind, len(correlation.below)
    entries = set()
    for window in windows(hits):
        count = len({hit[1] for hit in window})
        values = len({hit[3] for hit in window})
        bits = {hit[0] for hit in window}
        if (
            (kind == "event_count" and count >= 3)
            or (kind == "value_count" and values >= 3)
            or (kind.startswith("temporal") and len(bits) == rules)
        ):
            entries |= {hit[1] for hit in window}
    return entries


@pytest.mark.parametrize("kind", ["event_count", "value_count", "temporal", "temporal_ordered"])
def test_no_hit_of_a_finding_is_lost(kind):
    chance = random.Random(SEED)
    correlation = plan(kind, rules=1 if kind.endswith("count") else chance.choice((2, 3)))
    spared = lost = 0
    for _ in range(300):
        hits = [
            (
                chance.randrange(len(correlation.below)), entry, chance.randrange(6),
                chance.randrange(4), chance.randrange(120),
            )
            for entry in range(chance.randrange(40))
        ]  # fmt: skip
        possible = sieved(correlation, hits)
        assert found(correlation, hits) <= possible
        keys = {hit[2] for hit in hits if hit[1] in possible}
        assert possible == {hit[1] for hit in hits if hit[2] in keys}, "all hits of a key, or none"
        spared += len(hits) - len(possible)
        lost += len(possible)
    assert spared > 100
    assert lost > 100


@pytest.mark.parametrize("kind", ["event_count", "value_count", "temporal"])
def test_a_hit_of_an_unknown_key_may_be_of_any(kind):
    chance = random.Random(SEED + 1)
    correlation = plan(kind, rules=1 if kind.endswith("count") else 2)
    for _ in range(300):
        hits = [
            (chance.randrange(len(correlation.below)), entry, chance.randrange(4),
             chance.randrange(4), chance.randrange(60))
            for entry in range(15)
        ]  # fmt: skip
        hidden = set(chance.sample(range(15), chance.randrange(3)))
        given = [(*hit[:2], -1 if hit[1] in hidden else hit[2], *hit[3:]) for hit in hits]
        assert found(correlation, hits) <= sieved(correlation, given)


def test_a_value_that_is_several_may_be_many():
    hits = [(0, 1, 7, -1, 0), (0, 2, 7, 1, 1), (0, 3, 8, 1, 0), (0, 4, 8, 1, 1), (0, 5, 8, 1, 2)]
    assert {1, 2} <= sieved(plan("value_count"), hits)
    alone = [hit for hit in hits if hit[2] == 8]
    assert sieved(plan("value_count"), alone) == set(), "one value only"
    assert sieved(plan("event_count"), alone) == {3, 4, 5}


def test_kinds_that_look_for_what_is_missing_are_not_sieved():
    assert is_sieved(plan("event_count"))
    assert is_sieved(plan("temporal", rules=2))
    assert not is_sieved(plan("event_count", op="lt"))
    assert not is_sieved(plan("event_count", bound=1)), "every hit is a finding"
    assert not is_sieved(plan("value_sum"))
    assert needed(plan("event_count", bound=2.5).correlation) == 3
    assert needed(plan("event_count", op="gt", bound=3).correlation) == 4
