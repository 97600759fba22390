"""The life of an alert: told once, folded, muted, ended; and what people do with it."""

import pytest

from alert_kit import (
    DAY_US,
    START_US,
    all_of,
    dump,
    finding,
    head,
    make,
)
from whodid.errors import UsageError
from whodid.limits import SILENCE_DAYS_MAX

HOUR_US = 3_600_000_000


@pytest.fixture
def kit(tmp_path):
    return make(tmp_path)


def kinds(alerts):
    return [(change.kind, change.alert) for change in alerts.changes(-1, 1000)]


def told(alerts):
    return [change.kind for change in alerts.changes(-1, 1000)]


def test_the_first_is_told_and_what_comes_again_is_folded(kit):
    alerts, journal, clock = kit
    assert alerts.take([finding(at=1, count=3, why="3 failed logins")]) == 1
    clock.now += HOUR_US
    assert alerts.take([finding(at=2, count=2), finding(at=3)]) == 1
    [one] = all_of(alerts)
    assert (one.findings, one.events, one.entry, one.newest) == (3, 6, 0, 1)
    assert (one.first_us, one.last_us) == (START_US + 1_000_000, START_US + 3_000_000)
    assert (one.raised_us, one.seen_us) == (START_US, START_US + HOUR_US)
    assert told(alerts) == ["opened"]
    [change] = alerts.changes(-1, 10)
    assert (change.key, change.why) == ((("actor", "alice"),), "3 failed logins")
    assert (change.count, change.position, change.rule) == (6, 0, "burst")
    assert alerts.changes(0, 10) == []
    [first, second] = [record for _, record in journal.records(0)]
    assert (first.kind, second.kind) == ("fired", "repeated")
    assert [match.entry for match in second.matches] == [2000, 2001, 3000]


def test_other_values_and_other_rules_are_other_alerts(kit):
    alerts, _, _ = kit
    alerts.take([finding(), finding(key=(("actor", "bob"),)), finding(head("leak"))])
    assert len(all_of(alerts)) == 3


@pytest.mark.parametrize("key", [(), (("actor", ""),), (("actor", "alice"), ("ip", ""))])
def test_a_key_without_a_value_merges_nobody(kit, key):
    alerts, _, _ = kit
    alerts.take([finding(key=key, at=1), finding(key=key, at=2)])
    alerts.take([finding(key=key, at=3)])
    assert [one.findings for one in all_of(alerts)] == [1, 1, 1]


def test_what_has_no_events_is_folded_by_its_rule(kit):
    alerts, _, _ = kit
    alerts.take([finding(key=(), count=0, at=1)])
    alerts.take([finding(key=(), count=0, at=2)])
    assert [one.findings for one in all_of(alerts)] == [2]


def test_a_finding_that_is_found_again_changes_nothing(kit, tmp_path):
    alerts, journal, clock = kit
    found = [finding(at=1), finding(at=2), finding(head("leak"), at=2)]
    alerts.take(found)
    before, entries = dump(tmp_path), list(journal.entries)
    clock.now += HOUR_US
    assert alerts.take(found[::-1]) == 0
    assert (dump(tmp_path), journal.entries) == (before, entries)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_window_that_is_told_early_and_again_is_counted_once(kit, at_once):
    alerts, _, _ = kit
    stages = [
        finding(at=1, count=3, stage="early"), finding(at=2, count=4),
        finding(at=3, count=9, stage="total"), finding(at=9, count=5),
        finding(at=10, count=2, stage="early"),
    ]  # fmt: skip
    for some in [stages] if at_once else [[one] for one in stages]:
        alerts.take(some)
    [one] = all_of(alerts)
    assert one.events == 9 + 5 + 2
    alerts.take([finding(at=11, count=2)])
    assert all_of(alerts)[0].events == 9 + 5 + 2
    assert told(alerts) == ["opened"]


def test_a_new_version_of_a_rule_is_heard_again(kit):
    alerts, _, _ = kit
    alerts.take([finding()])
    alerts.take([finding(head(version="v2", level="high"))])
    [one] = all_of(alerts)
    assert (one.findings, one.version, one.level) == (2, "v2", "high")


def test_an_alert_that_goes_on_is_told_again_after_a_while(kit):
    alerts, _, clock = kit
    for hour in range(10):
        clock.now = START_US + hour * HOUR_US
        alerts.take([finding(at=hour)])
    assert told(alerts) == ["opened", "repeated", "repeated"]
    [one] = all_of(alerts)
    alerts.acknowledge(one.id, "ingrid")
    clock.now += 10 * HOUR_US
    alerts.take([finding(at=20)])
    assert told(alerts) == ["opened", "repeated", "repeated", "acknowledged"]


