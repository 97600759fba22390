"""`whodid rules backtest` and `tune`, as people meet them."""

import json

import pytest
from click.testing import CliRunner

from whodid.cli.main import main
from whodid.cli.rules_remote import days_of
from whodid.errors import UsageError

RULE = """
title: Key made
id: bbbbbbbb-0000-4000-8000-000000000001
name: key_made
logsource: {product: aws, service: cloudtrail}
detection:
  selection: {eventName: CreateAccessKey}
  condition: selection
level: high
"""
BURST = """
title: Burst
id: bbbbbbbb-0000-4000-8000-000000000002
correlation:
  type: event_count
  rules: [key_made]
  group-by: [userIdentity.userName]
  timespan: 1h
  condition: {gte: 2}
level: high
"""


def record(number, user, day, name="CreateAccessKey"):
    return {
        "eventVersion": "1.08", "eventID": f"id-{number}", "eventName": name,
        "eventTime": f"2026-11-{day:02}T10:{number % 60:02}:00Z", "awsRegion": "eu-west-1",
        "eventSource": "iam.amazonaws.com", "sourceIPAddress": "203.0.113.7", "userAgent": "cli",
        "userIdentity": {"type": "IAMUser", "userName": user, "arn": f"arn:aws:iam::1:user/{user}"},
    }  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("WHODID_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("WHODID_DIR", str(tmp_path / "ledger"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments, code=0):
        done = CliRunner().invoke(main, list(map(str, arguments)))
        assert done.exit_code == code, (done.output, done.exception)
        return done

    call("init", tmp_path / "ledger")
    events = [record(day, "ci", day) for day in range(1, 9)]
    events += [record(20 + n, "eve", 9) for n in range(5)]
    events += [record(40 + n, "ann", 10, "ListUsers") for n in range(10)]
    (tmp_path / "trail.json").write_text(json.dumps({"Records": events}))
    call("ingest", "--source", "cloudtrail", "trail.json")
    (tmp_path / "ledger" / "rules").mkdir()
    (tmp_path / "ledger" / "rules" / "key.yml").write_text(RULE)
    (tmp_path / "burst.yml").write_text(BURST)
    return call


def test_what_a_rule_would_have_raised(run):
    told = run("rules", "backtest", "key_made").output
    assert "Key made" in told
    assert "actor.id=arn:aws:iam::1:user/eve" in told
    document = json.loads(run("rules", "backtest", "key_made", "--json").stdout)
    [rule] = document["rules"]
    assert (rule["findings"], rule["level"]) == (13, "high")
    assert rule["alerts"] >= 9, "one a day of ci, one of eve"
    assert len(document["findings"]) == 13
    assert document["opened"] == 13
    assert document["events"] >= 23


def test_a_file_is_tried_with_the_rules_that_it_is_built_on(run):
    document = json.loads(run("rules", "backtest", "burst.yml", "--json").stdout)
    assert {rule["title"] for rule in document["rules"]} == {"Burst"}
    keys = {one["key"]["userIdentity.userName"] for one in document["findings"]}
    assert keys == {"eve"}


def test_exclusions_count_as_for_the_detector(run, tmp_path):
    """For a file of rules as for one in use; a silence says nothing of the past."""
    eve, ci = (f"actor.id=arn:aws:iam::1:user/{name}" for name in ("eve", "ci"))
    before = json.loads(run("rules", "backtest", tmp_path / "ledger" / "rules", "--json").stdout)
    assert (before["rules"][0]["excluded"], before["exclusions"]) == (0, 0)
    run("alerts", "silence", "--key", ci, "--reason", "a robot", "--exclude")
    run("alerts", "silence", "--key", eve, "--reason", "a drill", "--hours", "1")
    for name in ("key_made", tmp_path / "ledger" / "rules"):
        found = json.loads(run("rules", "backtest", name, "--json").stdout)
        [rule] = found["rules"]
        assert (rule["alerts"], rule["excluded"]) == (before["rules"][0]["alerts"], 8)
        assert found["exclusions"] == 1
        muted = {one["key"]["actor.id"] for one in found["findings"] if one["excluded"]}
        assert muted == {"arn:aws:iam::1:user/ci"}
    told = run("rules", "backtest", "key_made")
    assert "(excluded)" in told.output
    assert "8 of 9 alerts would be muted by 1 exclusion in force" in told.stderr


def test_what_is_no_rule_is_said(run, tmp_path):
    assert "did you mean key_made?" in run("rules", "backtest", "key_mad", code=2).output
    (tmp_path / "bad.yml").write_text("title: Bad\n")
    assert "bad.yml" in run("rules", "backtest", "bad.yml", code=3).output
    assert "position" not in run("rules", "backtest", "key_made", "--since", "soon", code=2).output


def test_since_counts_from_when_events_came(run):
    document = json.loads(run("rules", "backtest", "key_made", "--since", "1h", "--json").stdout)
    assert len(document["findings"]) == 13
    document = json.loads(
        run("rules", "backtest", "key_made", "--since", "2999-01-01", "--json").stdout
    )
    assert (document["findings"], document["events"]) == ([], 0)


def test_habits_are_suggested_and_what_happened_once_is_not(run):
    document = json.loads(run("rules", "tune", "key_made", "--json").stdout)
    [rule] = document["rules"]
    values = [item["values"] for item in rule["suggestions"]]
    assert any("arn:aws:iam::1:user/ci" in value.values() for value in values)
    assert not any("arn:aws:iam::1:user/eve" in value.values() for value in values)
    told = run("rules", "tune", "key_made").output
    assert "without" in told
    assert "filter_usual:" in told
    searched = json.loads(run("search", "--own", "action:=backtest", "--json").stdout)
    assert searched["total"] == 2, "each is an event of its own"


def test_nothing_is_suggested_of_what_is_excluded_already(run):
    before = json.loads(run("rules", "tune", "key_made", "--json").stdout)
    assert (before["rules"][0]["alerts"], before["rules"][0]["excluded"]) == (9, 0)
    ci = "actor.id=arn:aws:iam::1:user/ci"
    run("alerts", "silence", "--key", ci, "--reason", "a robot", "--exclude")
    found = json.loads(run("rules", "tune", "key_made", "--json").stdout)
    [rule] = found["rules"]
    assert (rule["alerts"], rule["excluded"], found["exclusions"]) == (1, 8, 1)
    assert rule["suggestions"] == []
    told = run("rules", "tune", "key_made").output
    assert "Key made: 1 alert, 8 more muted by exclusions in force" in told
    assert "filter_usual" not in told


def test_a_server_looks_over_whole_days():
    for given, days in (("", 30), ("90d", 90), ("7d", 7)):
        assert days_of(given) == days
    for given in ("90", "12h", "2026-11-01", "-7d", "d", "99999d", "٣d"):
        with pytest.raises(UsageError, match="whole days"):
            days_of(given)


def test_a_server_lists_what_it_uses_and_takes_no_paths():
    answer = CliRunner().invoke(main, ["rules", "list", "x.yml", "--url", "http://127.0.0.1:1"])
    assert answer.exit_code == 2
    assert "leave out the paths" in answer.output
