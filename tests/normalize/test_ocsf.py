"""OCSF events of other producers, of several versions and of classes that are not listed."""

import json

import pytest

from whodid.normalize.ocsf import Ocsf
from whodid.testing.format_conformance import check_format, check_record

FORMAT = Ocsf()
US = 1_795_255_200_000_000


def record(class_uid, activity_id, version="1.3.0", metadata=None, **more) -> bytes:
    product = {"name": "Portal", "vendor_name": "Example"}
    head = {
        "class_uid": class_uid, "category_uid": class_uid // 1000, "activity_id": activity_id,
        "type_uid": class_uid * 100 + activity_id, "severity_id": 1, "time": US // 1000,
        "metadata": {"version": version, "product": product, **(metadata or {})},
    }  # fmt: skip
    return json.dumps({**head, **more}).encode()


def event(*arguments, **more):
    return check_record(FORMAT, record(*arguments, **more)).event


USER = {"user": {"uid": "u-1", "name": "ann", "type_id": 1, "groups": [{"name": "ops"}]}}
API = record(
    6003, 2, "1.1.0", {"uid": "e-1", "event_code": "AwsApiCall", "original_time": "then"},
    actor={**USER, "session": {"uid": "s-1"}},
    api={"operation": "GetObject", "service": {"name": "s3"}, "request": {"uid": "r-1"},
         "version": "2006"},
    src_endpoint={"ip": "192.0.2.1", "port": 4711, "hostname": "desk"},
    http_request={"user_agent": "aws-cli/2", "x_forwarded_for": ["10.0.0.1"]},
    resources=[{"uid": "arn:b", "type": "AWS::S3::Bucket", "owner": {"account": {"uid": "7"}}},
               {"name": "other"}],
    status_id=1, duration=12,
)  # fmt: skip
LOGIN = record(
    3002, 1, "1.6.0", {"profiles": ["datetime"]},
    time_dt="2026-11-21T10:00:00.000001+00:00", user={"name": "bob", "type_id": 4},
    actor={"user": {"name": "SYSTEM", "type_id": 3}}, service={"name": "vpn"},
    src_endpoint={"ip": "2001:db8::1"}, status_id=2, status_code="403", is_mfa=True,
)  # fmt: skip
DATASTORE = record(
    6005, 4, "1.3.0", actor=USER, database={"name": "shop", "type_id": 1},
    table={"name": "customers"}, query_info={"uid": "q", "query_string": "SELECT 1 FROM customers"},
    src_endpoint={"name": "app"}, status_id=1,
)  # fmt: skip
FILE = record(
    1001, 14, "1.0.0", actor={"process": {"pid": 7, "user": {"name": "carl"}}},
    device={"hostname": "pc-1", "type_id": 2}, file={"name": "a", "path": "/etc/a", "type_id": 1},
)  # fmt: skip
ACCOUNT = record(
    3001, 7, "1.1.0", actor=USER, user={"name": "dora", "uid": "u-9"}, status_id=2,
    status_detail="not today",
)  # fmt: skip
EXPECTED = [
    {
        "time": US, "original_time": "then", "native_id": "e-1", "actor.id": "u-1",
        "actor.name": "ann", "actor.type": "user", "actor.session": "s-1",
        "actor.groups": ("ops",), "action": "GetObject", "access": "read",
        "resource.type": "AWS::S3::Bucket", "resource.name": "arn:b", "resource.parent": "7",
        "resources": ("other",), "outcome": "success", "ip": "192.0.2.1", "port": 4711,
        "host": "desk", "via": ("10.0.0.1",), "agent": "aws-cli/2", "service.name": "s3",
        "request": "r-1", "duration_us": 12_000,
    },
    {
        "time": US + 1, "actor.id": "bob", "actor.type": "service", "action": "Logon",
        "access": "authenticate", "resource.type": "service", "resource.name": "vpn",
        "outcome": "denied", "reason": "403", "ip": "2001:db8::1",
    },
    {
        "action": "Query", "access": "read", "resource.type": "table",
        "resource.name": "customers", "resource.parent": "shop", "ip": None,
        "statement": "SELECT 1 FROM customers", "service.name": "Portal",
    },
    {
        "actor.id": "carl", "action": "Open", "access": "read", "resource.type": "file",
        "resource.name": "/etc/a", "resource.parent": "pc-1", "outcome": None,
    },
    {
        "actor.id": "u-1", "action": "Attach Policy", "access": "administer",
        "resource.type": "user", "resource.name": "dora", "outcome": "failure",
        "reason": "not today",
    },
]  # fmt: skip


