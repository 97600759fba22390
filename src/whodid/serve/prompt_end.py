"""The end of a process that all others hold up: it leaves what it is at, wherever that is.

A process of the least claim that looks between two pieces of work whether it is to end comes to the
end of a piece only after seconds on a busy machine. So an exception is raised in it by a signal.
What it does must bear to be left anywhere, as it must bear `kill -9`.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whodid.serve.process import when_told_to_end

_AGAIN_S = 0.2


class PromptEnd:
    """Told to end, raises `error` in the main thread while it is at `work`. One for a process.

    `told` is set then. Made by the main thread.
    """

    def __init__(self, error: type[Exception]) -> None:
        self.told = threading.Event()
        self._error = error
        self._working = False
        signal.signal(signal.SIGUSR1, self._leave)
        when_told_to_end(self._tell)

    @contextmanager
    def work(self) -> Iterator[None]:
        """Do what may be left anywhere. Raises `error` when told to end."""
        self._working = True
        try:
            yield
        finally:
            self._working = False

    def _tell(self) -> None:
        """Tell the main thread until it listens: what is raised in a destructor goes nowhere."""
        self.told.set()
        main = threading.main_thread().ident
        while main is not None:
            signal.pthread_kill(main, signal.SIGUSR1)
            time.sleep(_AGAIN_S)

    def _leave(self, _number: int, _frame: object) -> None:
        if self._working:
            _hurry()
            raise self._error


def _hurry() -> None:
    """Stand behind nobody any more, where the system allows that."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)
        Path("/proc/self/autogroup").write_text("0")
