"""The life of an alert: told once, folded, muted, ended; and what people do with it."""

import sqlite3

import pytest

from alert_kit import (
    DAY_US,
    START_US,
    Killed,
    ListJournal,
    all_of,
    dump,
    finding,
    head,
    make,
)
from whodid.detection.alerts.record import Handled, Raised
from whodid.errors import UsageError
from whodid.limits import ALERT_MATCHES_MAX, ALERTS_PER_RULE_MAX, SILENCE_DAYS_MAX

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


@pytest.mark.parametrize("kill", ["before", "after"])
def test_a_detector_that_is_killed_writes_once(tmp_path, kill):
    alerts, journal, clock = make(tmp_path)
    alerts.take([finding(at=1)])
    journal.kill = kill
    found = [finding(at=2), finding(head("leak"), at=2)]
    with pytest.raises(Killed):
        alerts.take(found)
    # Another process looks first: what is in the ledger is in the table.
    other, _, _ = make(tmp_path, journal, clock)
    assert sum(one.findings for one in all_of(other)) == (1 if kill == "before" else 3)
    other.take(found)
    other.take([*found, finding(at=3)])
    assert sum(one.findings for one in all_of(other)) == 4
    tags = [tag for _, record in journal.records(0) for tag in record.finding_tags]
    assert len(tags) == len(set(tags)) == 4


def test_the_table_is_made_again_from_the_ledger(tmp_path):
    alerts, journal, clock = make(tmp_path)
    alerts.take([finding(at=1), finding(head("breach", "critical"), at=1)])
    alerts.silence("i", "why", rule="burst", expires_us=START_US + HOUR_US)
    alerts.acknowledge(all_of(alerts)[0].id, "i")
    alerts.take([finding(at=2)])
    before = dump(tmp_path)
    (tmp_path / "alerts.db").unlink()
    again, _, _ = make(tmp_path, journal, clock)
    assert len(all_of(again)) == 2
    assert dump(tmp_path) == before


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE alerts SET state = 'closed'",
        "UPDATE alerts SET title = 'nothing'",
        "UPDATE alerts SET muted = 'silence:x', mac = NULL",
        "UPDATE kept SET value = 0 WHERE name = 'complete'",
    ],
)
def test_an_altered_row_makes_the_table_anew(tmp_path, sql):
    alerts, _, _ = make(tmp_path)
    alerts.take([finding(at=1)])
    before = dump(tmp_path)
    with sqlite3.connect(tmp_path / "alerts.db") as db:
        db.execute(sql)
    db.close()
    assert [one.title for one in all_of(alerts)] == ["Title of burst"]
    assert dump(tmp_path) == before


def test_a_number_that_was_altered_hides_nothing(tmp_path):
    alerts, journal, _ = make(tmp_path)
    alerts.take([finding(at=1)])
    with sqlite3.connect(tmp_path / "alerts.db") as db:
        db.execute("UPDATE kept SET value = 5000 WHERE name = 'through'")
    db.close()
    alerts.take([finding(at=2)])
    assert len(journal.entries) == 2
    assert [one.findings for one in all_of(alerts)] == [2]


@pytest.mark.parametrize("data", [b"", b"no database", b"SQLite format 3\0" + b"x" * 5000])
def test_a_file_that_is_no_table_is_made_anew(tmp_path, data):
    alerts, _, _ = make(tmp_path)
    alerts.take([finding(at=1)])
    before = dump(tmp_path)
    (tmp_path / "alerts.db").write_bytes(data)
    assert len(all_of(alerts)) == 1
    assert dump(tmp_path) == before


def test_a_table_of_before_is_found_at_the_start(tmp_path):
    alerts, _, _ = make(tmp_path)
    alerts.take([finding(at=1)])
    old = (tmp_path / "alerts.db").read_bytes()
    alerts.take([finding(head("leak"), at=1)])
    assert alerts.reconcile() is False
    new = dump(tmp_path)
    (tmp_path / "alerts.db").write_bytes(old)
    assert alerts.reconcile() is True
    assert dump(tmp_path) == new


def test_too_many_alerts_of_a_rule_are_counted_in_one(tmp_path, monkeypatch):
    monkeypatch.setattr("whodid.detection.alerts.decide.ALERTS_PER_RULE_MAX", 5)
    alerts, _, _ = make(tmp_path)
    assert ALERTS_PER_RULE_MAX > 5
    people = [finding(key=(("actor", f"p{n}"),), at=n) for n in range(1, 9)]
    alerts.take(people[:6])
    for one in people[6:]:
        alerts.take([one])
    found = all_of(alerts)
    assert [one.overflow for one in found] == [False] * 5 + [True]
    assert (found[5].findings, found[5].tags) == (3, ())
    assert alerts.changes(-1, 99)[-1].key == ()
    alerts.take([finding(head("leak"), at=1)])
    assert not all_of(alerts)[-1].overflow


