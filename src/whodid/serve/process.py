"""What every child process does: end when asked, and end when the supervisor is gone."""

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable

from whodid.errors import WhodidError
from whodid.limits import OPEN_FILES

CANNOT_START = 78
"""Exit status (EX_CONFIG) of a process that would fail again: the supervisor waits longer."""


def when_told_to_end(stop: Callable[[], None]) -> None:
    """Call `stop` once on SIGTERM or SIGINT, or when standard input is closed.

    Standard input is a pipe that the supervisor holds: it closes with the supervisor's end,
    however that comes.
    """
    once = threading.Lock()

    def end() -> None:
        if once.acquire(blocking=False):
            stop()

    def on_signal(_number: int, _frame: object) -> None:
        threading.Thread(target=end, daemon=True).start()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)

    def watch() -> None:
        # The bare descriptor: a thread that waits in sys.stdin holds its lock, and the interpreter
        # aborts when it cannot take that at its end.
        while os.read(0, 1):
            pass
        end()

    threading.Thread(target=watch, daemon=True).start()


def allow_open_files() -> None:
    """Ask for OPEN_FILES, or as many as the system allows: the usual 1,024 are few for a server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run_or_explain(name: str, main: Callable[[], None]) -> int:
    """Run a process's main; an error of ours is one line on standard error."""
    try:
        main()
    except WhodidError as error:
        print(f"whodid {name}: {error}", file=sys.stderr, flush=True)  # noqa: T201
        return CANNOT_START
    return 0
