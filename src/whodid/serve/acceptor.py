"""Takes connections of a listening socket that several doors share, so that each gets its part.

Whichever door woke first would take all that wait, and a few busy connections would keep one
processor busy and leave the other idle. So a door waits a moment for every connection it has
before it takes more: its sister that has fewer is faster. A door in the middle of work is late by
itself.

A connection counts from here on, while it still shakes hands too: beyond the bounds, of all and of
one address, it is closed at once.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

from msgspec import Struct

from whodid.limits import TLS_SECONDS_MAX

_WAIT_S = 0.000_05
_WAIT_S_MAX = 0.002
_AGAIN_S = 0.1
_SHARE = 8
_log = logging.getLogger("whodid.door")


class Bounds(Struct, frozen=True):
    """How many connections are taken: `total`, and `per_client` of an address that `counted`."""

    total: int
    per_client: int
    counted: Callable[[str], bool]


class AcceptorMetrics(Struct):
    """Counters since the start."""

    accepted: int = 0
    refused: int = 0
    handshakes_failed: int = 0


class Acceptor:
    """Accepts until `close`. `held` tells how many connections this process has.

    `tls` gives the context of new connections, None for plain ones. A protocol with an attribute
    `left` calls it when its connection is lost.
    Invariant: a connection waits for this at most _WAIT_S_MAX.
    """

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[], asyncio.BaseProtocol],
        held: Callable[[], int],
        tls: Callable[[], ssl.SSLContext | None] = lambda: None,
        bounds: Bounds | None = None,
    ) -> None:
        self.metrics = AcceptorMetrics()
        self._listener = listener
        self._protocol = protocol
        self._held = held
        self._tls = tls
        self._bounds = bounds
        self._clients: dict[str, int] = {}
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to accept."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._some_wait)

    def close(self) -> None:
        """Accept no more; what waits is for the sisters, or for this door's successor."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._listener)

    def _some_wait(self) -> None:
        held = self._held() + len(self._tasks)
        if held:
            self._pause(min(held * _WAIT_S, _WAIT_S_MAX))
        else:
            self._take()

    def _pause(self, wait_s: float) -> None:
        self._loop.remove_reader(self._listener)
        self._timer = self._loop.call_later(wait_s, self._resume)

    def _resume(self) -> None:
        self._timer = None
        self._take()
        if self._timer is None:
            self._loop.add_reader(self._listener, self._some_wait)

    def _take(self) -> None:
        for _ in range(1 + self._held() // _SHARE):
            try:
                connection, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return  # a sister was faster
            except OSError:  # no descriptors left, most likely: connections wait
                self._pause(_AGAIN_S)
                return
            self.metrics.accepted += 1
            address = str(peer[0]) if peer else ""
            if self._too_many(address):
                self.metrics.refused += 1
                connection.close()
                continue
            task = self._loop.create_task(self._serve(connection, self._enter(address)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _too_many(self, address: str) -> bool:
        bounds = self._bounds
        if bounds is None:
            return False
        if self._held() + len(self._tasks) >= bounds.total:
            return True
        return bounds.counted(address) and self._clients.get(address, 0) >= bounds.per_client

    def _enter(self, address: str) -> Callable[[], None]:
        """Count a connection of an address; what is returned ends that, once."""
        clients = self._clients
        clients[address] = clients.get(address, 0) + 1
        inside = True

        def leave() -> None:
            nonlocal inside
            if inside:
                inside = False
                clients[address] -= 1
                if not clients[address]:
                    del clients[address]

        return leave

    async def _serve(self, connection: socket.socket, leave: Callable[[], None]) -> None:
        context = self._tls()

        def protocol() -> asyncio.BaseProtocol:
            made = self._protocol()
            if hasattr(made, "left"):
                made.left = leave
            return made

        try:
            if context is None:
                await self._loop.connect_accepted_socket(protocol, connection)
            else:
                await self._loop.connect_accepted_socket(
                    protocol, connection, ssl=context, ssl_handshake_timeout=TLS_SECONDS_MAX,
                    ssl_shutdown_timeout=1.0,
                )  # fmt: skip
        except (OSError, ssl.SSLError) as error:  # gone already, or no TLS that we speak
            if context is not None:
                self.metrics.handshakes_failed += 1
                reason = getattr(error, "reason", None) or type(error).__name__
                _log.debug("a TLS handshake failed: %s", reason)
            connection.close()
            leave()
