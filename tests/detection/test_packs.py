"""The packs of rules: each rule whole, unlike all others, and right on its fixture."""

import json
import re
from collections import Counter
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from whodid.detection.compiled import compile_rules
from whodid.detection.fixtures.fixture import read_fixture
from whodid.detection.fixtures.suite import run_fixtures
from whodid.detection.fixtures.trial import fixture_of
from whodid.detection.packs import OFF_STATUS, PACKS, is_on, pack_of, packs
from whodid.detection.rule import Correlation, Rule
from whodid.detection.sigma import load_rules
from whodid.detection.taxonomy import kinds_of

NAMES = {
    "identity", "hours", "reads", "privileges", "tampering", "secrets", "aws", "gcp", "azure",
    "okta", "github", "kubernetes", "databases", "agents", "honeytokens",
}  # fmt: skip


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return load_rules([PACKS], tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def alerting(loaded):
    return [rule for rule in loaded.rules if not rule.silent]


def test_every_rule_loads_without_a_doubt(loaded):
    assert loaded.faults == ()


def test_there_are_enough_in_every_pack(alerting):
    assert len(alerting) >= 150
    assert {pack.name for pack in packs()} == NAMES
    counted = Counter(map(pack_of, alerting))
    assert set(counted) == NAMES
    assert all(number >= 7 for number in counted.values()), counted


def test_no_two_say_the_same(alerting, loaded):
    said: dict[bytes, str] = {}
    for rule in loaded.rules:
        if isinstance(rule, Rule):
            what = (rule.source, rule.node)
        else:
            what = (rule.kind, rule.rules, rule.group_by, rule.span_us, rule.compare, rule.fields,
                    rule.percent, rule.options)  # fmt: skip
        key = msgspec.json.encode(what)
        assert key not in said, f"{rule.head.name} says what {said[key]} says"
        said[key] = rule.head.name
    titles = Counter(rule.head.title for rule in alerting)
    assert [title for title, number in titles.items() if number > 1] == []


def test_every_rule_is_described(alerting):
    for rule in alerting:
        head = rule.head
        assert UUID(head.id).version == 4, head.name
        assert head.name == f"{pack_of(rule)}_{Path(head.path).stem}", head.path
        assert len(head.description) > 30, head.name
        assert head.status in {"stable", "test", *OFF_STATUS}, head.name
        assert head.tags, head.name
        assert all(re.fullmatch(r"attack\.t\d{4}(\.\d{3})?", tag) for tag in head.tags), head.name
        assert head.false_positives, head.name
        assert head.fields, head.name
        assert head.author == "whodid", head.name


def test_every_logsource_is_known(loaded):
    assert [
        r.head.name for r in loaded.rules if isinstance(r, Rule) and not kinds_of(r.source)
    ] == []


def test_what_is_silent_is_used(loaded):
    used = {name for rule in loaded.rules if isinstance(rule, Correlation) for name in rule.rules}
    assert [
        rule.head.name for rule in loaded.rules if rule.silent and rule.head.id not in used
    ] == []
    assert [
        rule.head.name for rule in loaded.rules if rule.head.id in used and not rule.silent
    ] == []


def test_every_rule_does_what_its_fixture_says(alerting, tmp_path):
    report = run_fixtures([PACKS], tmp_path)
    assert report.ok, [(one.rule, one.case, one.reason) for one in report.failed]
    assert not report.untested
    assert {one.rule for one in report.tried} == {rule.head.name for rule in alerting}
    kinds = Counter((one.rule, one.kind) for one in report.tried)
    assert all(kinds[rule.head.name, "positive"] for rule in alerting)
    assert all(kinds[rule.head.name, "near_miss"] for rule in alerting)


def test_a_near_miss_of_one_event_differs_in_one_thing(alerting):
    """Where a case is one event, its patch names one key, or one list stands for another."""
    for rule in alerting:
        fixture = read_fixture(fixture_of(rule))
        for case in fixture.near_miss:
            if not case.events and isinstance(case.change, dict):
                assert len(case.change) == 1 or _is_one_thing(case.change), (rule.head.name, case)


def _is_one_thing(change):
    """What belongs together changes together: a user becomes an agent, an argument another."""
    return len(change) == 2 and None in change.values()


def test_a_broken_rule_is_found(tmp_path):
    """The same fixtures fail when the rules say something else: they are not true of anything."""
    broken = 0
    for name in ("aws/trail_stopped", "identity/password_spray", "databases/dropped"):
        source = PACKS / f"{name}.yml"
        text = source.read_text("utf-8")
        assert "StopLogging" in text or "gte: 10" in text or "truncate" in text
        text = text.replace("StopLogging", "StopLooking").replace("DeleteTrail", "DeleteTrial")
        text = text.replace("gte: 10", "gte: 11").replace("drop\\s", "dorp\\s")
        (tmp_path / source.name).write_text(text, "utf-8")
        fixture = source.with_name(f"{source.stem}.test.json")
        (tmp_path / fixture.name).write_bytes(fixture.read_bytes())
        report = run_fixtures([tmp_path / source.name])
        broken += not report.ok
    assert broken == 3


def test_which_are_off_by_themselves(alerting):
    off = [rule for rule in alerting if not is_on(rule)]
    assert off
    assert len(off) < len(alerting) / 10


def test_no_text_of_the_packs_is_of_others():
    """Neither authors nor licences of other collections stand in our files."""
    for path in [*PACKS.rglob("*.yml"), *PACKS.rglob("*.json"), *PACKS.rglob("*.toml")]:
        text = path.read_text("utf-8").lower()
        for word in ("sigmahq", "drl", "elastic license", "panther", "stratus", "florian roth"):
            assert word not in text, (path, word)


def test_fixtures_name_nobody_real():
    """Addresses are private or for documentation, accounts invented."""
    ours = re.compile(r"\b(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.\d{1,3}\b")
    for path in PACKS.rglob("*.test.json"):
        text = path.read_text("utf-8")
        json.loads(text)
        for found in ours.finditer(text):
            net = tuple(int(part) for part in found.groups())
            assert net in {(192, 0, 2), (198, 51, 100), (203, 0, 113)} or net[0] in {0, 10}, (
                path, found[0],
            )  # fmt: skip
        assert not re.search(r"@(?!example\.(com|net|org))[a-z-]+\.(com|net|io)\b", text.replace(
            "@gmail.com", "").replace("system@okta.com", "")), path  # fmt: skip


def test_the_matcher_takes_them_all(loaded):
    matcher = compile_rules(loaded.rules)
    assert len(matcher.rules) == sum(isinstance(rule, Rule) for rule in loaded.rules)
