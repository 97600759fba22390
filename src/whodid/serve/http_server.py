"""uvicorn inside a process of ours: signals stay with `process.when_told_to_end`.

uvicorn would put its own handlers in place while it serves, and what else must end with the
server (live tails) would hear of it too late.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from whodid.serve.acceptor import Acceptor, AcceptorMetrics, Bounds


class HttpServer(uvicorn.Server):
    """A uvicorn server that ends when `should_exit` is set, and never by itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals as they are."""
        yield


class SharingServer(HttpServer):
    """One of several on one listening socket: takes its part of the connections (`acceptor`)."""

    def __init__(
        self,
        config: uvicorn.Config,
        tls: Callable[[], ssl.SSLContext | None] = lambda: None,
        bounds: Bounds | None = None,
    ) -> None:
        super().__init__(config)
        self._tls = tls
        self._bounds = bounds
        self._acceptor: Acceptor | None = None

    @property
    def accepted(self) -> AcceptorMetrics:
        """What became of the connections; read it from any thread."""
        return self._acceptor.metrics if self._acceptor else AcceptorMetrics()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve on the one socket that is given."""
        await super().startup(sockets=[])
        [listener] = sockets or []
        loop = asyncio.get_running_loop()

        def protocol() -> asyncio.BaseProtocol:
            made: asyncio.BaseProtocol = self.config.http_protocol_class(
                config=self.config, server_state=self.server_state,
                app_state=self.lifespan.state, _loop=loop,
            )  # type: ignore[call-arg]  # fmt: skip
            return made

        connections = self.server_state.connections
        self._acceptor = Acceptor(
            listener, protocol, lambda: len(connections), self._tls, self._bounds
        )
        self._acceptor.start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more, then end in order."""
        if self._acceptor is not None:
            self._acceptor.close()
        await super().shutdown(sockets)