def test_stores_have_bounds_and_say_what_left_them(tmp_path, monkeypatch):
    fold = "whodid.detection.alerts.fold"
    for name, value in (
        ("ALERTS_KEPT_MAX", 20), ("_KEPT_AFTER", 19), ("_PRUNE_EVERY", 1),
        ("FINDINGS_KNOWN_MAX", 10), ("ALERT_NOTICES_MAX", 10), ("ALERT_EVIDENCE_MAX", 3),
    ):  # fmt: skip
        monkeypatch.setattr(f"{fold}.{name}", value)
    alerts, _journal, _ = make(tmp_path)
    for n in range(30):
        alerts.take([finding(key=(("actor", f"p{n}"),), at=n)])
        if n < 25:
            alerts.close(all_of(alerts)[-1].id, "i", "benign")
    kept = dump(tmp_path)
    assert len(kept["alerts"]) <= 20
    assert len(kept["findings"]) <= 10
    assert len(kept["notices"]) <= 10
    assert sum(1 for one in all_of(alerts) if one.state == "open") == 5  # what goes on stays
    dropped = alerts.read(lambda reads: reads.counter("dropped"))
    assert dropped == 30 - len(kept["alerts"])
    for n in range(5):
        alerts.take([finding(key=(("actor", "p29"),), at=100 + n)])
    assert alerts.read(lambda reads: reads.evidence(all_of(alerts)[-1].id, 99))[1] == 3
    assert alerts.read(lambda reads: reads.counter("unlisted")) == 3
    (tmp_path / "alerts.db").unlink()
    assert len(all_of(alerts)) == len(kept["alerts"])


def test_many_matches_are_cut_in_the_middle(kit):
    alerts, journal, _ = kit
    alerts.take([finding(at=1, count=1000, values=(("why", "x" * 5000),))])
    [(_, record)] = journal.records(0)
    assert len(record.matches) == ALERT_MATCHES_MAX
    assert record.events == 1000
    assert (record.matches[0].entry, record.matches[-1].entry) == (1000, 1999)
    assert len(record.values[0][1]) == 1024


def test_content_that_is_gone_is_told_without_it(kit):
    alerts, journal, _ = kit
    alerts.take([finding(why="alice failed")])
    alerts.close(all_of(alerts)[0].id, "i", "benign", "note")
    journal.entries[0] = None
    [opened, closed] = alerts.changes(-1, 9)
    assert (opened.title, opened.key, opened.why) == ("Title of burst", (), "")
    assert closed.reason == "benign: note"


def test_texts_that_are_no_utf_8(kit):
    alerts, journal, _ = kit
    bad = "a\udcffb"
    alerts.take([finding(head(bad, description=bad, tags=(bad,)), ((bad, bad),), why=bad)])
    [one] = all_of(alerts)
    assert (one.rule, one.title) == ("a?b", "Title of a?b")
    alerts.note(one.id, "i", bad)
    with pytest.raises(UsageError):
        alerts.assign(one.id, "i", bad)
    with pytest.raises(UsageError):
        alerts.acknowledge(bad, "i")
    made = alerts.silence("i", bad, rule=bad, key=((bad, bad),), expires_us=START_US + HOUR_US)
    with pytest.raises(UsageError):
        alerts.end_silence(bad, "i")
    alerts.end_silence(made.id, "i", bad)
    assert len(journal.entries) == 4


def test_the_table_holds_no_content(tmp_path):
    alerts, _, _ = make(tmp_path)
    secret = (("actor", "mallory-the-secret"), ("table", "payroll-secret"))
    alerts.take([finding(key=secret, why="a-secret-reason", values=(("ip", "10.9.9.9-secret"),))])
    alerts.silence("ingrid", "secret-why", key=secret, expires_us=START_US + HOUR_US)
    alerts.note(all_of(alerts)[0].id, "ingrid", "secret-note")
    data = (tmp_path / "alerts.db").read_bytes()
    assert b"secret" not in data
    assert b"mallory" not in data


def test_two_processes_take_turns(tmp_path):
    """Two at once: every finding once, one alert for each fingerprint."""
    import threading

    journal = ListJournal()
    found = [finding(key=(("actor", f"p{n % 7}"),), at=n) for n in range(40)]
    failures = []

    def run(part):
        alerts, _, _ = make(tmp_path, journal)
        try:
            for one in part:
                alerts.take([one])
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(part,)) for part in (found, found[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    alerts, _, _ = make(tmp_path, journal)
    assert len(all_of(alerts)) == 7
    assert sum(one.findings for one in all_of(alerts)) == 40
    kinds = [record.kind for _, record in journal.records(0) if isinstance(record, Raised)]
    assert (kinds.count("fired"), len(kinds)) == (7, 40)
    assert not [1 for _, record in journal.records(0) if isinstance(record, Handled)]
