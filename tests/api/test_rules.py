"""Rules, looks over history and the outbox over HTTP: shapes, rights, tokens, what is none."""

import time

import pytest

import desks_kit
from alert_kit import finding_of, head


@pytest.fixture
def place(server, tmp_path):
    desks_kit.with_rules(tmp_path)
    server.reading.records.clear()
    return server


def post(server, path, token=None, **body):
    return server.get(path, method="POST", json=body, token=token)


def token(server, role, **rights):
    user = server.doorkeeper.users.add(f"{role}-one", "correct horse", role, **rights)
    return server.doorkeeper.read_tokens.issue(user, "test")


def test_rules_and_one(place):
    document = place.get("/v1/rules").json()
    by_id = {rule["id"]: rule for rule in document["rules"]}
    assert [rule["level"] for rule in document["rules"]][:3] == ["critical", "high", "high"]
    assert by_id["rule-low"]["blind"]["why"] == "source"
    assert by_id["rule-high"]["exercise"]["failed"] == 1
    assert document["faults"][0]["line"] == 3
    assert (document["detection"], document["learning"]) == (True, True)
    place.reading.alerts.alerts.take(
        [finding_of(place.reading.hits, head("rule-high", "high"), (("actor.id", "alice"),))]
    )
    one = place.get("/v1/rules/rule-high").json()
    assert (one["alerts"], len(one["newest"]), one["fields"]) == (1, 1, ["actor.id", "eventName"])
    assert one["text"].startswith("title: Title of rule-high")
    assert place.get("/v1/rules/over").json()["parts"][0]["id"] == "part"
    assert place.get("/v1/rules/part").json()["over"][0]["id"] == "over"
    assert place.get("/v1/rules/none").status_code == 404
    assert place.get("/v1/rules?x=1").status_code == 400
    assert ("alice", "show rule", "rule-high") in [one[:3] for one in place.reading.records]


def test_no_detector_told_of_any(server):
    document = server.get("/v1/rules").json()
    assert (document["rules"], document["detection"]) == ([], False)
    assert server.get("/v1/rules/rule-high").status_code == 404


def test_a_look_over_history(place):
    begun = post(place, "/v1/backtests", rule="rule-high", days=7)
    assert (begun.status_code, begun.json()["state"]) == (202, "running")
    path = f"/v1/backtests/{begun.json()['id']}"
    assert place.get(path).json()["answer"] is None
    other = post(place, "/v1/backtests", rule="rule-low")
    assert (other.status_code, other.headers["retry-after"]) == (503, "5")
    place.processes[0].free.set()
    done = wait(lambda: place.get(path).json(), "done")
    assert (done["answer"]["alerts"], done["answer"]["by_day"][1]["excluded"]) == (9, 2)
    task = place.processes[0].task
    assert (task.rule, task.days, task.asker.name) == ("rule-high", 7, "alice")
    assert place.get("/v1/rules/rule-high").json()["backtests"][0]["state"] == "done"
    shown = [one for one in place.reading.records if one[1] == "show backtest"]
    assert len(shown) >= 1


def test_it_can_be_ended(place):
    path = f"/v1/backtests/{post(place, '/v1/backtests', rule='rule-high').json()['id']}"
    assert post(place, f"{path}/end").json()["state"] == "ended"
    assert place.processes[0].gone.is_set()
    assert place.get(path).json()["answer"] is None
    assert post(place, f"{path}/end").json()["state"] == "ended"
    assert post(place, "/v1/backtests/0/end").status_code == 404
    assert place.get("/v1/backtests/0").status_code == 404


def test_what_is_none(place):
    assert post(place, "/v1/backtests", rule="none").status_code == 400
    for days in (0, -1, 401):
        assert post(place, "/v1/backtests", rule="rule-high", days=days).status_code == 400
    for body in ({"rule": 1}, {"days": 3}, {"rule": "x", "more": 1}, {"rule": "x", "days": "7"}):
        assert post(place, "/v1/backtests", **body).status_code == 400
    assert place.processes == []


