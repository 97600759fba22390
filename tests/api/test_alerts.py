"""Alerts over HTTP: rights, acts with a token only, and what is not understood."""

import pytest

from alert_kit import finding_of, head
from whodid.errors import RefusedError


@pytest.fixture
def raised(server):
    desk = server.reading.alerts
    key = (("actor.id", "alice"),)
    desk.alerts.take([finding_of(server.reading.hits, head("burst", "high"), key, "3 times")])
    [alert] = server.get("/v1/alerts").json()["alerts"]
    server.reading.records.clear()
    return alert


def post(server, path, **body):
    return server.get(path, method="POST", json=body)


def role(server, name, **rights):
    user = server.doorkeeper.users.add(f"{name}-one", "correct horse", name, **rights)
    return server.doorkeeper.read_tokens.issue(user, "test")


def test_a_list_and_one(server, raised):
    document = server.get("/v1/alerts").json()
    assert document["open"] == {
        "critical": 0, "high": 1, "medium": 0, "low": 0, "informational": 0,
    }  # fmt: skip
    assert raised["key"] == [{"field": "actor.id", "value": "alice"}]
    assert (raised["title"], raised["why"], raised["state"]) == (
        "Title of burst",
        "3 times",
        "open",
    )
    assert "fingerprint" not in raised
    one = server.get(f"/v1/alerts/{raised['id']}").json()
    assert [event["id"] for event in one["matched"]] == ["0190-id"]
    assert [record["act"] for record in one["records"]] == ["fired"]
    assert one["may_handle"] is True
    assert [record[:3] for record in server.reading.records] == [
        ("alice", "list alerts", "alerts"), ("alice", "show alert", raised["id"]),
    ]  # fmt: skip
    assert server.get("/v1/alerts", params={"key": "actor.id=alice", "level": "high"}).json()[
        "alerts"
    ] == [raised]
    assert server.get("/v1/alerts?key=actor.id%3Dbob").json()["alerts"] == []
    assert server.get("/v1/alerts?below=0.0").json()["alerts"] == []


def test_acts(server, raised):
    path = f"/v1/alerts/{raised['id']}"
    assert post(server, path, act="acknowledge").json()["state"] == "acknowledged"
    assert post(server, path, act="assign", assignee="omar").json()["assignee"] == "omar"
    assert post(server, path, act="note", note="hm").status_code == 200
    closed = post(server, path, act="close", disposition="false positive", note="a drill").json()
    assert (closed["state"], closed["disposition"]) == ("closed", "false positive")
    assert post(server, path, act="reopen").json()["state"] == "open"
    records = server.get(path).json()["records"]
    assert [record["act"] for record in records] == [
        "fired", "acknowledge", "assign", "note", "close", "reopen",
    ]  # fmt: skip
    assert records[4]["by"] == "alice"
    assert records[4]["note"] == "a drill"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"act": "delete"}, {"act": "close"}, {"act": "close", "disposition": "nothing"},
        {"act": "close", "disposition": "duplicate", "duplicate_of": "x"}, {"act": "note"},
        {"act": "acknowledge", "note": "x" * 3000}, {"act": "acknowledge", "more": 1},
        {"act": "assign", "assignee": "a\u0000b"}, {"act": 5},
    ],
)  # fmt: skip
def test_what_is_no_act(server, raised, body):
    answer = post(server, f"/v1/alerts/{raised['id']}", **body)
    assert answer.status_code == 400
    assert server.get(f"/v1/alerts/{raised['id']}").json()["state"] == "open"


@pytest.mark.parametrize(
    "query",
    ["state=lost", "level=worst", "key=x", "key==", "below=-1", "below=x", "limit=0", "muted=x",
     "more=1"],
)  # fmt: skip
def test_what_is_no_question(server, query):
    assert server.get(f"/v1/alerts?{query}").status_code == 400


def test_what_is_not_there(server):
    for alert_id in ("nothing", "0190", "x" * 65, "..%2f", "ZZ"):
        assert server.get(f"/v1/alerts/{alert_id}").status_code == 404
    assert post(server, "/v1/alerts/0190", act="acknowledge").status_code == 400
    assert post(server, "/v1/silences/0190/end").status_code == 400
    assert post(server, "/v1/silences/ZZ/end").status_code == 404


def test_silences(server, raised):
    made = post(
        server, "/v1/silences", reason="a drill", rule="burst", key={"actor.id": "alice"}, hours=2
    ).json()
    assert made["kind"] == "silence"
    assert (made["rule"], made["key"]) == ("burst", [{"field": "actor.id", "value": "alice"}])
    assert server.get("/v1/alerts").json()["muted"] == 1
    assert server.get("/v1/silences").json()["silences"] == [made]
    effect = server.get("/v1/silences/effect?rule=burst").json()
    assert (effect["alerts"], effect["muted"]) == (1, 1)
    ended = post(server, f"/v1/silences/{made['id']}/end", note="done").json()
    assert ended["ended_by"] == "alice"
    assert server.get("/v1/silences").json() == {"silences": []}
    assert len(server.get("/v1/silences?ended=1").json()["silences"]) == 1
    out = post(server, "/v1/silences", reason="no", kind="exclusion", rule="burst", level="low")
    assert out.json()["expires"] is None


@pytest.mark.parametrize(
    "body",
    [{}, {"reason": "x"}, {"reason": "", "rule": "r"}, {"reason": "x", "rule": "r", "hours": 0},
     {"reason": "x", "rule": "r", "hours": 1e9}, {"reason": "x", "rule": "r", "level": "worst"},
     {"reason": "x", "rule": "r", "kind": "curse"}, {"reason": "x", "key": {"a": ""}},
     {"reason": "x", "key": {"": "a"}}, {"reason": "x", "key": [1]}, {"reason": 1, "rule": "r"}],
)  # fmt: skip
def test_what_is_no_silence(server, body):
    assert post(server, "/v1/silences", **body).status_code == 400


def test_roles(server, raised):
    path = f"/v1/alerts/{raised['id']}"
    for name, seen in (("reader", 200), ("approver", 200), ("administrator", 403)):
        token = role(server, name)
        assert server.get("/v1/alerts", token=token).status_code == seen
        assert server.get(path, token=token).status_code == seen
        done = server.get(path, method="POST", json={"act": "acknowledge"}, token=token)
        assert done.status_code == 403
        for other in ("/v1/silences", "/v1/silences/effect?rule=burst"):
            assert server.get(other, token=token).status_code == 403
    assert server.get("/v1/alerts", token="").status_code == 401
    # A cookie reads, and changes nothing.
    session = server.doorkeeper.sessions.open(server.user)
    cookies = {"whodid_session": session}
    answer = server.get(path, method="POST", json={"act": "acknowledge"}, cookies=cookies)
    assert answer.status_code == 401
    assert server.get(path).json()["state"] == "open"


def test_what_cannot_be_recorded_is_not_shown(server, raised):
    server.reading.fault = RefusedError("no")
    assert server.get("/v1/alerts").status_code == 503
    assert server.get(f"/v1/alerts/{raised['id']}").status_code == 503
