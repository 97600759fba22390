"""Findings of a rule over history, as they are told: days, exclusions, the last ones."""

from alert_kit import DAY_US, SECRET, START_US, finding, head
from whodid.app.rule_backtest.summary import by_day, is_excluded, newest, spared
from whodid.detection.alerts.alert import Silence
from whodid.detection.alerts.fingerprint import Tagger
from whodid.limits import BACKTEST_DAYS_SHOWN, BACKTEST_FINDINGS_SHOWN

TAGGER = Tagger(SECRET)


def exclusion(rule="burst", level=None, key=()):
    return Silence("s", "exclusion", rule, level, TAGGER.key_tags(key), "ann", 0, None, 1)


def test_an_exclusion_is_asked_for_rule_level_and_key():
    found = finding(key=(("actor", "alice"), ("ip", "10.0.0.7")))
    assert not is_excluded(found, [], TAGGER)
    assert is_excluded(found, [exclusion()], TAGGER)
    assert is_excluded(found, [exclusion("", key=(("actor", "alice"),))], TAGGER)
    assert not is_excluded(found, [exclusion(key=(("actor", "bob"),))], TAGGER)
    assert not is_excluded(found, [exclusion("other")], TAGGER)
    assert not is_excluded(found, [exclusion(level="low")], TAGGER)
    assert is_excluded(found, [exclusion(level="high"), exclusion("other")], TAGGER)


def test_alerts_stand_on_the_day_on_which_they_begin():
    days = 86_400
    found = [finding(at=day * days) for day in (0, 0, 3, 5)]
    found += [finding(at=5 * days + 1, key=(("actor", "bob"),))]
    shown, earlier, excluded = by_day(found, lambda one: one.key == (("actor", "bob"),))
    start = START_US // DAY_US * DAY_US
    assert [(day.start_us - start) // DAY_US for day in shown] == [0, 3, 5]
    assert [(day.alerts, day.excluded) for day in shown] == [(1, 0), (1, 0), (2, 1)]
    assert (earlier, excluded) == (0, 1)
    assert by_day([], lambda _: True) == ((), 0, 0)


def test_old_days_are_counted_and_not_drawn():
    found = [finding(at=0), finding(at=(BACKTEST_DAYS_SHOWN + 1) * 86_400)]
    shown, earlier, _ = by_day(found, lambda _: False)
    assert (len(shown), earlier) == (1, 1)


def test_the_last_findings_first_with_a_few_of_their_events():
    found = newest([finding(at=number, count=9, why="so") for number in range(70)])
    assert len(found) == BACKTEST_FINDINGS_SHOWN
    assert found[0].time_us > found[1].time_us
    assert (found[0].count, len(found[0].events), found[0].why) == (9, 5, "so")


def test_what_could_be_left_out_is_told_as_sigma():
    found = [finding(head(), at=day * 2 * 86_400) for day in range(4)]
    [one] = spared(found, lambda _: {"actor.id": "backup"})
    assert (one.values, one.left, one.days) == ((("actor.id", "backup"),), 0, 4)
    assert "actor.id: 'backup'" in one.sigma
