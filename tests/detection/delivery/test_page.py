"""What the how-to shows: its settings hold together, its receiver takes what we sign only."""

import re
import tomllib
from pathlib import Path

import msgspec

from whodid.config.settings import Settings
from whodid.detection.delivery.channels.standard_webhooks import read_secret, signed_headers
from whodid.detection.delivery.checking import faults_of

PAGE = Path(__file__).resolve().parents[3] / "docs/how-to/send-alerts.md"
SECRETS = ["whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "A" * 32]


def blocks(language):
    found = re.findall(
        rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert found
    return found


def test_its_settings_are_settings():
    document = tomllib.loads("\n".join(blocks("toml")))
    settings = msgspec.convert(document, Settings)
    assert list(faults_of(settings.alerts)) == []
    assert {"chat", "mail", "oncall", "tickets"} == settings.alerts.channels.keys()
    assert [route.escalate_to for route in settings.alerts.routes][-1] == ("mail",)


def test_its_receiver_takes_what_is_signed_now_with_a_key_that_it_has(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hook.secret").write_text("\n".join(SECRETS))
    [receiver] = blocks("python")
    names = {}
    exec(receiver.partition("class Handler")[0], names)
    is_genuine, now = names["is_genuine"], int(names["time"].time())
    body = b'{"type":"alert.opened"}'
    for secret in SECRETS:
        assert is_genuine(signed_headers([read_secret(secret)], "m", now, body), body)
    both = signed_headers([b"x" * 32, read_secret(SECRETS[1])], "m", now, body)
    assert is_genuine(both, body)
    assert not is_genuine(both, body + b" ")
    assert not is_genuine(both | {"webhook-id": "n"}, body)
    assert not is_genuine(signed_headers([b"x" * 32], "m", now, body), body)
    late = signed_headers([read_secret(SECRETS[0])], "m", now - 400, body)
    assert not is_genuine(late, body)
