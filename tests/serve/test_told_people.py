"""From an event that comes in to a person who is told, in real processes, with what can fail.

WHODID_SEED chooses the secret.
"""

import base64
import contextlib
import hmac
import json
import os
import random
import signal
from collections import Counter
from hashlib import sha256

import pytest

from chance import SEED
from delivery_kit import Receiver
from detector_kit import KEY_MADE, RULES, SETTINGS, House, cloudtrail
from running_server import wait_until

pytestmark = pytest.mark.slow


class Hook:
    """A receiver that refuses the first tries, checks signatures, and knows what it took."""

    def __init__(self, secret, refusals):
        self.secret, self.refusals = secret, refusals
        self.taken = []
        self.receiver = Receiver(self.answer)

    def answer(self, handler):
        _, headers, _ = self.receiver.requests[-1]
        if self.refusals:
            self.refusals -= 1
            self._say(handler, 503)
            return
        self.taken.append(headers["webhook-id"])
        self._say(handler, 204)

    def _say(self, handler, status):
        handler.send_response(status)
        handler.send_header("content-length", "0")
        handler.end_headers()

    def is_genuine(self, headers, body):
        content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        mac = base64.b64encode(hmac.digest(self.secret, content, sha256)).decode()
        return headers["webhook-signature"].split() == [f"v1,{mac}"]

    def by_alert(self):
        found = {}
        for _, headers, body in self.receiver.requests:
            document = json.loads(body)
            found.setdefault(document["data"]["alert"], []).append((headers, body, document))
        return found


@pytest.fixture
def secret():
    return random.Random(SEED).randbytes(24)


@pytest.fixture
def hook(secret):
    hook = Hook(secret, refusals=2)
    with hook.receiver:
        yield hook


@pytest.fixture
def house(server, hook, secret, tmp_path):
    file = tmp_path / "hook.secret"
    file.write_text("whsec_" + base64.b64encode(secret).decode())
    file.chmod(0o600)
    port = hook.receiver.port
    return House(server, SETTINGS + f"""
[alerts.channels.here]
kind = "webhook"
url = "http://127.0.0.1:{port}/hook"
secret_files = ["{file}"]
allow_hosts = ["127.0.0.1"]
""")  # fmt: skip


def delivered(house):
    return house.events('action:="deliver alert" outcome:success')


def test_a_signed_message_arrives_once_for_each_alert_over_failures_and_kills(house, hook):
    house.server.start()
    wait_until(lambda: house.events('action:="change rules"'), "rules are used")
    house.send(cloudtrail(1))
    wait_until(lambda: hook.taken, "the receiver took it after it had failed")
    wait_until(lambda: delivered(house), "the ledger says so")
    [alert] = house.alerts()
    tries = hook.by_alert()[alert["id"]]
    assert len(tries) == 3
    assert len({headers["webhook-id"] for headers, _, _ in tries}) == 1
    assert len({body for _, body, _ in tries}) == 1, "the same bytes each time"
    assert all(hook.is_genuine(headers, body) for headers, body, _ in tries)
    told = tries[0][2]
    assert (told["type"], told["data"]["level"]) == ("alert.opened", "high")
    assert told["data"]["rule"] == KEY_MADE
    failed = house.events('action:="deliver alert" outcome:failure')
    assert len(failed) == 2
    assert "503" in failed[0]["reason"]
    for pid in house.server.children()["detector"]:
        os.kill(pid, signal.SIGKILL)
    house.send(cloudtrail(2, user="bob"), cloudtrail(3, user="bob"))
    wait_until(lambda: len(delivered(house)) >= 2, "what came after the kill is told")
    wait_until(lambda: len(house.alerts()) >= 2, "and an alert")
    counts = Counter(hook.taken)
    assert set(counts.values()) == {1}, "once for each key, over a kill"
    assert house.server.stop() == 0
    assert "Traceback" not in house.server.said()
    assert house.server.verified() == []


