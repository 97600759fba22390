"""Whether something can be read without waiting, in a process with any number of open files."""

import math
import select
from typing import Protocol


class HasFileno(Protocol):
    """A file of the operating system."""

    def fileno(self) -> int:
        """Return its number."""


def readable(stream: HasFileno, wait_s: float = 0.0) -> bool:
    """Wait at most so long until reading does not; tell whether it is so, at the end too.

    `select` takes no file above 1,023. Raises OSError, ValueError or TypeError for what is no file
    of the operating system.
    """
    poll = select.poll()
    poll.register(stream, select.POLLIN)
    return bool(poll.poll(math.ceil(wait_s * 1000)))
