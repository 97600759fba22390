"""Takes connections of a listening socket that several doors share, so that each gets its part.

Whichever door woke first would take all that wait, and a few busy connections would keep one
processor busy and leave the other idle. So a door waits a moment for every connection it has
before it takes more: its sister that has fewer is faster. A door in the middle of work is late by
itself.
"""

import asyncio
import socket
from collections.abc import Callable

_WAIT_S = 0.000_05
_WAIT_S_MAX = 0.002
_AGAIN_S = 0.1
_SHARE = 8


class Acceptor:
    """Accepts until `close`. `held` tells how many connections this process has.

    Invariant: a connection waits for this at most _WAIT_S_MAX.
    """

    def __init__(
        self,
        listener: socket.socket,
        protocol: Callable[[], asyncio.BaseProtocol],
        held: Callable[[], int],
    ) -> None:
        self._listener = listener
        self._protocol = protocol
        self._held = held
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
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return  # a sister was faster
            except OSError:  # no descriptors left, most likely: connections wait
                self._pause(_AGAIN_S)
                return
            task = self._loop.create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, connection)
        except OSError:  # gone already
            connection.close()