def test_the_outbox_is_shown_and_a_message_is_tried_again(house, hook):
    hook.refusals = 10**6
    house.server.start()
    house.send(cloudtrail(1))
    token = house.server.token("--user", "ann")

    def waiting():
        with house.server.client(token) as client:
            found = client.get("/v1/outbox").json()
        return found["messages"] if found["waiting"] and found["messages"][0]["attempts"] else []

    [message] = wait_until(waiting, "a message waits")
    assert message["channel"] == "here"
    assert "503" in message["reason"]

    def told():  # the detector says how it is every second or so
        with house.server.client(token) as client:
            detection = client.get("/v1/status").json()["detection"]
        return (detection["up"], detection["rules"], detection["outbox"]["waiting"]) == (True, 2, 1)

    wait_until(told, "the status says so")

    def again():  # it may just have been tried by itself
        with house.server.client(token) as client:
            answer = client.post("/v1/outbox/send-again", json={"ids": [message["id"]]})
        return answer.status_code == 200 or hook.taken

    hook.refusals = 0
    wait_until(again, "it is asked for")
    wait_until(lambda: hook.taken == [message["id"]], "it is tried again")
    assert house.server.stop() == 0


def test_a_look_that_a_kill_cut_off_is_told_by_the_next_server(house, hook):
    hook.refusals = 0
    server = house.server
    server.start()
    house.send(*(cloudtrail(number, second=number) for number in range(6)))
    token = server.token("--user", "ann")
    with server.client(token) as client:
        body = {"rule": "key_made", "days": 7}
        wait_until(lambda: client.get("/v1/rules/key_made").status_code == 200, "rules")
        begun = client.post("/v1/backtests", json=body)
        assert begun.status_code == 202, begun.text
    for pid in (server.process.pid, *server.alive()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait(60)
    server.start()
    [event] = wait_until(lambda: house.events("action:=backtest outcome:failure"), "its event")
    assert (event["actor.id"], event["endpoint"]) == ("ann", "api")
    assert event["reason"] == "cut off: the server ended"
    with server.client(token) as client:
        run = client.get(f"/v1/backtests/{begun.json()['id']}").json()
    assert (run["state"], run["error"]) == ("failed", "cut off: the server ended")
    assert server.stop() == 0
    assert server.verified() == []


def test_a_rule_is_looked_at_and_over_history(house, hook):
    """The list, one rule, and a look over history in its own process, over HTTP and by command."""
    hook.refusals = 0
    house.server.start()
    house.send(*(cloudtrail(number, second=number) for number in range(6)))
    wait_until(lambda: len(house.alerts()) == 2, "alerts")
    token = house.server.token("--user", "ann")
    with house.server.client(token) as client:
        by_id = {rule["id"]: rule for rule in client.get("/v1/rules").json()["rules"]}
        assert by_id[KEY_MADE]["alerts"] == 1
        assert by_id["whodid-clock-skew"]["kind"] == "built-in"
        one = client.get(f"/v1/rules/{KEY_MADE}").json()
        assert "eventName: CreateAccessKey" in one["text"]
        assert RULES.split("---")[1].strip() not in one["text"]
        key = {pair["field"]: pair["value"] for pair in house.alerts(rule=KEY_MADE)[0]["key"]}
        silenced = client.post("/v1/silences", json={
            "kind": "exclusion", "rule": KEY_MADE, "key": key, "reason": "a test",
        })  # fmt: skip
        assert silenced.status_code == 200, silenced.text
    env = {"WHODID_TOKEN": token}
    arguments = ("rules", "backtest", "key_made", "--url", house.server.url, "--since", "7d")
    run = json.loads(house.server.run(*arguments, "--json", **env).stdout)
    answer = run["answer"]
    assert (run["state"], answer["findings"], answer["events"]) == ("done", 6, 6)
    assert answer["excluded"] == answer["alerts"] > 0
    assert sum(day["alerts"] for day in answer["by_day"]) == answer["alerts"]
    assert "Key made" in house.server.run(*arguments, **env).stdout
    listed = house.server.run("rules", "list", "--url", house.server.url, **env).stdout
    assert "Burst of keys" in listed
    [event, *_] = house.events("action:=backtest outcome:success")
    assert (event["actor.id"], event["endpoint"]) == ("ann", "api")
    assert house.server.stop() == 0
    assert "Traceback" not in house.server.said()
