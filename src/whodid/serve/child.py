"""One process of the server as the supervisor sees it: running, ended, to be started again."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from msgspec import Struct, field

from whodid.config.settings import Settings
from whodid.serve.control import tell
from whodid.serve.process import CANNOT_START

_BACKOFF_S = 0.2
_BACKOFF_MAX_S = 30.0
_LOOP_ENDS = 3
"""So often ended within _LOOP_S is a crash loop."""
_LOOP_S = 120.0
_LOOP_KEPT = 16
_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "1048576",
    "MALLOC_TRIM_THRESHOLD_": "33554432", "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip
"""For glibc: an arena for each of the threads that come and go keeps hundreds of MiB in pieces, and
Python's threads seldom allocate at the same time; what is larger than 1 MiB goes back to the system
when it is freed, for else that bound grows to 32 MiB and holes stay. For numpy: it starts threads
of linear algebra, which we have none of, and they wait in a busy loop. What is set in our own
environment wins."""


class Child(Struct):
    """A process that should run.

    `ends` are when it ended, `restarts` how often it was started again, by the reason of its end.
    """

    name: str
    arguments: list[str]
    fds: tuple[int, ...] = ()
    process: "subprocess.Popen[bytes] | None" = None
    born_s: float = 0.0
    backoff_s: float = _BACKOFF_S
    again_s: float = 0.0
    last_end: str | None = None
    ends: list[float] = field(default_factory=list)
    restarts: dict[str, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What it is: `door` of `door-1`."""
        return self.arguments[0]

    def spawn(self, directory: Path, settings: Settings) -> None:
        """Start it and tell it the settings."""
        command = [
            sys.executable, "-m", "whodid.serve", *self.arguments, "--dir", str(directory),
            "--name", self.name,
        ]  # fmt: skip
        self.process = subprocess.Popen(  # noqa: S603 - our own module and arguments
            command, stdin=subprocess.PIPE, pass_fds=self.fds, start_new_session=True,
            env=_ENVIRONMENT | os.environ,
        )  # fmt: skip
        self.born_s = time.monotonic()
        tell(self.process.stdin, settings)

    @property
    def running(self) -> bool:
        """Tell whether it runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def crash_loop(self) -> bool:
        """Tell whether it ends again and again."""
        now = time.monotonic()
        return sum(now - end < _LOOP_S for end in self.ends) >= _LOOP_ENDS

    def ended(self) -> str | None:
        """Take note of an end: return how it came, None while it runs or waits to be started."""
        status = self.process.poll() if self.process else None
        if self.process is None or status is None:
            return None
        now = time.monotonic()
        if now - self.born_s > _BACKOFF_MAX_S:
            self.backoff_s = _BACKOFF_S
        if status == CANNOT_START:
            self.backoff_s = _BACKOFF_MAX_S
        close(self.process)
        self.process = None
        self.last_end = reason_of(status)
        self.restarts[self.last_end] = self.restarts.get(self.last_end, 0) + 1
        self.ends = [*self.ends, now][-_LOOP_KEPT:]
        self.again_s = now + self.backoff_s
        said = f"{self.name} ended with status {status}; again in {self.backoff_s:.1f} s"
        self.backoff_s = min(self.backoff_s * 2, _BACKOFF_MAX_S)
        return said


def reason_of(status: int) -> str:
    """Name an exit status, in few and constant words."""
    if status == CANNOT_START:
        return "cannot_start"
    if status < 0:
        try:
            return signal.Signals(-status).name.lower()
        except ValueError:
            return "signal"
    return "error" if status else "exit"


def close(process: "subprocess.Popen[bytes]") -> None:
    """Close our end of its standard input."""
    if process.stdin:
        try:
            process.stdin.close()
        except OSError:
            return
