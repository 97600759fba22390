"""`whodid alerts test-channel`, `outbox`, `send-again`."""

from delivery_kit import Bench, FakeChannel, Receiver, refusals, webhook
from whodid.detection.delivery.settings import AlertSettings
from whodid.ledger.opening import keys_of
from whodid.limits import DELIVERY_ATTEMPTS_MAX

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def write_settings(cli, url):
    path = cli.directory / "whodid.toml"
    path.write_text(
        '[server]\npublic_url = "https://who.example"\n'
        f'[alerts.channels.hook]\nkind = "webhook"\nurl = "{url}"\nsecret_envs = ["HOOK"]\n'
        'allow_hosts = ["127.0.0.1"]\n'
    )
    path.chmod(0o600)


def acts(cli):
    return [
        (e.what.action, e.what.resource_name, e.what.outcome, e.what.reason)
        for e in cli.events()
        if e.what.action in {"test channel", "list messages", "send again"}
    ]


def test_a_trial_arrives_and_is_recorded(cli):
    with Receiver() as receiver:
        write_settings(cli, receiver.url)
        said = cli("alerts", "test-channel", "hook", HOOK=SECRET).stdout
        assert "hook took the trial" in said
        assert receiver.json()["type"] == "channel.trial"
        said = cli("alerts", "test-channel", "nobody", rc=2, HOOK=SECRET).stderr
        assert "there is no channel 'nobody'; known: hook" in said
    assert acts(cli)[:2] == [
        ("test channel", "hook", "success", None), ("test channel", "nobody", "success", None)
    ]  # fmt: skip


def test_a_trial_that_nobody_takes_says_why_and_is_recorded(cli):
    def refuse(handler):
        handler.send_response(403, SECRET)
        handler.end_headers()

    with Receiver(refuse) as receiver:
        write_settings(cli, receiver.url)
        said = cli("alerts", "test-channel", "hook", rc=1, HOOK=SECRET).stderr
        assert said == "whodid: HTTP 403\n"
    assert acts(cli)[-1][2:] == ("denied", "HTTP 403")
    said = cli("alerts", "test-channel", "hook", rc=2).stderr
    assert "alerts.channels.hook: $HOOK has nothing in it" in said


def test_what_was_given_up_is_listed_and_sent_again(cli):
    assert cli("alerts", "outbox").stdout == "0 wait, 0 were given up\n"
    assert "no message 'x'" in cli("alerts", "send-again", "x", rc=2).stderr
    with cli.keys_here():
        keys = keys_of(cli.directory)
    settings = AlertSettings(channels={"hook": webhook()})
    bench = Bench(cli.directory, keys, settings)
    bench.changes.add(alert="a1")
    bench.changes.add(alert="a2", fingerprint="f\x1b[31m")
    bench.outbox.step()
    bench.channels["hook"].sent.clear()
    bench.changes.add(alert="a3")
    bench.channels["hook"].answers = refusals(DELIVERY_ATTEMPTS_MAX)
    bench.run(24 * 3600, 60)
    assert isinstance(bench.channels["hook"], FakeChannel)
    document = cli.json("alerts", "outbox")
    [dead] = document["given_up"]
    assert (dead["channel"], dead["alerts"], dead["reason"]) == ("hook", ["a3"], "HTTP 503")
    assert document["waiting"] == []
    table = cli("alerts", "outbox").stdout
    assert "0 wait, 1 were given up" in table
    assert dead["id"] in table
    assert "say --all" in cli("alerts", "send-again", rc=2).stderr
    assert "say --all" in cli("alerts", "send-again", "x", "--all", rc=2).stderr
    assert "1 will be tried again" in cli("alerts", "send-again", "--all").stdout
    bench.run(120, 1)
    assert [message.id for message in bench.channels["hook"].sent] == [dead["id"]]
    bench.outbox.close()
    assert ("send again", dead["id"], "success", None) in acts(cli)
    assert cli.json("alerts", "outbox")["given_up"] == []
