"""What the service manager is told."""

import os
import signal
import socket

import pytest

from running_server import wait_until
from whodid.serve import systemd
from whodid.serve.systemd import Notify


@pytest.fixture
def manager(tmp_path):
    """A socket as systemd has it; `heard()` returns what came since."""
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    path = tmp_path / "notify"
    receiver.bind(str(path))
    receiver.setblocking(False)

    def heard():
        found = []
        while True:
            try:
                found += receiver.recv(4096).decode().split("\n")
            except BlockingIOError:
                return found

    heard.path = str(path)
    yield heard
    receiver.close()


def test_words(manager):
    notify = Notify({"NOTIFY_SOCKET": manager.path})
    notify.ready("serves\nx")
    assert manager() == ["READY=1", "STATUS=serves x"]
    notify.reloading()
    [reloading, since] = manager()
    assert (reloading, since[:15]) == ("RELOADING=1", "MONOTONIC_USEC=")
    notify.stopping()
    notify.alive()
    assert manager() == ["STOPPING=1"], "without WATCHDOG_USEC there is no watchdog"


def test_the_watchdog_is_fed_twice_in_its_time(manager, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(systemd.time, "monotonic", lambda: now[0])
    given = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "10000000"}
    notify = Notify(given)
    for _ in range(11):
        notify.alive()
        now[0] += 1
    assert manager() == ["WATCHDOG=1"] * 3
    for other in ({"WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "soon"}):
        Notify({**given, **other}).alive()
    assert manager() == []


@pytest.mark.parametrize("path", ["", "/nowhere/at/all", "@nobody-listens-here"])
def test_nobody_there_is_no_fault(path):
    Notify({"NOTIFY_SOCKET": path} if path else {}).ready("x")


def test_a_server_tells_its_life(server, manager):
    server.env["NOTIFY_SOCKET"] = manager.path
    server.env["WATCHDOG_USEC"] = "200000"
    server.start("--doors", "1")
    heard = []

    def has(word):
        heard.extend(manager())
        return word in heard

    wait_until(lambda: has("READY=1"), "it is ready")
    wait_until(lambda: has("WATCHDOG=1"), "the watchdog is fed")
    heard.clear()
    os.kill(server.process.pid, signal.SIGHUP)
    wait_until(lambda: has("RELOADING=1") and has("READY=1"), "it read its settings again")
    server.process.terminate()
    wait_until(lambda: has("STOPPING=1"), "it ends")  # what nobody hears for long is lost
    assert server.process.wait(120) == 0
