"""The benchmark of learning: what it injects, how it counts, that nothing tuned on is reported."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.swap import histories
from benchmarks.swap.access import record_of
from benchmarks.swap.families import FAMILIES, inject
from benchmarks.swap.inject import PRIOR_DAYS, judged_days, swap
from benchmarks.swap.judge import auc, average_precision, judge
from benchmarks.swap.organisation import Plan, organisation

PLAN = Plan(people=20, days=60, teams=3, events_a_day=10.0)


@pytest.fixture(scope="module")
def history():
    return organisation(77, PLAN)


def test_an_organisation_is_the_same_for_its_seed_only(history):
    assert organisation(77, PLAN) == history
    assert organisation(78, PLAN) != history
    assert history == sorted(history)


def test_tuning_and_held_out_have_nothing_in_common():
    assert not set(histories.TUNING_REAL) & set(histories.HELD_OUT_REAL)
    tuning = {seed for seed, _ in histories.TUNING_SEEDS.values()}
    assert not tuning & {seed for seed, _ in histories.HELD_OUT_SEEDS.values()}
    assert histories.TUNING_SWAP_SEED not in histories.HELD_OUT_SWAP_SEEDS


def test_a_swapped_day_is_the_day_of_somebody_else(history):
    changed, labels = swap(history, 5, 0.1)
    judged = judged_days(history)
    assert len(labels) == round(0.1 * len(judged))
    assert labels <= set(judged)
    before = {(a.actor, a.day) for a in history}
    assert {(a.actor, a.day) for a in changed} == before
    whole = {}
    for access in history:
        whole.setdefault((access.actor, access.day), []).append(access)
    others = {
        tuple((a.action, a.resource, a.network, a.time_us % 86_400_000_000) for a in day): actor
        for (actor, _), day in whole.items()
    }
    for actor, day in labels:
        taken = [a for a in changed if (a.actor, a.day) == (actor, day)]
        donor = others[
            tuple((a.action, a.resource, a.network, a.time_us % 86_400_000_000) for a in taken)
        ]
        assert donor != actor
    rest = [a for a in changed if (a.actor, a.day) not in labels]
    assert rest == [a for a in history if (a.actor, a.day) not in labels]
    assert swap(history, 5, 0.1) == (changed, labels)
    assert swap(history, 6, 0.1)[1] != labels


def test_judged_days_have_ten_before_them(history):
    for actor, day in judged_days(history):
        assert len({a.day for a in history if a.actor == actor and a.day < day}) >= PRIOR_DAYS


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_changes_its_days_only(history, family):
    changed, labels = inject(history, family, 3, 0.02)
    assert labels
    assert changed == sorted(changed)
    assert inject(history, family, 3, 0.02) == (changed, labels)
    if family != "dormant account":  # which takes away the days of rest before
        gone = set(history) - set(changed)
        assert {(a.actor, a.day) for a in gone} <= labels
    assert {(a.actor, a.day) for a in set(changed) - set(history)} <= labels


def test_auc_and_average_precision_by_hand():
    labels = np.array([True, False, True, False, False])
    scores = np.array([5.0, 4.0, 3.0, 3.0, 1.0])
    # pairs: 5 beats three, 3 beats one and ties with one
    assert auc(labels, scores) == pytest.approx((3 + 1.5) / 6)
    # the tie counts against: found at places 1 and 4
    assert average_precision(labels, scores) == pytest.approx((1 / 1 + 2 / 4) / 2)
    assert auc(labels, np.zeros(5)) == 0.5
    assert math.isnan(auc(np.zeros(5, bool), scores))


def test_a_record_says_what_the_access_says(history):
    one = history[0]
    record = record_of(4, one)
    assert record.time_us == one.time_us
    assert record.group(1).actor_id == one.actor
    assert record.group(2).resource_name == one.resource
    assert (record.group(3).ip or record.group(3).host) == one.network


def test_swaps_are_told_apart_on_a_history_that_was_never_tuned_on(history):
    changed, labels = swap(history, 9, 0.1)
    run = judge(changed, labels, set(judged_days(history)))
    assert len(run.scores) == len(judged_days(history))
    assert auc(run.labels, run.scores) > 0.9
    clean = judge(history, labels, set(judged_days(history)))
    assert abs(auc(clean.labels, clean.scores) - 0.5) < 0.1  # labels alone tell nothing
    assert run.state_bytes <= 4096
