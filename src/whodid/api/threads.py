"""Where blocking calls run: a few threads, and a bounded number that wait for one."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response

from whodid.api.reply import BusyError
from whodid.app.leaving import watched
from whodid.limits import READS_WAITING_MAX

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """At most `threads_max` calls at once. One owner: the event loop."""

    def __init__(self, threads_max: int, waiting_max: int = READS_WAITING_MAX) -> None:
        self._limiter = anyio.CapacityLimiter(threads_max)
        self._free = threads_max + waiting_max

    async def run(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call it in a thread. Raises BusyError when too many wait already."""
        if not self._free:
            raise BusyError("Too many requests wait for an answer; try again.")
        self._free -= 1
        try:
            return await anyio.to_thread.run_sync(
                lambda: call(*args, **kwargs), limiter=self._limiter
            )
        finally:
            self._free += 1

    async def read(self, call: Callable[[Request], Response], request: Request) -> Response:
        """Answer a request in a thread, and not on when the client goes away."""
        async with watched(request.scope, request.receive):
            return await self.run(call, request)
