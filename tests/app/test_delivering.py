"""Delivery put together: its events in a ledger, its thread, its process killed at any moment."""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from alert_kit import finding, head
from chance import SEED
from delivery_kit import FakeChanges, Receiver
from whodid.app.alerting import open_alerts
from whodid.app.answer import Caller
from whodid.app.delivering import Delivery, OwnTold, try_channel
from whodid.app.own import OwnEvents
from whodid.app.reading import LedgerReading
from whodid.clock import system_clock
from whodid.detection.delivery.change import Attempt
from whodid.detection.delivery.settings import AlertSettings, WebhookChannel
from whodid.errors import RefusedError, UsageError
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.reader import LedgerReader
from whodid.query.parse import parse
from whodid.query.rights import EVERYTHING, Rights

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def own(keys, port):
    builder = BatchBuilder(keys.ledger_id, keys.public_kek())
    return OwnEvents(port, builder, keys.identity_root(), system_clock)


@pytest.fixture
def events(directory, keys):
    def events():
        reader = LedgerReader(directory, keys)
        try:
            found = [row.event() for row in reader.rows(0, reader.refresh())]
        finally:
            reader.close()
        return [event for event in found if event is not None]

    return events


def hook(receiver, monkeypatch, **more):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    channel = WebhookChannel(
        url=receiver.url, secret_envs=("HOOK_SECRET",), allow_hosts=("127.0.0.1",)
    )
    return AlertSettings(channels={"hook": channel}, **more)


def until(holds, seconds=120):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


def test_tries_are_events_each_once(own, events):
    told = OwnTold(own)
    sent = Attempt("delivery m 2 sent", "m", "chat", 2, "sent", 0, ("a1",))
    given_up = Attempt(
        "delivery n 24 given up", "n", "chat", 24, "given up", 0, ("a2",), "HTTP 503"
    )
    for _ in range(2):
        told.attempt(sent)
        told.attempt(given_up)
        told.heartbeat("chat", ok=False, since_us=5, reason="HTTP 500")
        told.lost("chat", 7, 5)
    found = [
        (e.what.resource_parent, e.what.action, e.what.resource_name, e.what.outcome, e.what.reason)
        for e in events()
        if e.who.actor_id == "outbox"
    ]
    assert found == [
        ("chat", "deliver alert", "m", "success", "attempt 2"),
        ("chat", "give up alert", "n", "failure", "attempt 24: HTTP 503"),
        (None, "heartbeat", "chat", "failure", "HTTP 500"),
        (None, "outbox full", "chat", "failure",
         "7 messages were left out since the server started"),
    ]  # fmt: skip


def test_who_may_not_see_all_events_learns_of_no_alert_by_its_delivery(
    directory, keys, port, own, clock
):
    OwnTold(own).attempt(Attempt("delivery m 1 sent", "m", "chat", 1, "sent", 0, ("a1", "a2")))
    reading = LedgerReading(directory, keys, port, clock)
    some = Rights(parse("-resource:payroll").filter, content=True)
    try:
        for rights, count in ((EVERYTHING, 1), (some, 0)):
            caller = Caller("rita", "web", rights=rights)
            for text in ('action:"deliver alert"', "correlation:a1", "resource:a2"):
                assert len(reading.search(caller, text + " service:whodid").events) == count
        [hit] = reading.search(
            Caller("x", "web", rights=EVERYTHING), "resource:m service:whodid"
        ).events
        assert hit.event.context.correlation == "a1"
    finally:
        reading._reader.close()


def test_the_thread_delivers_takes_new_settings_and_ends(directory, keys, own, events, monkeypatch):
    changes = FakeChanges(system_clock)
    with Receiver() as receiver, Receiver() as other:
        delivery = Delivery(
            directory, keys, own, lambda: changes, hook(receiver, monkeypatch,
            heartbeat_channels=("hook",)), "https://who.example",
        )  # fmt: skip
        delivery.alive()  # before it began: nobody minds
        delivery.start()
        changes.add()
        until(lambda: receiver.requests)
        assert receiver.json()["data"]["url"] == "https://who.example/alerts/a1"
        delivery.alive()
        until(lambda: len(receiver.requests) == 2)
        assert receiver.json()["type"] == "detector.alive"
        delivery.use(hook(other, monkeypatch), "")
        changes.add(alert="a2")
        until(lambda: other.requests)
        assert "url" not in other.json()["data"]
        until(lambda: [e.what.action for e in events()].count("deliver alert") == 2)
        names = {metric.name for metric in delivery.metrics()}
        assert "whodid_alert_messages_waiting" in names
        delivery.stop()
        assert not delivery._thread.is_alive()
        changes.add(alert="a3")
        assert len(other.requests) == 1


