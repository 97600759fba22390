"""Whose turn it is to read the log: one thread at a time, in the order in which they came.

A long read lets those who wait pass between two of its pieces (`pause`), so that nobody's slow
search stops everybody's quick one; and it ends there when nobody waits for its answer any more.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from whodid.errors import LeftError
from whodid.limits import READ_SLICE_S

Left = Callable[[], bool]
"""Tells whether whoever asked has gone away."""

_LOOK_S = 0.05


def stays() -> bool:
    """Say of somebody that he waits as long as it takes."""
    return False


class Turns:
    """A fair lock. Safe for threads, not for a second turn within a turn.

    Invariant: whoever is in the queue gets the turn before whoever comes later. A turn that has
    lasted less than `slice_s` is not given away: a quick read is done in one.
    """

    def __init__(self, slice_s: float = READ_SLICE_S) -> None:
        self._slice_s = slice_s
        self._since_s = 0.0
        self._mutex = threading.Lock()
        self._queue: deque[threading.Event] = deque()
        self._taken = False
        self._left: Left = stays

    @contextmanager
    def turn(self, left: Left = stays) -> Iterator[None]:
        """Wait for a turn and hold it. Raises LeftError when nobody waits for it any more."""
        self._take(left)
        try:
            self._begin(left)
            yield
        finally:
            self._give()

    def pause(self) -> None:
        """Let all who wait pass, if this is the turn of who calls. Raises LeftError as `turn`."""
        left = self._left
        if left():
            raise LeftError
        if time.monotonic() - self._since_s < self._slice_s:
            return
        with self._mutex:
            if not self._queue:
                return
            mine = threading.Event()
            self._queue.append(mine)
            self._queue.popleft().set()
        mine.wait()
        self._begin(left)

    def _begin(self, left: Left) -> None:
        self._left = left
        self._since_s = time.monotonic()

    def _take(self, left: Left) -> None:
        with self._mutex:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Event()
            self._queue.append(mine)
        while not mine.wait(_LOOK_S):
            if left() and self._give_up(mine):
                raise LeftError

    def _give_up(self, mine: threading.Event) -> bool:
        """Leave the queue; False when the turn has just come."""
        with self._mutex:
            if mine.is_set():
                return False
            self._queue.remove(mine)
            return True

    def _give(self) -> None:
        with self._mutex:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._taken = False
