"""Whether the client of an HTTP request is still there, for reads that run in a thread.

It is told by the server (`http.disconnect`): once the body is read, that is all `receive` gives.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from whodid.app.turns import Left, stays

_KEY = "whodid.left"
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


@asynccontextmanager
async def watched(scope: Scope, receive: Receive) -> AsyncIterator[None]:
    """Watch a request without a body for the end of its connection; see `left_of`."""
    gone = threading.Event()
    scope[_KEY] = gone.is_set

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    task = asyncio.ensure_future(watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def left_of(scope: Scope) -> Left:
    """Return what tells whether the client of this request has gone."""
    found: Left = scope.get(_KEY, stays)
    return found