def test_an_outbox_that_cannot_be_opened_or_fails_is_begun_again(
    directory, keys, own, monkeypatch, caplog
):
    from whodid.app import delivering

    monkeypatch.setattr(delivering, "_AGAIN_S", 0.01)
    path = directory / "outbox.db"
    path.write_bytes(b"x" * 5000)
    changes = FakeChanges(system_clock)
    changes.add()
    changes.fails = ZeroDivisionError("a fault of ours")
    with Receiver() as receiver:
        delivery = Delivery(directory, keys, own, lambda: changes, hook(receiver, monkeypatch), "")
        delivery.start()
        until(lambda: "delete it while nothing runs" in caplog.text)
        assert delivery.metrics() == []
        path.unlink()
        until(lambda: "delivery failed and is begun again" in caplog.text)
        changes.fails = None
        until(lambda: receiver.requests)
        delivery.stop()


def test_a_trial_goes_to_the_named_channel_only(monkeypatch):
    with Receiver() as receiver:
        settings = hook(receiver, monkeypatch)
        try_channel("hook", settings, "")
        assert receiver.json()["type"] == "channel.trial"
        with pytest.raises(UsageError, match="no channel 'other'; known: hook"):
            try_channel("other", settings, "")


def test_a_ledger_that_refuses_keeps_the_event_for_later(own, monkeypatch):
    def refuse(*_):
        raise RefusedError("the disk is full")

    monkeypatch.setattr(own._port, "submit", refuse)
    with pytest.raises(RefusedError):
        OwnTold(own).attempt(Attempt("x", "m", "c", 1, "sent", 0, ("a",)))


SENDING = """
    import sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from delivery_kit import FakeChanges, FakeTold, real_channel
    from whodid.clock import system_clock
    from whodid.detection.delivery.outbox import Outbox
    from whodid.detection.delivery.settings import AlertSettings, WebhookChannel
    from whodid.ledger.opening import keys_of

    directory, port, count = Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    hook = WebhookChannel(url=f"http://127.0.0.1:{port}/", secret_envs=("S",),
                          allow_hosts=("127.0.0.1",))
    settings = AlertSettings(channels={"hook": hook})
    changes = FakeChanges(system_clock)
    for number in range(count):
        changes.add("opened" if number % 2 == 0 else "closed", alert=f"a{number // 2}")
    outbox = Outbox(directory, keys_of(directory), settings, changes=changes, told=FakeTold(),
                    make=lambda name, s: real_channel(hook, environment={"S": sys.argv[5]}),
                    clock=system_clock, random=lambda: 0.5)
    print("ready", flush=True)
    while True:
        outbox.step()
        waits = outbox.standing()["hook"].waiting
        if not waits:
            print("done", flush=True)
            break
"""


@pytest.mark.slow
def test_killed_again_and_again_every_message_arrives_in_order_with_one_body(
    directory, keys, tmp_path
):
    chance = random.Random(SEED)
    count = 60
    script = tmp_path / "sending.py"
    script.write_text(textwrap.dedent(SENDING))
    kit = os.path.dirname(__import__("delivery_kit").__file__)

    def slowly(handler):
        time.sleep(chance.random() * 0.02)
        handler.send_response(204)
        handler.end_headers()

    with Receiver(slowly) as receiver:
        kills = 0
        for _ in range(200):
            child = subprocess.Popen(
                [sys.executable, script, kit, directory, str(receiver.port), str(count), SECRET],
                stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            assert child.stdout.readline() == "ready\n"
            try:
                assert child.wait(0.02 + chance.random() * 0.5) == 0
                break
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                child.wait()
                kills += 1
            finally:
                child.stdout.close()
        else:
            pytest.fail("it came to no end")
        bodies, order = {}, []
        for _, headers, body in receiver.requests:
            assert bodies.setdefault(headers["webhook-id"], body) == body
            said = json.loads(body)
            order.append((said["data"]["alert"], said["type"]))
    assert kills > 0
    assert len(bodies) == count
    for number in range(count // 2):
        mine = [kind for alert, kind in order if alert == f"a{number}"]
        first_close = mine.index("alert.closed")
        assert "alert.opened" in mine[:first_close]
        assert "alert.opened" not in mine[first_close:]


def test_an_alert_of_the_ledger_reaches_its_receiver(directory, keys, port, own, monkeypatch):
    alerts = open_alerts(directory, keys, port, system_clock)
    alerts.take([finding(head("burst", "high"))])
    with Receiver() as receiver:
        settings = hook(receiver, monkeypatch)
        delivery = Delivery(
            directory, keys, own, lambda: open_alerts(directory, keys, port, system_clock),
            settings, "https://w.example",
        )  # fmt: skip
        delivery.start()
        until(lambda: receiver.requests)
        delivery.stop()
        said = receiver.json()
        assert said["type"] == "alert.opened"
        assert said["data"]["rule"] == "burst"
        assert said["data"]["key"] == {"actor": "alice"}
        assert said["data"]["url"] == f"https://w.example/alerts/{said['data']['alert']}"
