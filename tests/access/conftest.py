from dataclasses import dataclass

import pytest

from state_keys import KEYS
from whodid.access.doorkeeper import Doorkeeper
from whodid.access.password import Cost
from whodid.ledger.state_db import Source, StateDb

LIGHT = Cost(memory_kib=8, passes=1, lanes=1)


@dataclass
class FakeClock:
    now_us: int = 1_700_000_000_000_000

    def __call__(self):
        return self.now_us

    def pass_s(self, seconds):
        self.now_us += int(seconds * 1e6)


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def directory(tmp_path):
    db = StateDb(tmp_path, KEYS.doors)
    db.add_source(Source("nginx", b"n" * 16, "combined", "nginx"))
    db.add_source(Source("crm", b"c" * 16, "json", "crm"))
    db.add_source(Source("whodid", b"w" * 16, "json", "whodid"))
    db.close()
    return tmp_path


@pytest.fixture
def doorkeeper(directory, clock):
    return Doorkeeper(directory, KEYS, clock, LIGHT)


@pytest.fixture
def alice(doorkeeper):
    return doorkeeper.users.add("alice", "correct horse", "administrator")
