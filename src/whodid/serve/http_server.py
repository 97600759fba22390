"""uvicorn inside a process of ours: signals stay with `process.when_told_to_end`.

uvicorn would put its own handlers in place while it serves, and what else must end with the
server (live tails) would hear of it too late.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn


class HttpServer(uvicorn.Server):
    """A uvicorn server that ends when `should_exit` is set, and never by itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals as they are."""
        yield