def test_one_that_is_over_ends_and_the_next_is_new(kit):
    alerts, _, clock = kit
    alerts.take([finding(at=1)])
    assert alerts.tick() == 0
    clock.now += 25 * HOUR_US
    assert alerts.tick() == 1
    assert alerts.tick() == 0
    alerts.take([finding(at=2)])
    [old, new] = all_of(alerts)
    assert (old.state, old.quiet_us, old.is_active) == ("open", clock.now, False)
    assert (new.findings, new.previous) == (1, old.id)
    assert told(alerts) == ["opened", "closed", "opened"]
    assert alerts.changes(-1, 10)[1].by == "detector"


def test_a_graver_alert_of_the_same_entity_mutes(kit):
    alerts, _, _ = kit
    both = (("actor", "alice"), ("ip", "10.0.0.7"))
    # In one batch the gravest are decided first, whatever their order.
    alerts.take([finding(head("scan", "low"), both), finding(head("breach", "critical"))])
    alerts.take([finding(head("scan", "low"), (("actor", "bob"), ("ip", "10.0.0.7")))])
    alerts.take([finding(head("other", "critical"), both)])
    by_rule = {(one.rule, one.muted[:6]) for one in all_of(alerts)}
    assert by_rule == {
        ("breach", ""), ("scan", "alert:"), ("scan", ""), ("other", ""),
    }  # fmt: skip
    assert told(alerts) == ["opened", "opened", "opened"]


def test_what_is_muted_mutes_nothing(kit):
    alerts, _, _ = kit
    alerts.take([finding(head("breach", "critical"))])
    alerts.take([finding(head("theft", "high"), (("actor", "alice"), ("ip", "10.0.0.7")))])
    alerts.take([finding(head("scan", "low"), (("ip", "10.0.0.7"), ("tool", "nmap")))])
    assert [bool(one.muted) for one in all_of(alerts)] == [False, True, False]


def test_medium_mutes_nothing_and_no_key_mutes_nothing(kit):
    alerts, _, _ = kit
    alerts.take([finding(head("a", "medium")), finding(head("b", "critical"), ())])
    alerts.take([finding(head("c", "low"))])
    assert not any(one.muted for one in all_of(alerts))


def test_one_that_was_told_is_not_muted_by_a_later_graver_one(kit):
    alerts, _, _ = kit
    alerts.take([finding(head("scan", "low"), at=1)])
    alerts.take([finding(head("breach", "critical"), at=2)])
    alerts.take([finding(head("scan", "low"), at=3)])
    assert [one.muted for one in all_of(alerts)] == ["", ""]


def test_what_a_graver_one_muted_is_told_when_that_ended(kit):
    alerts, _, _ = kit
    alerts.take([finding(head("breach", "critical")), finding(head("scan", "low"), at=1)])
    [breach, scan] = all_of(alerts)
    assert scan.muted == f"alert:{breach.id}"
    alerts.close(breach.id, "ingrid", "true positive")
    assert all_of(alerts)[1].muted
    alerts.take([finding(head("scan", "low"), at=2)])
    assert [one.muted for one in all_of(alerts)] == ["", ""]
    assert kinds(alerts) == [("opened", breach.id), ("closed", breach.id), ("opened", scan.id)]


def test_a_false_positive_shows_what_it_muted(kit):
    alerts, _, _ = kit
    alerts.take([finding(head("breach", "critical")), finding(head("scan", "low"))])
    alerts.close(all_of(alerts)[0].id, "ingrid", "false positive", "a drill")
    assert all_of(alerts)[1].muted == ""


def test_a_silence_mutes_what_goes_on_and_what_comes_and_ends(kit):
    alerts, journal, clock = kit
    alerts.take([finding(at=1), finding(head("leak"), at=1)])
    until = clock.now + 2 * HOUR_US
    made = alerts.silence("ingrid", "a drill", key=(("actor", "alice"),), rule="burst",
                          expires_us=until)  # fmt: skip
    assert [one.muted for one in all_of(alerts)] == [f"silence:{made.id}", ""]
    alerts.take([finding(at=2, count=4)])
    [record] = [record for _, record in journal.records(3)]
    assert (record.kind, len(record.matches)) == ("muted", 4)  # kept as evidence
    [kept] = alerts.read(lambda reads: reads.silences())
    assert (kept.muted, kept.author, kept.expires_us) == (1, "ingrid", until)
    clock.now = until
    assert alerts.tick() == 1
    assert [one.muted for one in all_of(alerts)] == ["", ""]
    alerts.take([finding(at=3)])
    assert told(alerts) == ["opened", "opened"]  # within the four hours it is only folded
    assert alerts.read(lambda reads: reads.silences(ended=True))[0].ended_by == "detector"


