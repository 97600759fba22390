"""The part of one processor that validation may use.

It counts processor time, not time: waiting for a slow disk is no use of the processor.
"""

import time
from collections.abc import Callable

_PIECE_S = 0.02

Wait = Callable[[float], bool]
"""Wait so many seconds; True at once when the process is to end."""


class EndedError(Exception):
    """The process is to end: it leaves the round where it stands."""


class Share:
    """Rests so long after each piece of work that its share is kept.

    `busy_s` is the processor time since it was made.
    """

    def __init__(
        self, share: float, wait: Wait, busy: Callable[[], float] = time.process_time
    ) -> None:
        self._share = share
        self._wait = wait
        self._busy = busy
        self._began_s = self._counted_s = busy()

    @property
    def busy_s(self) -> float:
        """Processor time since it was made."""
        return self._busy() - self._began_s

    def rest(self) -> None:
        """Rest for the work done since the last rest. Raises EndedError when told to end."""
        worked_s = self._busy() - self._counted_s
        if worked_s < _PIECE_S:
            return
        if self._wait(worked_s * (1 / self._share - 1)):
            raise EndedError
        self._counted_s = self._busy()
