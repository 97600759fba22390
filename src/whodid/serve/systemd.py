"""`sd_notify` (systemd's sd_notify(3)): READY, RELOADING, STOPPING, STATUS, WATCHDOG.

Datagrams to the socket in NOTIFY_SOCKET; without it nothing happens. No library is needed.
"""

import contextlib
import os
import socket
import time
from collections.abc import Mapping

_US = 1_000_000


class Notify:
    """Tells the service manager; a manager that does not listen is no fault of ours."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._every_s = _watchdog_s(environment)
        self._told_s = 0.0

    def ready(self, status: str) -> None:
        """Say that the server is up (again, after `reloading`)."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def reloading(self) -> None:
        """Say that settings are read again; `ready` ends it."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the server ends."""
        self._send("STOPPING=1")

    def status(self, text: str) -> None:
        """Say how the server is, in a line for people."""
        self._send(f"STATUS={_line(text)}")

    def alive(self) -> None:
        """Feed the watchdog when that is due."""
        now = time.monotonic()
        if self._every_s and now - self._told_s >= self._every_s:
            self._told_s = now
            self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender,
        ):
            sender.settimeout(1)
            sender.sendto(text.encode(), self._address)


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """Return half of what the manager waits for; 0 when it has no watchdog on this process."""
    try:
        if int(environment.get("WATCHDOG_PID", os.getpid())) != os.getpid():
            return 0.0
        return int(environment.get("WATCHDOG_USEC", "0")) / _US / 2
    except ValueError:
        return 0.0


def _line(text: str) -> str:
    return " ".join(text.split())
