"""Work that lets the interpreter go (reading, hashing, decrypting), on two processors."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TypeVar

_I = TypeVar("_I")
_O = TypeVar("_O")


class TwoThreads:
    """The thread that asks and one more, which is made when it is first needed."""

    @cached_property
    def _other(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(1, "reading")

    def run(self, work: Callable[[Sequence[_I]], list[_O]], items: Sequence[_I]) -> list[_O]:
        """Return what work makes of every second item, then of the others.

        `work` is called in both threads and must change nothing that they share. Raises what it
        raises, when both have ended.
        """
        if len(items) < 2:
            return work(items)
        theirs = self._other.submit(work, items[1::2])
        try:
            return work(items[::2]) + theirs.result()
        finally:
            theirs.exception()
