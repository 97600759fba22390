"""The channels: what a receiver gets, held against the libraries that receivers use."""

import base64
import json
import logging
import threading

import pytest
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from delivery_kit import START, Clock, FakeChanges, RawReceiver, Receiver, real_channel, smtp_talk
from whodid.detection.delivery.channels.channel import NotTakenError
from whodid.detection.delivery.channels.standard_webhooks import read_secret, signed_headers
from whodid.detection.delivery.message import Message
from whodid.detection.delivery.settings import AppriseChannel, PagerDutyChannel, WebhookChannel
from whodid.errors import UsageError

SECRETS = ["whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2)]
LOCAL = ("127.0.0.1",)
HOSTILE = (
    "<!channel> @everyone `x` [click](https://evil.example) \r\nSubject: x \u202e\x1b[31m www.evil"
)


def message(kind="opened", message_id="msg_1", **more):
    return Message(message_id, (FakeChanges(Clock()).add(kind, **more),))


# --- webhook -----------------------------------------------------------------------------------


def hook(receiver, *, secrets=SECRETS, clock=None, url="https://who.example", **more):
    environment = {f"S{n}": secret for n, secret in enumerate(secrets)}
    settings = WebhookChannel(
        url=receiver.url, secret_envs=tuple(environment), allow_hosts=LOCAL, **more
    )
    return real_channel(settings, environment=environment, url=url,
                        **({"clock": clock} if clock else {}))  # fmt: skip


def test_each_secret_verifies_a_request_and_another_does_not():
    with Receiver() as receiver:
        hook(receiver).send(message())
        _, headers, body = receiver.requests[0]
        for secret in SECRETS:
            assert Verifier(secret).verify(body, headers)["type"] == "alert.opened"
        with pytest.raises(WebhookVerificationError):
            Verifier("whsec_" + base64.b64encode(b"\x09" * 32).decode()).verify(body, headers)
        with pytest.raises(WebhookVerificationError):
            Verifier(SECRETS[0]).verify(body + b" ", headers)


@pytest.mark.parametrize("body", [b"", b"{}", '{"ü": "\u2028"}'.encode()])
def test_our_signature_is_theirs(body):
    from datetime import UTC, datetime

    when = datetime.fromtimestamp(1_700_000_000, UTC)
    headers = signed_headers([read_secret(SECRETS[0])], "msg_x", 1_700_000_000, body)
    assert headers["webhook-signature"] == Verifier(SECRETS[0]).sign("msg_x", when, body.decode())
    assert headers["webhook-timestamp"] == "1700000000"


def test_a_retry_has_the_same_id_and_body_and_a_new_timestamp():
    clock = Clock()
    with Receiver() as receiver:
        channel = hook(receiver, clock=clock)
        channel.send(message())
        clock.pass_(4000)
        channel.send(message())
        (_, first, body), (_, second, again) = receiver.requests
        assert first["webhook-id"] == second["webhook-id"] == "msg_1"
        assert body == again
        assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 4000


def test_what_a_webhook_says():
    with Receiver() as receiver:
        hook(receiver, content="why").send(message("closed", by="bob", reason="benign"))
        assert receiver.requests[0][0] == "/hook?x=1"
        assert receiver.json() == {
            "type": "alert.closed",
            "timestamp": "2026-11-25T09:46:40.000000Z",
            "data": {
                "alert": "a1", "fingerprint": "f-a1", "level": "high", "rule": "r1",
                "title": "Guessed words", "count": 12, "first": "2026-11-25T08:46:40Z",
                "last": "2026-11-25T09:45:40Z", "by": "bob",
                "key": {"actor": "alice@example.com"}, "reason": "benign",
                "why": "12 failures, then success", "url": "https://who.example/alerts/a1",
            },
        }  # fmt: skip


@pytest.mark.parametrize(
    ("content", "there", "absent"),
    [("none", [], ["alice", "12 failures"]), ("key", ["alice"], ["12 failures"]),
     ("why", ["alice", "12 failures"], [])],
)  # fmt: skip
def test_content_is_what_the_settings_allow(content, there, absent):
    with Receiver() as receiver:
        hook(receiver, content=content).send(message())
        body = receiver.requests[0][2].decode()
    assert all(word in body for word in there)
    assert not any(word in body for word in absent)


def test_a_trial_and_a_beat_are_marked():
    with Receiver() as receiver:
        channel = hook(receiver)
        channel.send(Message("t", trial=True))
        channel.send(Message("b", heartbeat=True))
        assert [receiver.json(n)["type"] for n in (0, 1)] == ["channel.trial", "detector.alive"]


@pytest.mark.parametrize("secret", ["", "abc", "whsec_", "whsec_!!!!", "whsec_" + "QUJD", "wsec_x"])
def test_secrets_that_are_none_are_refused_and_not_repeated(secret):
    with pytest.raises(UsageError) as caught:
        read_secret(secret)
    assert "QUJD" not in str(caught.value)


# --- PagerDuty ---------------------------------------------------------------------------------


def pager(receiver, **more):
    return real_channel(
        PagerDutyChannel(key_env="K", url=receiver.url, allow_hosts=LOCAL, **more),
        environment={"K": "R0UT1NG"}, url="https://who.example/",
    )  # fmt: skip


def test_an_incident_opens_is_acknowledged_and_resolved_under_one_key():
    with Receiver() as receiver:
        channel = pager(receiver)
        for kind in ("opened", "repeated", "escalated", "acknowledged", "closed"):
            channel.send(message(kind))
        events = [receiver.json(n) for n in range(5)]
    assert [e["event_action"] for e in events] == [
        "trigger", "trigger", "trigger", "acknowledge", "resolve"
    ]  # fmt: skip
    assert {e["dedup_key"] for e in events} == {"f-a1"}
    assert {e["routing_key"] for e in events} == {"R0UT1NG"}
    payload = events[0]["payload"]
    assert payload["severity"] == "error"
    assert payload["summary"] == "[high] Guessed words"
    assert payload["source"] == "https://who.example/"
    assert payload["custom_details"]["key"] == {"actor": "alice@example.com"}
    assert events[0]["links"][0]["href"] == "https://who.example/alerts/a1"
    assert "payload" not in events[3]


@pytest.mark.parametrize(
    ("level", "severity"),
    [("critical", "critical"), ("high", "error"), ("medium", "warning"), ("low", "info"),
     ("informational", "info")],
)  # fmt: skip
def test_levels_become_severities(level, severity):
    with Receiver() as receiver:
        pager(receiver).send(message(level=level))
        assert receiver.json()["payload"]["severity"] == severity


def test_a_trial_opens_an_incident_and_resolves_it():
    with Receiver() as receiver:
        pager(receiver).send(Message("t1", trial=True))
        first, second = receiver.json(0), receiver.json(1)
    assert (first["event_action"], second["event_action"]) == ("trigger", "resolve")
    assert first["payload"]["summary"].startswith("[trial]")
    assert first["dedup_key"] == second["dedup_key"] == "t1"


def test_pagerduty_is_asked_at_its_own_address():
    from whodid.detection.delivery.channels.pagerduty import ADDRESSES

    assert ADDRESSES["us"] == "https://events.pagerduty.com/v2/enqueue"
    assert ADDRESSES["eu"] == "https://events.eu.pagerduty.com/v2/enqueue"


# --- apprise -----------------------------------------------------------------------------------


@pytest.fixture
def apprise():
    made = []

    def make(address, *, allow=LOCAL, **more):
        settings = {"timeout_seconds": 60.0, **more}  # the first message loads apprise
        made.append(
            real_channel(
                AppriseChannel(address_env="A", allow_hosts=allow, **settings),
                environment={"A": address}, url="https://who.example",
            )
        )  # fmt: skip
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_chat_gets_one_short_message(apprise):
    with Receiver() as receiver:
        changes = FakeChanges(Clock())
        told = Message("m", (changes.add(), changes.add(alert="a2", level="low")), more=3)
        apprise(f"json://127.0.0.1:{receiver.port}/", content="why").send(told)
        said = receiver.json()
    assert said["title"] == "[high] 5 of Guessed words"
    assert said["type"] == "failure"
    lines = said["message"].splitlines()
    assert lines[:5] == [
        "Guessed words (high, rule r1)",
        "12 events, 2026-11-25T08:46:40Z to 2026-11-25T09:45:40Z",
        "actor: alice@example.com",
        "12 failures, then success",
        "https://who.example/alerts/a1",
    ]
    assert lines[-1] == "and 3 more: https://who.example/alerts"


def test_mail_is_sent_and_its_head_cannot_be_written_by_an_event(apprise):
    mails = []
    with RawReceiver(smtp_talk(mails)) as server:
        address = f"mailto://127.0.0.1:{server.port}?from=who@a.example&to=ops@b.example"
        apprise(f"{address}&mode=insecure&format=text").send(
            message(title=HOSTILE, key=(("actor", HOSTILE),))
        )
    [mail] = mails
    head, _, body = mail.partition("\r\n\r\n")
    assert "ops@b.example" in head
    assert head.lower().count("\nsubject:") == 1
    assert "evil.example" not in head.split("Subject:")[0]
    assert "https://evil" not in mail
    assert "\x1b" not in mail
    assert body


@pytest.mark.parametrize(
    ("address", "allow"),
    [
        ("json://127.0.0.1:{port}/", ()),
        ("json://localhost:{port}/", ("10.0.0.1",)),
        ("mailto://127.0.0.1:{port}?from=a@a.example&to=b@b.example&mode=insecure", ()),
        ("json://[::1]:{port}/", ()),
    ],
)
def test_apprise_reaches_no_local_address_that_is_not_named(apprise, address, allow):
    with RawReceiver(lambda _c: None) as receiver:
        with pytest.raises(NotTakenError, match="allow_hosts"):
            apprise(address.format(port=receiver.port), allow=allow).send(message())
        assert receiver.taken == 0


def test_apprise_follows_no_redirect(apprise):
    def redirect(handler):
        handler.send_response(307)
        handler.send_header("location", f"http://127.0.0.1:{target.port}/")
        handler.send_header("content-length", "0")
        handler.end_headers()

    with Receiver() as target, Receiver(redirect) as receiver:
        with pytest.raises(NotTakenError, match="HTTP 307"):
            apprise(f"json://127.0.0.1:{receiver.port}/").send(message())
        assert target.requests == []


def test_a_refusal_of_apprise_tells_a_number_and_no_secret(apprise, caplog):
    def refuse(handler):
        handler.send_response(403, "T0PSECRET")
        handler.send_header("content-length", "9")
        handler.end_headers()
        handler.wfile.write(b"T0PSECRET")

    caplog.set_level(logging.DEBUG)
    with Receiver(refuse) as receiver, pytest.raises(NotTakenError) as caught:
        apprise(f"json://user:T0PSECRET@127.0.0.1:{receiver.port}/").send(message())
    assert str(caught.value) == "HTTP 403"
    assert "T0PSECRET" not in caplog.text


def test_an_address_that_apprise_does_not_know_is_said_without_it(apprise):
    with pytest.raises(NotTakenError, match="does not know this address") as caught:
        apprise("nonsense://T0PSECRET").send(message())
    assert "T0PSECRET" not in str(caught.value)


def test_a_receiver_that_drips_is_left_at_the_deadline_and_the_next_message_arrives(apprise):
    release = threading.Event()

    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        if len(receiver.requests) == 2:
            while not release.wait(0.05):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        handler.close_connection = True

    with Receiver(drip) as receiver:
        channel = apprise(f"json://127.0.0.1:{receiver.port}/")
        channel.send(message())  # its process has begun; that may take a while
        channel._timeout_s = 5.0  # in which it has reached the receiver
        with pytest.raises(NotTakenError, match="no end within 5 s"):
            channel.send(message())
        release.set()
        channel._timeout_s = 60.0
        channel.send(message())
        assert len(receiver.requests) == 3


def test_an_answer_that_fills_memory_ends_that_process_only(apprise):
    def flood(handler):
        handler.send_response(200)
        handler.end_headers()
        for _ in range(4000):
            handler.wfile.write(b"x" * 1_000_000)
        handler.close_connection = True

    with Receiver(flood) as receiver, pytest.raises(NotTakenError):
        apprise(f"json://127.0.0.1:{receiver.port}/").send(message())


def test_the_process_is_started_once_and_again_after_it_was_killed(apprise):
    with Receiver() as receiver:
        channel = apprise(f"json://127.0.0.1:{receiver.port}/")
        channel.send(message())
        process = channel._child
        channel.send(message())
        assert channel._child is process
        process.kill()
        process.wait()
        channel.send(message())
        assert channel._child is not process
        assert len(receiver.requests) == 3


# --- text --------------------------------------------------------------------------------------


def test_hostile_text_is_one_harmless_line():
    from whodid.detection.delivery.text import clean

    said = clean(HOSTILE)
    assert "\n" not in said
    assert "\r" not in said
    assert said.isprintable()
    for part in ("https://", "<", ">", "`", "@everyone", "](", "www.evil"):
        assert part not in said
    assert clean("alice@example.com") == "alice@example.com"
    assert clean("x" * 10_000)[-1] == "…"
    assert len(clean("x" * 10_000)) == 200


def test_a_long_message_says_what_it_leaves_out():
    from whodid.detection.delivery.text import Writer

    changes = FakeChanges(Clock())
    many = Message("m", tuple(changes.add(alert=f"a{n}", why="y" * 1000) for n in range(20)))
    body = Writer("why", "").body(many)
    assert len(body) < 4000
    shown = body.count("Guessed words")
    assert f"and {20 - shown} more" in body


# --- settings and secrets ----------------------------------------------------------------------


def test_secrets_come_from_files_for_the_owner_only(tmp_path):
    path = tmp_path / "key"
    path.write_text("R0UT1NG\n")
    path.chmod(0o604)
    with pytest.raises(UsageError, match="chmod o-rwx") as caught:
        real_channel(PagerDutyChannel(key_file=str(path)))
    assert "alerts.channels.it: " in str(caught.value)
    path.chmod(0o600)
    channel = real_channel(PagerDutyChannel(key_file=str(path)))
    assert "R0UT1NG" not in repr(vars(channel)["_writer"])
    path.write_text("two\nlines\n")
    with pytest.raises(UsageError, match="more than one line"):
        real_channel(PagerDutyChannel(key_file=str(path)))
    path.write_text("")
    with pytest.raises(UsageError, match="nothing in it"):
        real_channel(PagerDutyChannel(key_file=str(path)))
    path.write_bytes(b"x" * 5000)
    with pytest.raises(UsageError, match="longer than a secret"):
        real_channel(PagerDutyChannel(key_file=str(path)))
    with pytest.raises(UsageError, match="cannot be read"):
        real_channel(PagerDutyChannel(key_file=str(tmp_path / "missing")))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (PagerDutyChannel(), "say one of key_file and key_env"),
        (PagerDutyChannel(key_file="a", key_env="b"), "say one of"),
        (AppriseChannel(address_env="NOT_SET"), r"\$NOT_SET has nothing in it"),
        (WebhookChannel(url="https://x.example/"), "name its secrets"),
        (WebhookChannel(secret_envs=("S",)), "say one of url_file and url_env"),
        (WebhookChannel(url="https://x/", url_env="U", secret_envs=("S",)), "say one of url"),
        (WebhookChannel(url="http://x.example/", secret_envs=("S",)), "plain http"),
    ],
)
def test_settings_that_cannot_work_are_said(settings, said):
    with pytest.raises(UsageError, match=said):
        real_channel(settings, environment={"S": SECRETS[0], "U": "https://x/"})


def test_messages_are_json_that_others_read():
    with Receiver() as receiver:
        hook(receiver).send(message(title=HOSTILE, key=(("actor", HOSTILE),)))
        assert json.loads(receiver.requests[0][2])["data"]["key"]["actor"] == HOSTILE
    assert START
