import pytest

from whodid.app.intake import LedgerIntake
from whodid.app.rows import RowMaker
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.local import LocalSequencer
from whodid.ledger.opening import Settings, init_ledger, open_ledger

NOW_US = 1_795_000_000_000_000


class TickingClock:
    """A clock that a test moves; every reading is one µs later."""

    def __init__(self, now_us=NOW_US):
        self.now_us = now_us

    def __call__(self):
        self.now_us += 1
        return self.now_us


@pytest.fixture
def clock():
    return TickingClock()


@pytest.fixture
def keys(tmp_path, monkeypatch, clock):
    monkeypatch.setenv("WHODID_KEYS", str(tmp_path / "keys"))
    return init_ledger(tmp_path / "ledger", origin="test.example/whodid/app", clock=clock)


@pytest.fixture
def directory(tmp_path, keys):
    return tmp_path / "ledger"


@pytest.fixture
def port(directory, clock):
    settings = Settings(wal_file_bytes=1 << 20, free_bytes_min=0)
    port = LocalSequencer(*open_ledger(directory, clock=clock, settings=settings))
    yield port
    port.close()


@pytest.fixture
def intake(keys, port):
    """What takes deliveries in, as behind a door."""
    maker = RowMaker(keys.identity_root(), port.sources)
    return LedgerIntake(maker, BatchBuilder(keys.ledger_id, keys.public_kek()), port)
