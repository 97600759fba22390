"""Where the parts of a verification are computed: in this process, or in several others.

Jobs and results are plain values, the functions are module-level: nothing depends on how a process
is started (it is `spawn`, which inherits neither locks nor threads).
"""

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import wait
from types import TracebackType
from typing import Any, Self, TypeVar

_KILLED = 1
Job = TypeVar("Job")
Result = TypeVar("Result")
_WAITING_EACH = 4


class Workers:
    """Runs jobs; at most a few per process wait, so that memory does not grow with the log."""

    def __init__(self, processes: int) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: deque[Future[Any]] = deque()
        self._most = processes * _WAITING_EACH
        if processes > 1:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(
                processes, mp_context=context, initializer=_end_with_parent
            )

    def __enter__(self) -> Self:
        """Return it; leaving ends the processes."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the processes; what was not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def begin(self, function: Callable[[Job], Result], job: Job) -> Callable[[], Result]:
        """Begin a job and return a call that waits for its result."""
        if self._pool is None:
            result = function(job)
            return lambda: result
        while len(self._waiting) >= self._most:
            self._waiting.popleft().exception()  # waits; the caller meets the error itself
        future = self._pool.submit(function, job)
        self._waiting.append(future)
        return future.result

    def in_order(self, function: Callable[[Job], Result], jobs: Iterable[Job]) -> Iterator[Result]:
        """Yield the results of jobs in their order, working a little ahead."""
        ahead: deque[Callable[[], Result]] = deque()
        for job in jobs:
            ahead.append(self.begin(function, job))
            if len(ahead) >= max(self._most, 1):
                yield ahead.popleft()()
        while ahead:
            yield ahead.popleft()()


def _end_with_parent() -> None:
    """Let a process end when the one that started it was killed: it would wait for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(_KILLED)

    threading.Thread(target=watch, daemon=True).start()
