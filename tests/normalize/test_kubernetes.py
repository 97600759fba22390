"""Kubernetes audit events as the API server writes them: to its log, and to a webhook in lists."""

import gzip
import json
from io import BytesIO
from pathlib import Path

import pytest

from whodid.errors import InputError
from whodid.normalize.kubernetes import Kubernetes
from whodid.normalize.kubernetes_access import access_of_request
from whodid.normalize.registry import FORMATS, detect
from whodid.sources.file import read_file
from whodid.sources.http_records import records_of
from whodid.testing.format_conformance import check_format, check_record

PANTHER = Path(__file__).resolve().parents[2] / "../shared/data/panther-tests.jsonl.gz"
FORMAT = Kubernetes()


def record(**more) -> bytes:
    event = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "Metadata",
        "auditID": "7e0cbccf-8d8a-4f5f-aefb-60b8af2d2ad5",
        "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/secrets/db?timeout=32s",
        "verb": "get",
        "user": {
            "username": "ann@example.com",
            "uid": "u-1",
            "groups": ["dev", "system:authenticated"],
            "extra": {"authentication.kubernetes.io/credential-id": ["X509SHA256=ab"]},
        },
        "sourceIPs": ["192.0.2.7"],
        "userAgent": "kubectl/v1.31.0 (linux/amd64)",
        "objectRef": {
            "resource": "secrets", "namespace": "shop", "name": "db", "apiVersion": "v1",
        },
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": "2026-11-21T10:00:00.000001Z",
        "stageTimestamp": "2026-11-21T10:00:00.250001Z",
        "annotations": {"authorization.k8s.io/decision": "allow"},
    }  # fmt: skip
    return json.dumps({**event, **more}).encode()


def event(**more):
    return check_record(FORMAT, record(**more)).event


EXEC = record(
    verb="create",
    requestURI="/api/v1/namespaces/shop/pods/web-0/exec?command=cat&command=%2Fetc%2Fpasswd"
    "&container=web&stdout=true",
    objectRef={"resource": "pods", "namespace": "shop", "name": "web-0", "subresource": "exec"},
    responseStatus={"code": 101},
)
FORBIDDEN = record(
    verb="list",
    user={"username": "system:serviceaccount:shop:web", "groups": ["system:serviceaccounts"]},
    requestURI="/api/v1/namespaces/kube-system/secrets",
    objectRef={"resource": "secrets", "namespace": "kube-system", "apiVersion": "v1"},
    responseStatus={
        "status": "Failure", "reason": "Forbidden", "code": 403,
        "message": 'secrets is forbidden: User "system:serviceaccount:shop:web" cannot list',
    },
    annotations={"authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": ""},
)  # fmt: skip
RECEIVED = record(stage="RequestReceived", responseStatus=None, annotations=None)
HEALTH = record(
    requestURI="/healthz?verbose", objectRef=None, user={"username": "system:anonymous"}
)
EXPECTED = [
    {
        "time": 1_795_255_200_000_001, "original_time": "2026-11-21T10:00:00.000001Z",
        "actor.id": "ann@example.com", "actor.type": "user", "actor.on_behalf_of": None,
        "actor.session": "X509SHA256=ab", "actor.groups": ("dev", "system:authenticated"),
        "action": "get", "access": "read", "resource.type": "secrets", "resource.name": "shop/db",
        "resource.parent": "shop", "outcome": "success", "reason": None, "ip": "192.0.2.7",
        "via": (), "agent": "kubectl/v1.31.0 (linux/amd64)", "service.name": "kubernetes",
        "endpoint": "/api/v1/namespaces/shop/secrets/db", "duration_us": 250_000,
        "request": "7e0cbccf-8d8a-4f5f-aefb-60b8af2d2ad5", "labels": ("stage:ResponseComplete",),
        "native_id": "7e0cbccf-8d8a-4f5f-aefb-60b8af2d2ad5/ResponseComplete",
    },
    {
        "access": "execute", "resource.type": "pods/exec", "resource.name": "shop/web-0",
        "statement": "cat /etc/passwd", "params": ("cat", "/etc/passwd"), "outcome": "success",
    },
    {
        "actor.type": "service", "access": "read", "resource.name": "kube-system/*",
        "outcome": "denied", "reason": "Forbidden",
        "message": 'secrets is forbidden: User "system:serviceaccount:shop:web" cannot list',
    },
    {
        "outcome": "unknown",
        "native_id": "7e0cbccf-8d8a-4f5f-aefb-60b8af2d2ad5/RequestReceived",
    },
    {
        "actor.type": "anonymous", "resource.type": "path", "resource.name": "/healthz",
        "resource.parent": None,
    },
]  # fmt: skip


