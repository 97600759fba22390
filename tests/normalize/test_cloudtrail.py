"""CloudTrail against real deliveries and against every kind of userIdentity."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from chance import SEED
from whodid.normalize.cloudtrail import CloudTrail
from whodid.normalize.split import split_json
from whodid.testing.format_conformance import check_format, check_record
from whodid.testing.mutate import mutations

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
FORMAT = CloudTrail()
ACCOUNT = "123456789012"


def record(identity: dict | None = None, **more) -> bytes:
    event = {
        "eventVersion": "1.08",
        "eventTime": "2023-07-10T11:42:36Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "GetObject",
        "eventID": "e1",
        "requestID": "r1",
        "sourceIPAddress": "192.0.2.1",
        "userIdentity": identity if identity is not None else {"type": "Root"},
    }
    return json.dumps(event | more).encode()


def event(raw: bytes):
    return check_record(FORMAT, raw).event


ROLE = {
    "type": "AssumedRole",
    "principalId": "AROA1:ann@example.com",
    "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/ann@example.com",
    "sessionContext": {
        "sessionIssuer": {"arn": f"arn:aws:iam::{ACCOUNT}:role/Admin", "userName": "Admin"},
        "attributes": {"mfaAuthenticated": "true"},
    },
}
ACTORS = [
    (
        {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/b", "userName": "b"},
        (f"arn:aws:iam::{ACCOUNT}:user/b", "b", "user", None, None),
    ),
    (
        ROLE,
        (
            f"arn:aws:iam::{ACCOUNT}:role/Admin", "Admin", "user", "ann@example.com",
            "ann@example.com",
        ),
    ),
    (
        {"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Web/i-0abc"},
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/Web/i-0abc", "Web", "service", None, "i-0abc"),
    ),
    (
        {"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/R/x"},
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/R/x", "R", None, None, "x"),
    ),
    (
        {"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root", "accessKeyId": "ASIA1"},
        (f"arn:aws:iam::{ACCOUNT}:root", "root", "user", None, "ASIA1"),
    ),
    (
        {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"},
        ("ec2.amazonaws.com", None, "service", None, None),
    ),
    (
        {"accountId": ACCOUNT, "invokedBy": "ec2.amazonaws.com"},
        ("ec2.amazonaws.com", None, "service", None, None),
    ),
    (
        {"type": "FederatedUser", "arn": f"arn:aws:sts::{ACCOUNT}:federated-user/f"},
        (f"arn:aws:sts::{ACCOUNT}:federated-user/f", None, "user", None, None),
    ),
    (
        {"type": "WebIdentityUser", "principalId": "accounts.google.com:1", "userName": "g"},
        ("accounts.google.com:1", "g", "user", None, None),
    ),
    ({"type": "AWSAccount", "accountId": "9"}, ("9", None, "user", None, None)),
    ({"type": "Unknown", "userName": "v"}, ("v", "v", None, None, None)),
    ({}, (None, None, None, None, None)),
]  # fmt: skip


@pytest.mark.parametrize(("identity", "expected"), ACTORS)
def test_every_kind_of_identity(identity, expected):
    who = event(record(identity)).who
    found = (
        who.actor_id, who.actor_name, who.actor_type, who.actor_on_behalf_of, who.actor_session,
    )  # fmt: skip
    assert found == expected


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        ({}, "success"),
        ({"errorCode": "AccessDenied"}, "denied"),
        ({"errorCode": "AccessDeniedException"}, "denied"),
        ({"errorCode": "Client.UnauthorizedOperation"}, "denied"),
        ({"errorCode": "NoSuchBucketPolicy"}, "failure"),
        ({"errorCode": "Client.DryRunOperation"}, "success"),
        ({"eventName": "ConsoleLogin", "responseElements": {"ConsoleLogin": "Failure"}}, "failure"),
        ({"eventName": "ConsoleLogin", "responseElements": {"ConsoleLogin": "Success"}}, "success"),
    ],
)
def test_outcomes(more, outcome):
    assert event(record(**more)).what.outcome == outcome


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"requestParameters": {"bucketName": "b", "key": "k/1"}}, ("object", "b/k/1")),
        ({"requestParameters": {"bucketName": "b"}}, ("bucket", "b")),
        (
            {"eventSource": "iam.amazonaws.com", "requestParameters": {"userName": "u"}},
            ("user", "u"),
        ),
        (
            {
                "eventSource": "ec2.amazonaws.com",
                "requestParameters": {"instancesSet": {"items": [{"instanceId": "i-1"}]}},
            },
            ("instance", "i-1"),
        ),
        (
            {"requestParameters": None, "resources": [{"ARN": "arn:x", "type": "AWS::S3::Bucket"}]},
            ("AWS::S3::Bucket", "arn:x"),
        ),
        ({"requestParameters": {"bucketName": {"not": "text"}}}, (None, None)),
    ],
)
def test_resources(more, expected):
    what = event(record(**more)).what
    assert (what.resource_type, what.resource_name) == expected


def test_a_service_is_no_address():
    where = event(record(sourceIPAddress="AWS Internal")).where
    assert (where.ip, where.host) == (None, "AWS Internal")


def test_promises():
    samples = [record(identity) for identity, _ in ACTORS]
    expected = [
        {
            "time": 1_688_989_356_000_000,
            "ip": "192.0.2.1",
            "native_id": "e1",
            "identity": "native",
            "request": "r1",
            "service.name": "s3.amazonaws.com",
            "access": "read",
            "labels": ("missing:resource",),
        }
    ]
    check_format(FORMAT, samples, expected, mutated=1000, seed=3)


def invictus() -> list[bytes]:
    return gzip.decompress((DATA / "cloudtrail/invictus-aws.jsonl.gz").read_bytes()).splitlines()


@needs_data
def test_invictus():
    prepared = [check_record(FORMAT, line) for line in invictus()]
    events = [item.event for item in prepared]
    assert len(events) == 2900
    assert {item.envelope.quarantine for item in events} == {None}
    assert len({item.identity for item in prepared}) == 2900
    # 300 records have an errorCode, of which 44 UnauthorizedOperation and 16 AccessDenied
    outcomes = Counter(item.what.outcome for item in events)
    assert outcomes == {"success": 2600, "failure": 240, "denied": 60}
    assert all(item.when.time for item in events)
    assert all(item.what.access is not None for item in events)
    actors = Counter(item.who.actor_name for item in events)
    assert (actors["bert-jan"], actors["benjamin"]) == (2642, 105)
    unnamed = [item for item in events if item.who.actor_id is None]
    assert unnamed == []
    by_id = {item.envelope.native_id: item for item in events}
    item = by_id["fbd91225-39aa-4c00-822c-9f0b96e7758f"]
    assert item.what.action == "GetPasswordData"
    assert item.what.resource_name == "i-durz4ux740gjqvcm"
    assert (item.what.outcome, item.what.access) == ("denied", "read")
    assert item.who.actor_name == "stratus-red-team-ec2-get-password-data-role"
    assert item.who.actor_session == "aws-go-sdk-1688990082523310002"
    assert item.where.ip == "192.168.10.20"
    item = by_id["a4a7b25e-c2d5-436f-8a7e-ea89f50541ab"]
    assert item.who.actor_id == "inspector2.amazonaws.com"
    assert (item.where.ip, item.where.host) == (None, "inspector2.amazonaws.com")
    assert item.what.access == "authenticate"
    assert item.context.correlation == "71797d26-1286-4204-81d4-cbcce8819672"
    assert [span.rule for span in item.envelope.redactions] == ["json-key"]
    assert b"IQoJb3JpZ2luX2Vj" not in item.raw


@needs_data
def test_stratus():
    files = sorted((DATA / "cloudtrail/stratus").glob("*.json"))
    assert len(files) == 24
    actions: Counter[str] = Counter()
    total = 0
    for file in files:
        for raw in split_json(file.read_bytes(), FORMAT.records_key):
            item = event(raw)
            assert item.envelope.quarantine is None
            assert item.who.actor_id is not None
            actions[item.what.action] += 1
            total += 1
            if item.what.action in {"CreateAccessKey", "CreateUser", "AttachUserPolicy"}:
                assert item.what.access == "administer"
                assert item.what.resource_name
    assert total == 259
    assert (actions["GetPasswordData"], actions["GetSecretValue"]) == (30, 20)


@needs_data
def test_samples_of_panther():
    with gzip.open(DATA / "panther-tests.jsonl.gz") as lines:
        tests = [json.loads(line) for line in lines]
    raws = [
        json.dumps(test["event"]).encode()
        for test in tests
        if "AWS.CloudTrail" in (test["log_types"] or ())
    ]
    assert len(raws) == 226
    reasons = Counter(event(raw).envelope.quarantine for raw in raws)
    # 31 samples that list several log types hold a record of another one
    assert reasons.pop(None) == 195
    assert list(reasons.values()) == [31]


@pytest.mark.slow
def test_fuzz():
    samples = [record(identity) for identity, _ in ACTORS]
    for raw in mutations(samples, 100_000, SEED):
        check_record(FORMAT, raw)
