"""The table of alerts: made again from the ledger, bounded, and never trusted."""

import sqlite3

import pytest

from alert_kit import (
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
from whodid.limits import ALERT_MATCHES_MAX, ALERTS_PER_RULE_MAX

HOUR_US = 3_600_000_000


@pytest.fixture
def kit(tmp_path):
    return make(tmp_path)


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