def test_conformance():
    check_format(FORMAT, [API, LOGIN, DATASTORE, FILE, ACCOUNT], EXPECTED)


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({"status_id": 1}, "success"),
        ({"status_id": 2}, "failure"),
        ({"status_id": 2, "action_id": 2}, "denied"),
        ({"status_id": 2, "disposition_id": 26}, "denied"),
        ({"status_id": 2, "status_code": "AccessDenied"}, "denied"),
        ({"status_id": 0}, "unknown"),
        ({"status_id": 99, "status": "Partial"}, "unknown"),
        ({"status_id": 99, "status": "Rejected"}, "denied"),
        ({"http_response": {"code": 403}}, "denied"),
        ({"http_response": {"code": 204}}, "success"),
        ({}, None),
    ],
)
def test_outcomes(given, outcome):
    assert event(6003, 1, **given).what.outcome == outcome


@pytest.mark.parametrize(
    ("class_uid", "activity", "more", "resource", "access"),
    [
        (3003, 1, {"user": {"name": "u"}}, ("user", "u"), "administer"),
        (3004, 2, {"entity": {"name": "e", "type": "Policy"}}, ("Policy", "e"), "read"),
        (3004, 4, {"entity": {"user": {"name": "u"}}}, ("user", "u"), "administer"),
        (3006, 3, {"group": {"name": "g"}, "user": {"name": "u"}}, ("group", "g"), "administer"),
        (3007, 8, {"user": {"uid": "u"}}, ("user", "u"), "administer"),
        (3008, 3, {"iam_role": {"name": "r"}}, ("iam_role", "r"), "administer"),
        (4002, 3, {"http_request": {"url": {"path": "/a", "hostname": "h"}}}, ("path", "/a"),
         "read"),
        (6001, 7, {"web_resources": [{"url_string": "https://x/y"}]},
         ("web resource", "https://x/y"), "read"),
        (6002, 1, {"app": {"name": "Tool"}}, ("app", "Tool"), "create"),
        (6005, 1, {"databucket": {"name": "b", "file": {"name": "k"}}}, ("object", "b/k"), "read"),
        (6006, 12, {"file": {"name": "f", "type_id": 99, "type": "note"}}, ("note", "f"),
         "administer"),
        (1007, 1, {"process": {"pid": 5, "file": {"path": "/bin/sh"}}}, ("process", "/bin/sh"),
         "execute"),
        (2004, 1, {"activity_name": "Create", "resources": [{"uid": "x"}]}, (None, "x"), "create"),
        (3005, 99, {"user": {"name": "u"}}, ("user", "u"), "administer"),
        (987654, 3, {}, (None, None), None),
    ],
)  # fmt: skip
def test_classes(class_uid, activity, more, resource, access):
    what = event(class_uid, activity, **more).what
    assert (what.resource_type, what.resource_name) == resource
    assert what.access == access


def test_no_enum_is_guessed():
    other = event(6003, 99)
    assert (other.what.action, other.what.access) == (None, None)
    assert event(6003, 99, activity_name="Purge").what.access == "delete"
    assert event(6005, 4, query_info={"query_string": "SELECT 1; DROP TABLE x"}).what.access is None
    assert event(6003, 1, actor={"user": {"uid": "u", "type_id": 0}}).who.actor_type is None
    agent = {"user": {"uid": "u", "type_id": 99, "type": "Agent"}}
    assert event(6003, 1, actor=agent).who.actor_type == "agent"


def test_agents_and_services():
    who = event(6003, 2, actor=USER, ai_agent={"name": "helper", "type_id": 1}).who
    assert (who.actor_id, who.actor_type, who.actor_on_behalf_of) == ("helper", "agent", "u-1")
    who = event(6003, 2, actor={"invoked_by": "cron.example.com"}).who
    assert (who.actor_id, who.actor_type) == ("cron.example.com", "service")


def test_group_membership_names_both():
    what = event(3006, 4, group={"name": "g"}, user={"name": "u"}).what
    assert what.resources == ("u",)


def test_placeholders_of_others_are_names_and_ours_are_not():
    labels = {"labels": ["missing:actor", "missing:time", "missing:resource"]}
    unknown = {"user": {"name": "unknown", "type_id": 0}}
    assert event(6003, 2, metadata=labels, actor=unknown).who.actor_id == "unknown"
    ours = {**labels, "product": {"name": "whodid"}}
    found = event(6003, 2, metadata=ours, actor=unknown)
    assert found.who.actor_id is found.who.actor_name is found.when.time is None


def test_what_claims_to_be_ours_is_checked():
    ours = {"product": {"name": "whodid"}}
    wild = {"rows": 1 << 70, "bytes": "x", "resources": [1], "access": "all", "agent": 7}
    found = event(6003, 2, metadata=ours, unmapped=wild)
    assert "unreadable:unmapped" in found.envelope.labels
    assert found.what.rows is None
    assert event(6003, 2, metadata=ours, unmapped={"rows": 5}).what.rows == 5


def test_what_is_no_event_is_quarantined():
    assert "no OCSF event" in FORMAT.map(b'{"class_uid":"6003","metadata":{}}', 0).quarantine
    assert FORMAT.map(b"[1]", 0).quarantine
    assert not FORMAT.sniff(b'{"class_uid":"6003","metadata":{}}')
    assert event(6003, 1, time="yesterday").envelope.labels[0] == "unreadable:time"
