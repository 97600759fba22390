"""Rules on their fixtures: by hand, and by the daily exercise."""

import json

import pytest

from whodid.detection.finding import Finding
from whodid.detection.fixtures.engine import engine_of
from whodid.detection.fixtures.exercise import NO_LONGER_FIRES, Exercise
from whodid.detection.fixtures.suite import run_fixtures
from whodid.detection.fixtures.trial import fixture_of, needs, try_rules
from whodid.detection.packs import PACKS
from whodid.detection.sigma import load_rules
from whodid.detection.taxonomy import native_of
from whodid.detection.windows import Settings
from whodid.errors import InputError

RULE = """\
title: Refund to oneself
id: 7d3f0c0e-4a51-4c1f-9d0e-2f4f6f2f9a10
name: refund
status: stable
logsource:
  product: whodid
detection:
  selection:
    action: refund
  condition: selection
level: high
"""
MANY = """\
title: Many refunds
id: 1d3f0c0e-4a51-4c1f-9d0e-2f4f6f2f9a11
name: refunds
status: stable
correlation:
  type: event_count
  rules:
    - refund
  group-by:
    - actor.id
  timespan: 10m
  generate: true
  condition:
    gte: 3
level: high
"""
FIXTURE = {
    "format": "json",
    "record": {"userId": "ada", "action": "refund", "resource": "order-{n}"},
    "positive": [{"case": "one", "events": [{"times": 3}]}],
    "near_miss": [{"case": "a sale", "change": {"action": "sale"}}],
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "refund.yml").write_text(RULE, "utf-8")
    (tmp_path / "refund.test.json").write_text(json.dumps(FIXTURE), "utf-8")
    return tmp_path


def fixture_file(folder, name="refund", **changes):
    (folder / f"{name}.test.json").write_text(json.dumps(FIXTURE | changes), "utf-8")


def find():
    return engine_of(Settings())


def test_what_is_right_is_told_case_by_case(folder):
    report = run_fixtures([folder])
    assert report.ok
    assert [(one.kind, one.case, one.findings) for one in report.tried] == [
        ("positive", "one", 3), ("near_miss", "a sale", 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"near_miss": [{"case": "also one"}]}, "it found 1, and should find nothing"),
        ({"positive": [{"case": "none", "change": {"action": "sale"}}]}, "it found nothing"),
        ({"format": "cloudtrail"}, "cannot map it"),
        ({"format": "cloudtrial"}, "did you mean cloudtrail"),
        ({"places": {"nowhere": {"country": "DE"}}}, "places: "),
        ({"calendars": {"default": {"hours": "noon"}}}, "calendars"),
        ({"positive": []}, "positive needs a case"),
    ],
)
def test_what_is_wrong_is_told(folder, changes, reason):
    fixture_file(folder, **changes)
    report = run_fixtures([folder])
    assert not report.ok
    assert any(reason in one.reason for one in report.failed), report.failed


def test_one_file_is_tested_with_what_lies_beside_it(folder):
    (folder / "refunds.yml").write_text(MANY, "utf-8")
    fixture_file(folder, "refunds", near_miss=[{"case": "two", "events": [{"times": 2}]}])
    report = run_fixtures([folder / "refunds.yml"])
    assert report.ok
    assert {one.rule for one in report.tried} == {"refunds"}
    assert {one.rule for one in run_fixtures([folder]).tried} == {"refund", "refunds"}


def test_a_rule_may_be_built_on_one_of_the_packs(folder):
    text = MANY.replace("    - refund\n", "    - aws_user_created\n").replace(
        "  generate: true\n", ""
    )
    (folder / "refunds.yml").write_text(text, "utf-8")
    record = {
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateUser",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/a"},
    }
    fixture_file(
        folder, "refunds", format="cloudtrail", record=record,
        near_miss=[{"case": "two", "events": [{"times": 2}]}],
    )  # fmt: skip
    report = run_fixtures([folder / "refunds.yml"])
    assert report.ok, report
    assert len(report.tried) == 2


