"""An outbox over fakes, with keys of its own."""

import pytest

from delivery_kit import Bench, chat, webhook
from whodid.detection.delivery.settings import AlertSettings
from whodid.ledger.keys import KeyFolder


@pytest.fixture
def keys(tmp_path):
    return KeyFolder.create(b"\x07" * 16, "test.example/x", tmp_path / "keys")


@pytest.fixture
def bench(tmp_path, keys):
    made = []

    def make(settings=None, **more):
        settings = settings or AlertSettings(channels={"hook": webhook()})
        made.append(Bench(tmp_path, keys, settings, **more))
        return made[-1]

    yield make
    for one in made:
        one.outbox.close()


@pytest.fixture
def chat_settings():
    return AlertSettings(channels={"chat": chat()})
