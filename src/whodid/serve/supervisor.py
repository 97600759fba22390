"""The supervisor: starts the processes, restarts what ends, reports, ends them in order.

It opens the public port itself and hands the listening socket to the doors, so that a restarted
door loses no connection that waits. SIGHUP reads the settings and the certificate again; SIGTERM
and SIGINT end the server in order, a second one at once.
"""

import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from whodid.config.settings import Settings, all_settings, is_reloaded, value_of
from whodid.errors import WhodidError
from whodid.ledger.layout import SOCKET
from whodid.serve.child import Child, close
from whodid.serve.control import tell
from whodid.serve.listener import listen_on
from whodid.serve.metrics_file import EVERY_S, MetricsFile, clear
from whodid.serve.own_log import say, set_up
from whodid.serve.server_lock import ServerLock
from whodid.serve.supervisor_metrics import supervisor_metrics
from whodid.serve.systemd import Notify
from whodid.serve.tls import make_context

_STOP_ORDER = (("door", "faces"), ("follower", "detector", "validator"), ("sequencer",))
"""Doors and faces together: a door waits for the live tails, which only the faces end."""

_STOP_WAIT_S = 10.0
_LOOK_S = 0.1
_log = logging.getLogger("whodid.supervisor")


class Supervisor:
    """Runs the server of one ledger. `run` returns after SIGTERM or SIGINT.

    `reload` gives the settings anew, or raises UsageError and they stay.
    """

    def __init__(
        self, directory: Path, settings: Settings, reload: Callable[[], Settings] | None = None
    ) -> None:
        set_up("supervisor", settings.log)
        self._directory = directory
        self._settings = settings
        self._reload = reload
        if settings.tls.certificate:
            make_context(settings.tls)  # what is wrong with it is said before the port is taken
        self.listener = listen_on(settings.server.host, settings.server.port)
        self.port: int = self.listener.getsockname()[1]
        fd = self.listener.fileno()
        self._children = [
            Child("sequencer", ["sequencer"]),
            Child("follower", ["follower"]),
            Child("detector", ["detector"]),
            Child("validator", ["validator"]),
            Child("faces", ["faces"]),
            *(
                Child(f"door-{number}", ["door", "--fd", str(fd)], (fd,))
                for number in range(1, settings.server.doors + 1)
            ),
        ]
        self._stopping = threading.Event()
        self._told = 0
        self._again = False
        self._lock = ServerLock(directory)
        self._notify = Notify()
        self._started_s = time.time()
        self._told_s = 0.0

    @property
    def url(self) -> str:
        """The server's address as a browser takes it."""
        host = self._settings.server.host
        scheme = "https" if self._settings.tls.certificate else "http"
        return (
            f"{scheme}://[{host}]:{self.port}" if ":" in host else f"{scheme}://{host}:{self.port}"
        )

    def start(self) -> None:
        """Start the processes, the sequencer first.

        Raises LedgerError when a server runs on this ledger already, or DIR is a copy.
        """
        try:
            self._lock.acquire()
            clear(self._directory)
            self._telling = MetricsFile(self._directory, "supervisor")
            for child in self._children:
                child.spawn(self._directory, self._settings)
                if child.name == "sequencer":
                    self._wait_for(child, self._directory / SOCKET)
        except BaseException:
            self.end()
            raise
        self._notify.ready(f"serves {self._directory} on {self.url}/")

    def _wait_for(self, child: Child, path: Path) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not _answers(path):
            if not child.running:
                return  # it said why on standard error; the faces come up and show it
            time.sleep(0.02)

    def stop(self) -> None:
        """Make `run` return."""
        self._stopping.set()

    def run(self) -> None:
        """Watch the processes until told to stop; then end them, the sequencer last."""
        with self._signals():
            while not (self._told or self._stopping.wait(_LOOK_S)):
                if self._again:
                    self._again = False
                    self._read_again()
                for child in self._children:
                    self._watch(child)
                self._tell()
                self._notify.alive()
            self._notify.stopping()
            self.end()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        # They run in this thread, which may be inside an Event: to set one could wait for itself.
        def end(*_: object) -> None:
            self._told += 1

        def again(*_: object) -> None:
            self._again = True

        handlers = {signal.SIGTERM: end, signal.SIGINT: end, signal.SIGHUP: again}
        previous = {number: signal.signal(number, handlers[number]) for number in handlers}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told_s >= EVERY_S:
            self._told_s = now
            self._telling.write(supervisor_metrics(self._children, self._settings, self._started_s))

    def _watch(self, child: Child) -> None:
        if child.process is None:
            if time.monotonic() >= child.again_s:
                child.spawn(self._directory, self._settings)
            return
        said = child.ended()
        if said:
            self._told_s = 0.0
            say(_log, logging.WARNING, said, restarts=sum(child.restarts.values()))
            if child.crash_loop:
                say(_log, logging.ERROR, f"{child.name} ends again and again", end=child.last_end)

    # --- settings --------------------------------------------------------------------------------

    def _read_again(self) -> None:
        """Read the settings again; what is wrong with them is said, and the old ones stay."""
        self._notify.reloading()
        try:
            new = self._reload() if self._reload else self._settings
            if new.tls.certificate:
                make_context(new.tls)
        except WhodidError as error:
            say(_log, logging.ERROR, "the settings stay as they were", reason=str(error))
        else:
            changed = [n for n in all_settings() if value_of(new, n) != value_of(self._settings, n)]
            waiting = [name for name in changed if not is_reloaded(name)]
            self._settings = new
            set_up("supervisor", new.log)
            for child in self._children:
                if child.process is not None:
                    tell(child.process.stdin, new)
            say(
                _log, logging.INFO, "the settings were read again", changed=", ".join(changed),
                after_a_restart=", ".join(waiting) or None,
            )  # fmt: skip
        self._notify.ready(f"serves {self._directory} on {self.url}/")

    # --- the end ---------------------------------------------------------------------------------

    def end(self) -> None:
        """End the processes in order; one that does not end is killed."""
        for kinds in _STOP_ORDER:
            running = [c for c in self._children if c.kind in kinds and c.process]
            for child in running:
                assert child.process is not None
                child.process.terminate()
            deadline = time.monotonic() + _STOP_WAIT_S
            for child in running:
                assert child.process is not None
                self._wait(child.name, child.process, deadline)
                close(child.process)
        self.listener.close()
        self._lock.release()

    def _wait(self, name: str, process: "subprocess.Popen[bytes]", deadline: float) -> None:
        while process.poll() is None:
            if self._told > 1 or time.monotonic() > deadline:
                say(_log, logging.WARNING, f"{name} does not end and is killed")
                process.kill()
                process.wait()
                return
            with _suppress_timeout():
                process.wait(_LOOK_S)

    def pids(self, name: str) -> list[int]:
        """Return the process ids of the running processes of one kind."""
        return [
            child.process.pid
            for child in self._children
            if child.kind == name and child.process and child.running
        ]


@contextmanager
def _suppress_timeout() -> Iterator[None]:
    try:
        yield
    except subprocess.TimeoutExpired:
        return


def _answers(path: Path) -> bool:
    from whodid.ledger.client import SequencerClient  # noqa: PLC0415 - only here

    client = SequencerClient(path.parent, "door")
    try:
        client.connect()
    except OSError:
        return False
    client.close()
    return True
