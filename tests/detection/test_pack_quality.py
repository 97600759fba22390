"""The packs on real logs: what they find in attacks, and how loud they are beside them."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from busy_cloudtrail import BusyLife
from chance import SEED
from whodid.detection.backtest.noise import alerts_of
from whodid.detection.compiled import compile_rules
from whodid.detection.packs import PACKS, is_on
from whodid.detection.record import Record
from whodid.detection.rule import Correlation, Rule
from whodid.detection.sigma import load_rules
from whodid.detection.taxonomy import native_of
from whodid.detection.windows import Engine
from whodid.event import encode_groups
from whodid.normalize.record import prepare
from whodid.normalize.registry import format_by_name

DATA = Path(__file__).resolve().parents[3] / "shared/data"
STRATUS = DATA / "cloudtrail/stratus"
INVICTUS = DATA / "cloudtrail/invictus-aws.jsonl.gz"
PANTHER = DATA / "panther-tests.jsonl.gz"

PACK_TESTS = Path(__file__).parent / "packs"

NO_STEP = json.loads((PACK_TESTS / "no_step.json").read_text("utf-8"))
"""Alerts on the intrusion that name no step of it, and why there is one."""

NOISE_PER_THOUSAND = 5

needs_data = pytest.mark.skipif(not STRATUS.is_dir(), reason="../shared/data is not here")


@pytest.fixture(scope="module")
def enabled(tmp_path_factory):
    loaded = load_rules([PACKS], tmp_path_factory.mktemp("cache"))
    on = [rule for rule in loaded.rules if rule.silent or is_on(rule)]
    known = {rule.head.id for rule in on}
    return [rule for rule in on if not isinstance(rule, Correlation) or set(rule.rules) <= known]


def record_of(event, number, source, format_name):
    known = format_by_name(format_name)
    raw = json.dumps(event).encode()
    mapped = known.map(raw, 1_800_000_000_000_000)
    prepared = prepare(
        mapped, raw, event_id=f"{number:032d}", source=source, format_name=known.name,
        mapping=known.mapping, received_us=mapped.time or 1_800_000_000_000_000,
    )  # fmt: skip
    return Record(number, encode_groups(prepared.event), native_of)


def alerts(enabled, events):
    """Alerts of CloudTrail events, in the order in which they are given."""
    engine = Engine(enabled, compile_rules(enabled))
    records = [record_of(event, n, "aws", "cloudtrail") for n, event in enumerate(events)]
    found = engine.feed(records)
    found += engine.close(max(record.time_us for record in records) + 3_600_000_000)
    by_rule = {}
    for finding in found:
        by_rule.setdefault(finding.rule.name, []).append(finding)
    return [alert for findings in by_rule.values() for alert in alerts_of(findings)]


def stratus_events(path):
    events = json.loads(path.read_text("utf-8"))
    events = events.get("Records", [events]) if isinstance(events, dict) else events
    return sorted(events, key=lambda event: event["eventTime"])


@needs_data
def test_techniques_of_stratus_red_team(enabled):
    found = {
        path.stem: sorted({alert[0].rule.name for alert in alerts(enabled, stratus_events(path))})
        for path in sorted(STRATUS.glob("*.json"))
    }
    missed = [name for name, rules in found.items() if not rules]
    assert len(found) == 24
    assert len(found) - len(missed) >= 20, missed
    assert not missed, missed  # all of them, as docs/reference/rule-packs.md says


@needs_data
def test_an_intrusion_and_its_noise(enabled):
    with gzip.open(INVICTUS) as file:
        events = sorted(map(json.loads, file), key=lambda event: event["eventTime"])
    found = alerts(enabled, events)
    names = {alert[0].rule.name for alert in found}
    noise = [alert[0].rule.name for alert in found if alert[0].rule.name in NO_STEP]
    assert len(noise) <= NOISE_PER_THOUSAND * len(events) / 1000, noise
    assert len(found) < 60, sorted(names)
    for step in (
        "aws_trail_stopped", "aws_event_selectors_narrowed", "aws_flow_logs_deleted",
        "aws_organization_left", "aws_lifecycle_expires_soon", "aws_secrets_many",
        "aws_password_data_many", "aws_user_data_many", "aws_instance_role_at_desk",
        "aws_ssm_shell_command", "aws_unusual_instance_type", "aws_security_group_open",
        "aws_image_shared", "aws_snapshot_shared", "aws_database_snapshot_shared",
        "aws_bucket_policy_account", "aws_console_login_no_mfa", "aws_role_trust_opened",
        "aws_key_for_other_user", "aws_user_armed", "aws_password_for_other_user",
        "aws_function_open_to_all", "aws_function_code_by_hand", "aws_roles_anywhere_trust",
    ):  # fmt: skip
        assert step in names, step


def test_a_busy_account_is_not_loud(enabled):
    events = BusyLife(SEED).events(6_000)
    names = [alert[0].rule.name for alert in alerts(enabled, events)]
    assert len(names) <= NOISE_PER_THOUSAND * len(events) / 1000, Counter(names)


@pytest.mark.slow
def test_an_account_that_was_busy_for_long_is_not_loud(enabled):
    events = BusyLife(7).events(30_000)
    names = [alert[0].rule.name for alert in alerts(enabled, events)]
    assert len(names) <= 2 * len(events) / 1000, Counter(names)  # as rule-packs.md says


@needs_data
def test_what_others_expect_of_the_same_behaviour(enabled):
    """Events that rules of others must match or must not, where ours claim the same."""
    claims = json.loads((PACK_TESTS / "claims.json").read_text("utf-8"))
    rules = [rule for rule in enabled if isinstance(rule, Rule)]
    matcher = compile_rules(rules)
    unclaimed = set(json.loads((PACK_TESTS / "unclaimed.json").read_text("utf-8")))
    wrong, looked_at, seen = [], 0, set()
    with gzip.open(PANTHER) as file:
        for number, line in enumerate(file):
            sample = json.loads(line)
            claim = claims.get(sample["rule"])
            sender = next((s for t in sample["log_types"] or [] if (s := SENDERS.get(t))), None)
            if sender is not None:
                seen.add(sample["rule"])
            if claim is None or sender is None or not _is_of(sample["event"], sender):
                continue
            looked_at += 1
            matched = {rule.head.name for rule in matcher.matching(
                record_of(sample["event"], number, *sender))}  # fmt: skip
            if bool(matched & set(claim)) is not sample["expected"]:
                wrong.append((sample["rule"], sample["test"], sample["expected"], matched))
    assert looked_at >= 200
    assert not unclaimed & set(claims)
    assert seen == unclaimed | (seen & set(claims))  # each of theirs was thought of
    assert not wrong, wrong


def _is_of(event, sender):
    """Their rules about clusters are tried on logs of clouds that hold those of a cluster, too."""
    return sender[1] != "kubernetes" or "objectRef" in event


SENDERS = {
    "AWS.CloudTrail": ("aws", "cloudtrail"),
    "Amazon.EKS.Audit": ("eks", "kubernetes"),
    "GCP.AuditLog": ("gcp", "json"),
    "Azure.Audit": ("azure", "json"),
    "Azure.MonitorActivity": ("azure-activity", "json"),
    "Okta.SystemLog": ("okta", "json"),
    "GitHub.Audit": ("github", "json"),
}
"""Log type → (source, format)."""