def test_what_a_silence_muted_from_the_first_is_told_when_it_goes_on(kit):
    alerts, _, _ = kit
    made = alerts.silence("ingrid", "a drill", rule="burst", expires_us=START_US + HOUR_US)
    alerts.take([finding(at=1)])
    assert told(alerts) == []
    alerts.end_silence(made.id, "ingrid", "done")
    assert (all_of(alerts)[0].muted, told(alerts)) == ("", [])
    alerts.take([finding(at=2)])
    assert told(alerts) == ["opened"]
    with pytest.raises(UsageError, match="ended already"):
        alerts.end_silence(made.id, "ingrid")


def test_a_silence_of_a_level_lets_graver_ones_through(kit):
    alerts, _, _ = kit
    alerts.silence("ingrid", "known", kind="exclusion", key=(("actor", "alice"),), level="medium")
    alerts.take(
        [finding(head("a", "low")), finding(head("b", "medium")), finding(head("c", "high"))]
    )
    assert {one.rule: bool(one.muted) for one in all_of(alerts)} == {
        "a": True, "b": True, "c": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, "x"),
        ({"rule": "burst"}, "x"),
        ({"rule": "burst", "expires_us": START_US}, "x"),
        ({"rule": "burst", "expires_us": START_US + (SILENCE_DAYS_MAX + 1) * DAY_US}, "x"),
        ({"rule": "burst", "expires_us": START_US + DAY_US}, "  "),
        ({"rule": "burst", "expires_us": START_US + DAY_US}, "x" * 2001),
        ({"key": (("actor", ""),), "expires_us": START_US + DAY_US}, "x"),
        ({"rule": "r" * 300, "expires_us": START_US + DAY_US}, "x"),
        ({"rule": "burst", "kind": "exclusion", "expires_us": START_US + DAY_US}, "x"),
        ({"level": "low", "expires_us": START_US + DAY_US}, "x"),
    ],
)
def test_what_is_no_silence(kit, more, reason):
    alerts, journal, _ = kit
    with pytest.raises(UsageError):
        alerts.silence("ingrid", reason, **more)
    assert journal.entries == []


def test_what_people_do_is_in_the_ledger(kit):
    alerts, journal, _clock = kit
    alerts.take([finding()])
    [one] = all_of(alerts)
    alerts.assign(one.id, "ingrid", "omar")
    alerts.acknowledge(one.id, "omar", "I look")
    alerts.note(one.id, "omar", "it was a drill")
    closed = alerts.close(one.id, "omar", "benign", "a drill")
    assert (closed.state, closed.disposition, closed.assignee) == ("closed", "benign", "omar")
    assert told(alerts) == ["opened", "acknowledged", "closed"]
    assert alerts.changes(-1, 9)[2].reason == "benign: a drill"
    acts = [record.act for _, record in journal.records(1)]
    assert acts == ["assign", "acknowledge", "note", "close"]
    with pytest.raises(UsageError, match="closed"):
        alerts.acknowledge(one.id, "omar")
    again = alerts.reopen(one.id, "ingrid", "not sure")
    assert (again.state, again.disposition) == ("open", "")
    evidence, total = alerts.read(lambda reads: reads.evidence(one.id, 4))
    assert total == 6
    assert [item.kind for item in evidence] == ["fired", "assign", "close", "reopen"]


def test_acts_that_make_no_sense(kit):
    alerts, journal, _ = kit
    alerts.take([finding(at=1)])
    [one] = all_of(alerts)
    for act in (
        lambda: alerts.acknowledge("nothing", "x"),
        lambda: alerts.close(one.id, "x", "duplicate"),
        lambda: alerts.close(one.id, "x", "duplicate", duplicate_of="nothing"),
        lambda: alerts.close(one.id, "x", "duplicate", duplicate_of=one.id),
        lambda: alerts.close(one.id, "x", "benign", duplicate_of=one.id),
        lambda: alerts.reopen(one.id, "x"),
        lambda: alerts.note(one.id, "x", " "),
        lambda: alerts.note(one.id, "x", "n" * 2001),
        lambda: alerts.assign(one.id, "x", "a\nb"),
        lambda: alerts.assign(one.id, "x", "a" * 300),
    ):
        with pytest.raises(UsageError):
            act()
    assert len(journal.entries) == 1
    alerts.close(one.id, "x", "benign")
    alerts.take([finding(at=2)])
    with pytest.raises(UsageError, match="newer"):
        alerts.reopen(one.id, "x")
    other = all_of(alerts)[1]
    alerts.close(other.id, "x", "duplicate", duplicate_of=one.id)
    assert all_of(alerts)[1].duplicate_of == one.id