def test_a_cookie_begins_and_sends_nothing(place):
    cookies = {"whodid_session": place.doorkeeper.sessions.open(place.user)}
    for path, body in (
        ("/v1/backtests", {"rule": "rule-high"}), ("/v1/outbox/send-again", {"ids": ["m3"]}),
        ("/v1/backtests/0/end", {}),
    ):  # fmt: skip
        answer = place.get(path, method="POST", json=body, cookies=cookies, token="")
        assert answer.status_code == 401
    assert place.processes == []


def test_an_administrator_sees_what_is_set_up_and_nothing_that_was_found(place):
    place.reading.alerts.alerts.take(
        [finding_of(place.reading.hits, head("rule-high", "high"), (("actor.id", "alice"),))]
    )
    root = token(place, "administrator")
    document = place.get("/v1/rules", token=root).json()
    assert {rule["alerts"] for rule in document["rules"]} == {None}
    assert document["faults"]
    one = place.get("/v1/rules/rule-high", token=root).json()
    assert one["text"]
    assert (one["newest"], one["exclusions"], one["may_backtest"]) == ([], [], False)
    assert post(place, "/v1/backtests", token=root, rule="rule-high").status_code == 403
    assert "alice" not in place.get("/v1/rules/rule-high", token=root).text
    assert [one for one in place.reading.records if one[1] == "backtest" and not one[3]]


def test_a_reader_of_a_part_sees_what_an_alert_tells_of_its_rule(place):
    rita = token(place, "reader", filter_text="actor:bob")
    document = place.get("/v1/rules", token=rita).json()
    assert document["faults"] == []
    assert {(rule["blind"], rule["exercise"]) for rule in document["rules"]} == {
        (None, None)
    }  # fmt: skip
    one = place.get("/v1/rules/rule-high", token=rita).json()
    assert (one["text"], one["fields"], one["parts"]) == (None, [], [])
    assert post(place, "/v1/backtests", token=rita, rule="rule-high").status_code == 403
    assert place.get("/v1/outbox", token=rita).status_code == 403


def test_the_outbox(place, tmp_path):
    assert place.get("/v1/outbox").json()["messages"] == []
    desks_kit.messages(tmp_path)
    document = place.get("/v1/outbox").json()
    assert (document["waiting"], document["given_up"]) == (2, 1)
    assert [one["id"] for one in document["messages"]] == ["m3", "m2", "m1"]
    assert document["channels"] == [{
        "name": "chat", "kind": "webhook", "waiting": 2, "given_up": 1,
        "oldest": document["channels"][0]["oldest"],
    }]  # fmt: skip
    assert document["messages"][0]["alerts"] == ["a1"]
    assert post(place, "/v1/outbox/send-again", ids=["m3", "m2"]).status_code == 400
    assert place.get("/v1/outbox").json()["given_up"] == 1
    again = post(place, "/v1/outbox/send-again", ids=["m3"]).json()["messages"]
    assert (again[0]["state"], again[0]["next"]) == ("waiting", None)
    assert post(place, "/v1/outbox/send-again", ids=["m2"]).json()["messages"][0]["next"] is None
    for ids in ([], ["none"], ["m1"] * 201):
        assert post(place, "/v1/outbox/send-again", ids=ids).status_code == 400


def test_an_administrator_sends_again_without_seeing_which_alerts(place, tmp_path):
    desks_kit.messages(tmp_path)
    root = token(place, "administrator")
    document = place.get("/v1/outbox", token=root).json()
    assert {tuple(one["alerts"] or ()) for one in document["messages"]} == {()}
    assert document["may_retry"] is True
    assert post(place, "/v1/outbox/send-again", token=root, ids=["m3"]).status_code == 200


def wait(ask, state):
    end = time.monotonic() + 120
    while (found := ask())["state"] != state:
        assert time.monotonic() < end, found
        time.sleep(0.01)
    return found