def test_a_file_with_two_rules_has_a_fixture_for_each(tmp_path):
    (tmp_path / "both.yml").write_text(f"{RULE}---\n{MANY}", "utf-8")
    fixture_file(tmp_path, "refund")
    fixture_file(tmp_path, "refunds", near_miss=[{"case": "two", "events": [{"times": 2}]}])
    report = run_fixtures([tmp_path])
    assert report.ok, report
    assert {one.rule for one in report.tried} == {"refund", "refunds"}


def test_what_has_no_partner_is_told(folder):
    fixture_file(folder, "lost")
    (folder / "refund.test.json").unlink()
    (folder / "broken.yml").write_text("title: [", "utf-8")
    report = run_fixtures([folder])
    assert not report.ok
    assert [rule.head.name for rule in report.untested] == ["refund"]
    assert report.stray == (str(folder / "lost.test.json"),)
    assert [fault.path for fault in report.faults] == [str(folder / "broken.yml")]
    with pytest.raises(InputError, match="no such file"):
        run_fixtures([folder / "gone.yml"])


def test_a_rule_comes_behind_what_it_is_built_on():
    rules = load_rules([PACKS / "aws"]).rules
    known = {rule.head.id: rule for rule in rules}
    names = {rule.head.name: rule for rule in rules}
    parts = [one.head.name for one in needs(names["aws_objects_taken_then_deleted"], known)]
    assert parts[-2:] == ["aws_object_gone", "aws_objects_taken_then_deleted"]
    assert set(parts[:-2]) == {"aws_object_taken", "aws_object_taken_and_deleted"}


# --- the exercise --------------------------------------------------------------------------------
def exercise(rules, used=None):
    round_ = Exercise(rules, used or find(), native_of)
    while round_.step():
        pass
    return round_


def test_rules_that_work_raise_nothing(folder):
    rules = load_rules([folder]).rules
    done = exercise(rules)
    assert done.findings(7) == []
    assert (done.done.rules, done.done.cases, done.done.failed) == (1, 2, 0)


def test_a_rule_that_no_longer_fires_is_a_finding(folder):
    (folder / "refund.yml").write_text(RULE.replace("action: refund", "action: re-fund"), "utf-8")
    (finding,) = exercise(load_rules([folder]).rules).findings(7)
    assert finding.rule == NO_LONGER_FIRES
    assert finding.key == (("rule", "refund"),)
    assert finding.time_us == finding.first_us == 7
    assert finding.why == (
        "'Refund to oneself' (refund) failed its exercise: 'one': it found nothing"
    )


def test_an_engine_that_is_blind_or_broken_is_a_finding_of_every_rule(folder):
    rules = load_rules([folder]).rules
    (finding,) = exercise(rules, lambda *_: []).findings(7)
    assert "it found nothing" in finding.why

    def broken(*_):
        raise ZeroDivisionError("x")

    (finding,) = exercise(rules, broken).findings(7)
    assert finding.why.endswith("'one': it failed (ZeroDivisionError: x), and 1 more")
    assert finding.count == 2


def test_an_engine_that_finds_everything_is_a_finding_too(folder):
    rules = load_rules([folder]).rules
    everything = Finding(rules[0].head, 1, 1, 1, ())
    (finding,) = exercise(rules, lambda *_: [everything]).findings(7)
    assert "'a sale': it found 1, and should find nothing" in finding.why


def test_rules_without_a_fixture_are_counted(folder):
    (folder / "refund.test.json").unlink()
    done = exercise(load_rules([folder]).rules)
    assert done.findings(7) == []
    assert (done.done.rules, done.done.without_fixture) == (0, 1)


def test_a_rule_of_no_file_has_no_fixture(folder):
    (rule,) = load_rules([folder]).rules
    assert fixture_of(rule) == folder / "refund.test.json"
    assert [one.reason for one in try_rules([rule], [], find(), native_of)] == []
