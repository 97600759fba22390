"""When the detector looks whether the ledger and its sources are sound."""

import pytest

from whodid.config.settings import Settings
from whodid.errors import RefusedError
from whodid.ledger.opening import init_ledger
from whodid.limits import DETECTION_SELF_S
from whodid.serve import detector_process


class Looks:
    """Finds one fault when the report changed, and the same in each look at all of it."""

    def __init__(self):
        self.report = ["fault"]

    def faults(self):
        found, self.report = self.report, []
        return found

    def findings(self):
        return ["fault"]


class Alerts:
    def __init__(self):
        self.refuses = False
        self.taken = []

    def take(self, findings):
        if self.refuses:
            raise RefusedError("the disk is full")
        self.taken += findings


@pytest.fixture
def now(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(detector_process.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def process(tmp_path, monkeypatch, now):
    monkeypatch.setenv("WHODID_KEYS", str(tmp_path / "keys"))
    keys = init_ledger(tmp_path / "ledger", origin="test.example/whodid/detector")
    process = detector_process._Process(tmp_path / "ledger", keys, Settings())
    process._watch = Looks()
    return process


def test_all_is_looked_at_every_few_minutes(process, now):
    alerts = Alerts()
    for _ in range(int(DETECTION_SELF_S)):
        process._watch_self(alerts)
        now[0] += 1
    assert alerts.taken == ["fault", "fault"]
    process._watch_self(alerts)
    assert alerts.taken == ["fault"] * 3


@pytest.mark.parametrize("at", ["the first look", "a later one"])
def test_what_was_not_taken_is_found_again_soon(process, now, at):
    alerts = Alerts()
    if at == "a later one":
        process._watch_self(alerts)
        alerts.taken.clear()
        process._watch.report = ["fault"]
        now[0] += 5
    alerts.refuses = True
    process._watch_self(alerts)
    alerts.refuses = False
    for _ in range(11):
        now[0] += 1
        process._watch_self(alerts)
    assert alerts.taken == ["fault"]