def test_conformance():
    check_format(FORMAT, [record(), EXEC, FORBIDDEN, RECEIVED, HEALTH], EXPECTED)


def test_who_acts_and_as_whom():
    found = event(impersonatedUser={"username": "bob@example.com", "groups": ["ops"]})
    assert found.who.actor_id == "ann@example.com"
    assert found.who.actor_on_behalf_of == "bob@example.com"
    assert found.who.actor_groups == ("dev", "system:authenticated")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("system:kube-scheduler", "system"),
        ("system:node:w1", "system"),
        ("eks:node-manager", "system"),
        ("system:serviceaccount:a:b", "service"),
        ("kubernetes-admin", "user"),
    ],
)
def test_kinds_of_account(name, kind):
    assert event(user={"username": name}).who.actor_type == kind


def test_the_client_is_the_first_address_and_only_the_last_is_sure():
    found = event(sourceIPs=["198.51.100.9", "10.0.0.2", "10.0.0.1"])
    assert found.where.ip == "198.51.100.9"
    assert found.where.via == ("10.0.0.2", "10.0.0.1")
    assert "claimed:ip" in found.envelope.labels
    assert event(sourceIPs=["kubelet"]).where.ip is None
    assert event(sourceIPs=[]).where.via == ()


def test_a_generated_name_is_that_of_the_response():
    target = {"resource": "pods", "namespace": "shop"}
    made = {"metadata": {"name": "job-x7k2p"}}
    found = event(verb="create", objectRef=target, responseObject=made)
    assert found.what.resource_name == "shop/job-x7k2p"
    assert event(verb="create", objectRef=target).what.resource_name is None
    assert event(verb="list", objectRef={"resource": "nodes"}).what.resource_name == "*"


def test_outcomes():
    def outcome(**more):
        found = event(**more).what
        return found.outcome, found.reason

    assert outcome(responseStatus={"code": 404, "reason": "NotFound"}) == ("failure", "NotFound")
    assert outcome(responseStatus={"code": 401}) == ("denied", "401")
    assert outcome(stage="Panic", responseStatus=None) == ("failure", "Panic")
    assert outcome(responseStatus={"status": "Failure"}) == ("failure", None)
    # allowed is not yet done
    assert outcome(responseStatus=None) == ("unknown", None)


def test_times():
    assert event(requestReceivedTimestamp=None).when.time == 1_795_255_200_250_001
    found = event(requestReceivedTimestamp="2022-11-29 00:09:04.38")
    assert found.when.time == 1_669_680_544_380_000
    assert "assumed:utc" in found.envelope.labels
    assert "unreadable:time" in event(requestReceivedTimestamp="now").envelope.labels
    earlier = event(stageTimestamp="2026-11-21T09:00:00Z")
    assert earlier.context.duration_us is None


