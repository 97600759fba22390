"""HTTP/1.1 of the public port: uvicorn's, with the bounds that it leaves to a proxy in front.

A request's head is bounded in bytes, fields and seconds, and so is the wait for one, so that
strangers without a token take no memory. Connections are bounded where they are accepted
(`acceptor`), bodies where they are read.
"""

import asyncio
from collections.abc import Callable

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from whodid.limits import HEAD_BYTES_MAX, HEAD_FIELDS_MAX, HEAD_SECONDS_MAX, PIPELINED_MAX

_NO_HTTP = (
    b'{"error":{"code":"input","message":"This is no HTTP request that can be read; an address has'
    b' at most 64 KiB."}}'
)
_TOO_LARGE = b"431 Request Header Fields Too Large"
_TOO_SLOW = b"408 Request Timeout"


class DoorProtocol(HttpToolsProtocol):
    """One connection.

    `_since_s` is when the wait for a whole head began; None: there is one. `left` is called when
    the connection is lost. `_quiet_bytes` are those behind a head that brought nothing further.
    """

    _in_head = False
    _head_bytes = 0
    _quiet_bytes = 0
    _moved = False
    _running: RequestResponseCycle | None = None
    _since_s: float | None = None
    _timer: asyncio.TimerHandle | None = None
    left: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._since_s = self.loop.time()
        self._timer = self.loop.call_later(HEAD_SECONDS_MAX, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the timer too."""
        if self._timer is not None:
            self._timer.cancel()
        if self.left is not None:
            self.left()
        running = self._running  # with pipelining it is not the newest, which uvicorn tells
        if running is not None and not running.response_complete:
            running.disconnected = True
            running.message_event.set()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Answer a request."""
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and count while a head is not whole: it may keep all it is given."""
        before = self._in_head
        self._moved = False
        super().data_received(data)
        if not before and not self._in_head:
            self._quiet_bytes = 0 if self._moved else self._quiet_bytes + len(data)
            if self._quiet_bytes > HEAD_BYTES_MAX:  # a trailer or an extension without end
                self._refuse(_TOO_LARGE)
        if before and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self._refuse(_TOO_LARGE)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; those of a trailer (RFC 9110, 6.5) are nobody's word here."""
        if self._in_head:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._moved = True
        super().on_body(body)

    def on_message_begin(self) -> None:
        """Count a new head."""
        self._moved = True
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0
        self._since_s = self.loop.time()

    def on_headers_complete(self) -> None:
        """Take a whole head. Raises ValueError, which the parser turns into a 400."""
        if len(self.headers) > HEAD_FIELDS_MAX:
            raise ValueError("too many header fields")
        if len(self.pipeline) >= PIPELINED_MAX:
            self.transport.close()  # an answer is under way, so nothing can be said
            raise ValueError("too many requests wait for the answers before them")
        super().on_headers_complete()
        self._in_head = False
        self._since_s = None

    def on_response_complete(self) -> None:
        """Wait for the next request, also when the body of this one still comes.

        While requests wait, no more are read: uvicorn would read on with each answer.
        """
        super().on_response_complete()
        if self.pipeline:
            self.flow.pause_reading()
        if not self._in_head and self.cycle.response_complete:
            self._since_s = self.loop.time()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as uvicorn calls it
        """Refuse what is no HTTP, in the API's words: a very long address is a common cause."""
        if self.transport.is_closing():
            return
        body = _NO_HTTP
        self.transport.write(
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%b" % (len(body), body)
        )
        self.transport.close()

    def _look(self) -> None:
        """Close a connection whose head does not come."""
        if self.transport.is_closing():
            return
        since_s = self._since_s
        if since_s is not None and self.loop.time() - since_s >= HEAD_SECONDS_MAX:
            self._refuse(_TOO_SLOW if self._in_head else b"")
            return
        self._timer = self.loop.call_later(HEAD_SECONDS_MAX, self._look)

    def _refuse(self, status: bytes) -> None:
        """Say why, if no answer is under way, and close."""
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        if status and (cycle is None or cycle.response_complete):
            fields = b"content-length: 0\r\nconnection: close\r\n\r\n"
            self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + fields)
        self.transport.close()
