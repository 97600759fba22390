"""What every child process does: end when asked, and end when the supervisor is gone."""

import contextlib
import logging
import os
import resource
import signal
import threading
from collections.abc import Callable
from pathlib import Path

from whodid.config.settings import Settings
from whodid.errors import WhodidError
from whodid.limits import OPEN_FILES
from whodid.serve.control import until_end

_log = logging.getLogger("whodid")

CANNOT_START = 78
"""Exit status (EX_CONFIG) of a process that would fail again: the supervisor waits longer."""


def _nothing(_settings: Settings) -> None:
    """Take no notice."""


def when_told_to_end(
    stop: Callable[[], None], changed: Callable[[Settings], None] = _nothing
) -> None:
    """Call `stop` once on SIGTERM or SIGINT, or when standard input is closed (see `control`).

    `changed` gets the settings each time the supervisor read them again, in another thread.
    """
    once = threading.Lock()

    def end() -> None:
        if once.acquire(blocking=False):
            stop()

    def on_signal(_number: int, _frame: object) -> None:
        threading.Thread(target=end, daemon=True).start()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the supervisor reads the settings again

    def watch() -> None:
        until_end(changed)
        end()

    threading.Thread(target=watch, daemon=True).start()


def yield_to_others(nice: int) -> None:
    """Take less of the processor than the processes that people and senders wait for.

    Each process is a session of its own, and Linux may share the processor between sessions first
    (sched(7), autogroup): then niceness counts only within one, unless the session has it too.
    """
    os.nice(nice)
    with contextlib.suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(nice))


def allow_open_files() -> None:
    """Ask for OPEN_FILES, or as many as the system allows: the usual 1,024 are few for a server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def run_or_explain(main: Callable[[], None]) -> int:
    """Run a process's main; an error of ours is one line of the log."""
    try:
        main()
    except WhodidError as error:
        _log.error("%s", error)
        return CANNOT_START
    return 0