@pytest.mark.parametrize(
    ("verb", "group", "resource", "below", "access"),
    [
        ("get", None, "pods", "log", "read"),
        ("get", None, "pods", "exec", "execute"),
        ("create", None, "pods", "eviction", "delete"),
        ("create", None, "serviceaccounts", "token", "authenticate"),
        ("create", "authorization.k8s.io", "selfsubjectaccessreviews", None, "read"),
        ("patch", "rbac.authorization.k8s.io", "clusterroles", None, "administer"),
        ("get", "rbac.authorization.k8s.io", "clusterroles", None, "read"),
        ("update", "certificates.k8s.io", "certificatesigningrequests", "approval", "administer"),
        ("patch", "apps", "deployments", "status", "update"),
        ("deletecollection", None, "pods", None, "delete"),
        ("use", "policy", "podsecuritypolicies", None, "other"),
    ],
)
def test_kinds_of_access(verb, group, resource, below, access):
    assert access_of_request(verb, group, resource, below) == access


def test_what_is_no_event_is_quarantined():
    assert "no audit event" in FORMAT.map(b'{"auditID":"x"}', 0).quarantine
    assert FORMAT.map(b"{", 0).quarantine.startswith("not JSON")


# --- the webhook's lists -----------------------------------------------------------------------


def event_list(*records: bytes) -> bytes:
    """Return the body that the API server posts: the events in it have no kind of their own."""
    items = []
    for raw in records:
        item = json.loads(raw)
        del item["kind"], item["apiVersion"]
        items.append(json.dumps(item, separators=(",", ":")).encode())
    return (
        b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":['
        + b",".join(items)
        + b"]}\n"
    )


@pytest.mark.parametrize("known", [FORMAT, None])
def test_a_list_is_its_events(known):
    records = records_of(event_list(EXEC, RECEIVED), b"application/json", known, FORMATS)
    assert len(records) == 2
    assert all(detect(raw).name == "kubernetes" for raw in records)
    assert [FORMAT.map(raw, 0).labels for raw in records] == [
        ("stage:ResponseComplete",),
        ("stage:RequestReceived",),
    ]
    assert records_of(event_list(), b"application/json", known, FORMATS) == []


def test_lists_in_files_too():
    lists = event_list(EXEC, RECEIVED) + event_list(FORBIDDEN)
    order = b'{"userId":"ann","action":"order","items":[{"sku":1},{"sku":2}]}\n'
    for known in (FORMAT, None):
        found = [raw for chunk in read_file(BytesIO(lists), "x", known) for raw in chunk.records]
        assert [detect(raw).name for raw in found] == ["kubernetes"] * 3
    found = [raw for chunk in read_file(BytesIO(order + lists), "x") for raw in chunk.records]
    assert found[0] == order.strip()
    found = [raw for chunk in read_file(BytesIO(lists + order), "x") for raw in chunk.records]
    assert found[3:] == [order.strip()]


def test_an_order_with_items_stays_whole_where_the_format_is_guessed():
    order = b'{"userId":"ann","action":"order","items":[{"sku":1},{"sku":2}]}'
    assert records_of(order, b"application/json", None, FORMATS) == [order]
    late = b'{"userId":"ann","action":"order","items":[{"sku":1}],"kind":"audit.k8s.io/v1"}'
    assert records_of(late, b"application/json", None, FORMATS) == [late]
    with pytest.raises(InputError):
        records_of(b'{"items":[', b"application/json", FORMAT, FORMATS)


@pytest.mark.skipif(not PANTHER.exists(), reason="../shared/data is not here")
def test_real_events_of_eks():
    lines = gzip.decompress(PANTHER.read_bytes()).splitlines()
    events = [json.loads(line)["event"] for line in lines]
    raws = [json.dumps(item).encode() for item in events if isinstance(item, dict)]
    ours = [raw for raw in raws if FORMAT.sniff(raw)]
    assert len(ours) >= 5
    for raw in ours:
        found = check_record(FORMAT, raw).event
        assert found.envelope.quarantine is None
        assert found.who.actor_id is not None
        assert found.what.resource_name is not None
        assert detect(raw).name == "kubernetes"
