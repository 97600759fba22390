"""The supervisor: starts the processes, restarts what ends, ends them in order.

It opens the public port itself and hands the listening socket to the doors, so that a restarted
door loses no connection that waits.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from msgspec import Struct

from whodid.errors import UsageError
from whodid.ledger.layout import SOCKET
from whodid.serve.process import CANNOT_START
from whodid.serve.server_lock import ServerLock

DOORS = 2
_STOP_ORDER = (("door", "faces"), ("follower",), ("sequencer",))
"""Doors and faces together: a door waits for the live tails, which only the faces end."""

_STOP_WAIT_S = 10.0
_BACKOFF_S = 0.2
_BACKOFF_MAX_S = 30.0


class _Child(Struct):
    name: str
    arguments: list[str]
    fds: tuple[int, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None
    born_s: float = 0.0
    backoff_s: float = _BACKOFF_S
    again_s: float = 0.0


class Supervisor:
    """Runs the server of one ledger. `run` returns after SIGTERM or SIGINT."""

    def __init__(self, directory: Path, host: str, port: int, doors: int = DOORS) -> None:
        self._directory = directory
        self.listener = listen_on(host, port)
        self.port: int = self.listener.getsockname()[1]
        fd = self.listener.fileno()
        self._children = [
            _Child("sequencer", ["sequencer"]),
            _Child("follower", ["follower"]),
            _Child("faces", ["faces"]),
            *(_Child("door", ["door", "--fd", str(fd)], (fd,)) for _ in range(doors)),
        ]
        self._stopping = threading.Event()
        self._lock = ServerLock(directory)

    def start(self) -> None:
        """Start the processes, the sequencer first.

        Raises LedgerError when a server runs on this ledger already, or DIR is a copy.
        """
        try:
            self._lock.acquire()
            for child in self._children:
                self._spawn(child)
                if child.name == "sequencer":
                    self._wait_for(child, self._directory / SOCKET)
        except BaseException:
            self.end()
            raise

    def _wait_for(self, child: _Child, path: Path) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not _answers(path):
            if child.process is not None and child.process.poll() is not None:
                return  # it said why on standard error; the faces come up and show it
            time.sleep(0.02)

    def stop(self) -> None:
        """Make `run` return."""
        self._stopping.set()

    def run(self) -> None:
        """Watch the processes until told to stop; then end them, the sequencer last."""
        previous = [
            (number, signal.signal(number, lambda *_: self._stopping.set()))
            for number in (signal.SIGTERM, signal.SIGINT)
        ]
        try:
            while not self._stopping.wait(0.1):
                for child in self._children:
                    self._watch(child)
        finally:
            for number, handler in previous:
                signal.signal(number, handler)
            self.end()

    def _spawn(self, child: _Child) -> None:
        command = [
            sys.executable, "-m", "whodid.serve", *child.arguments, "--dir", str(self._directory),
        ]  # fmt: skip
        child.process = subprocess.Popen(  # noqa: S603 - our own module and arguments
            command, stdin=subprocess.PIPE, pass_fds=child.fds, start_new_session=True,
            env=os.environ,
        )  # fmt: skip
        child.born_s = time.monotonic()

    def _watch(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.again_s:
                self._spawn(child)
            return
        status = child.process.poll()
        if status is None:
            return
        if now - child.born_s > _BACKOFF_MAX_S:
            child.backoff_s = _BACKOFF_S
        if status == CANNOT_START:
            child.backoff_s = _BACKOFF_MAX_S
        print(  # noqa: T201
            f"whodid: {child.name} ended with status {status}; again in {child.backoff_s:.1f} s",
            file=sys.stderr,
            flush=True,
        )
        if child.process.stdin:
            child.process.stdin.close()
        child.process = None
        child.again_s = now + child.backoff_s
        child.backoff_s = min(child.backoff_s * 2, _BACKOFF_MAX_S)

    def end(self) -> None:
        """End the processes in order; one that does not end is killed."""
        for names in _STOP_ORDER:
            running = [c.process for c in self._children if c.name in names and c.process]
            for process in running:
                process.terminate()
            deadline = time.monotonic() + _STOP_WAIT_S
            for process in running:
                try:
                    process.wait(max(0.1, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                if process.stdin:
                    process.stdin.close()
        self.listener.close()
        self._lock.release()

    def pids(self, name: str) -> list[int]:
        """Return the process ids of the running processes of one kind."""
        return [
            child.process.pid
            for child in self._children
            if child.name == name and child.process and child.process.poll() is None
        ]


def _answers(path: Path) -> bool:
    from whodid.ledger.client import SequencerClient  # noqa: PLC0415 - only here

    client = SequencerClient(path.parent, "door")
    try:
        client.connect()
    except OSError:
        return False
    client.close()
    return True


def listen_on(host: str, port: int) -> socket.socket:
    """Listen on a TCP port. Raises UsageError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {host} port {port} ({error.strerror}); choose another with --port"
        ) from error
    listener.listen(1024)
    listener.set_inheritable(True)
    return listener
