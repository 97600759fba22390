"""Token buckets in a file: exact, shared by processes, bounded whatever keys come."""

import fcntl
import os
import subprocess
import sys
import time

import pytest

from whodid.serve import shared_rates
from whodid.serve.shared_rates import NEAR, SLOTS, SharedRate, SharedRates

AGAIN = """
import sys
from pathlib import Path
from whodid.serve import shared_rates
from whodid.serve.shared_rates import SharedRates
shared_rates._LOCK_S = 60.0  # who holds it may be put aside for long on a busy machine
rates = SharedRates(Path(sys.argv[1]), lambda: 1000.0)
print(sum(not rates.take("k", "one", 1, 1, 500) for _ in range(400)))
"""


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_a_burst_then_the_rate(tmp_path):
    clock = Clock()
    rate = SharedRate(SharedRates(tmp_path, clock), "events", 10, 5)
    assert [rate.take("crm", 1) for _ in range(5)] == [0.0] * 5
    assert rate.take("crm", 1) == pytest.approx(0.1)
    assert rate.take("other", 1) == 0.0, "keys do not share"
    clock.now += 0.1
    assert rate.take("crm", 0) == 0.0, "asking takes nothing"
    assert rate.take("crm", 1) == 0.0
    assert rate.take("crm", 1) > 0


def test_who_took_more_owes_and_the_debt_has_an_end(tmp_path):
    clock = Clock()
    rate = SharedRate(SharedRates(tmp_path, clock), "events", 10, 50)
    assert rate.take("crm", 10_000) == 0.0
    assert rate.take("crm", 0) == pytest.approx(5.1)
    clock.now += 5.1
    assert rate.take("crm", 0) == 0.0


def test_a_clock_that_goes_back_gives_nothing(tmp_path):
    clock = Clock()
    rate = SharedRate(SharedRates(tmp_path, clock), "events", 1, 1)
    rate.take("crm", 1)
    clock.now -= 500
    assert rate.take("crm", 1) == 1.0
    clock.now += 500
    assert rate.take("crm", 1) == 1.0
    clock.now += 1
    assert rate.take("crm", 1) == 0.0


def test_it_can_be_turned_off_and_on(tmp_path):
    rate = SharedRate(SharedRates(tmp_path, Clock()), "events", 0, 1)
    assert not any(rate.take("crm", 1) for _ in range(100))
    rate.use(1, 1)
    assert [bool(rate.take("crm", 1)) for _ in range(3)] == [False, True, True]


def test_processes_share_a_bucket_and_a_new_one_remembers(tmp_path):
    command = [sys.executable, "-c", AGAIN, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    taken = sum(int(process.communicate(timeout=120)[0]) for process in running)
    assert taken == 500


def test_a_door_that_met_the_file_while_it_was_made_forgets_nothing(tmp_path, monkeypatch):
    rates = SharedRates(tmp_path, Clock())
    assert rates.take("k", "one", 1, 1, 1) == 0.0
    real, looks = os.fstat, []

    def empty_at_first(fd):
        looks.append(fd)
        return os.stat(os.devnull) if len(looks) == 1 else real(fd)

    monkeypatch.setattr(shared_rates.os, "fstat", empty_at_first)
    assert SharedRates(tmp_path, Clock()).take("k", "one", 1, 1, 1) > 0
    assert rates.take("k", "one", 1, 1, 1) > 0


def test_a_door_that_is_stopped_with_the_lock_holds_nobody(tmp_path):
    rates = SharedRates(tmp_path, Clock())
    other = os.open(tmp_path / "run" / "rates", os.O_RDWR)
    fcntl.flock(other, fcntl.LOCK_EX)
    began = time.monotonic()
    assert rates.take("k", "one", 1, 1, 1) == 0.0
    assert rates.take("k", "one", 1, 1, 1) == 1.0
    assert time.monotonic() - began < 30
    os.close(other)


def test_without_the_file_nothing_is_limited():
    rate = SharedRate(None, "events", 1, 1)
    assert not any(rate.take("crm", 1) for _ in range(10))


def test_strangers_cannot_make_it_grow(tmp_path):
    rates = SharedRates(tmp_path, Clock())
    file = tmp_path / "run" / "rates"
    size = file.stat().st_size
    for number in range(5000):
        assert rates.take("k", f"192.0.2.{number}", 1, 1, 1) == 0.0
    assert file.stat().st_size == size == SLOTS * 32
    assert file.stat().st_mode & 0o077 == 0
    assert NEAR < SLOTS
    rates.close()
