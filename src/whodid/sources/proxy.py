"""The door's way to the faces: a reverse proxy to an HTTP/1.1 server on a local socket.

Answers are streamed, so that `tail` (server-sent events) flows. A body, which is a small form, is
read whole before it takes one of the connections to the faces, so that slow ones hold none.
Follows RFC 9110 section 7.6 (hop-by-hop fields end here) and 7.8 (no upgrade, hence no
WebSocket). The address of the peer is told in X-Forwarded-For, and nothing that the peer says
about addresses is passed on.

It does not cache, retry, balance, authenticate or rewrite.
"""

import asyncio

import httpx

from whodid.limits import (
    BODY_SECONDS_MAX,
    PROXY_BODIES_BYTES_MAX,
    PROXY_BODY_BYTES_MAX,
    PROXY_CONNECTIONS_MAX,
    PROXY_START_S_MAX,
)
from whodid.sources.asgi import (
    DisconnectedError,
    Headers,
    Message,
    Receive,
    Reply,
    Scope,
    Send,
    error_reply,
    shake_hands,
)
from whodid.sources.proxy_headers import BadFramingError, forwarded, returned

_CONNECT_S = 2.0
_AGAIN_S = 0.05


class _TooLargeBodyError(Exception):
    """The body is larger than is passed on."""


class _TooManyBodiesError(Exception):
    """The bodies that wait to be passed on hold too much."""


class ReverseProxy:
    """An ASGI application that passes each request on to the server behind `socket_path`.

    Invariants: a client that goes away ends its request upstream; at most
    `PROXY_CONNECTIONS_MAX` are open; one that comes while the server starts waits for it
    (`start_seconds_max`); an answer that breaks off is never ended as if it were whole.
    """

    def __init__(
        self,
        socket_path: str,
        *,
        body_bytes_max: int = PROXY_BODY_BYTES_MAX,
        bodies_bytes_max: int = PROXY_BODIES_BYTES_MAX,
        body_seconds_max: float = BODY_SECONDS_MAX,
        start_seconds_max: float = PROXY_START_S_MAX,
    ) -> None:
        self._transport = httpx.AsyncHTTPTransport(
            uds=socket_path,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=PROXY_CONNECTIONS_MAX, max_keepalive_connections=32
            ),
        )
        self._body_bytes_max = body_bytes_max
        self._bodies_bytes_max = bodies_bytes_max
        self._bodies_bytes = 0
        self._body_seconds_max = body_seconds_max
        self._start_seconds_max = start_seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        kind = scope["type"]
        if kind == "http" and scope["method"] == "CONNECT":
            await _text(405, "this is no tunnel").send(send)
        elif kind == "http":
            await self._serve(scope, receive, send)
        elif kind == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif kind == "lifespan":
            await shake_hands(receive, send)
            await self.close()
            await send({"type": "lifespan.shutdown.complete"})

    async def close(self) -> None:
        """Close the connections to the faces."""
        await self._transport.aclose()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._pass_on(scope, receive, watched)
        except DisconnectedError:
            return
        except Exception as error:
            reply = _failure(error, scope["path"])
            if reply is None:
                raise
            # Once begun, no whole answer can be given: left unfinished, the server cuts it off.
            if not started:
                await reply.send(send)

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, length = forwarded(scope)
        if length is not None and length > self._body_bytes_max:
            raise _TooLargeBodyError
        body = bytearray()
        try:
            async with asyncio.timeout(self._body_seconds_max):
                await self._read(receive, body)
            if length is not None and len(body) != length:
                raise BadFramingError
            await self._ask(scope, headers, bytes(body), receive, send)
        finally:
            self._bodies_bytes -= len(body)

    async def _read(self, receive: Receive, body: bytearray) -> None:
        """Read the whole body. Raises DisconnectedError, and when it or all bodies are too large.

        Invariant: `_bodies_bytes` counts what is in `body`.
        """
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise DisconnectedError
            part: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) + len(part) > self._body_bytes_max:
                raise _TooLargeBodyError
            if self._bodies_bytes + len(part) > self._bodies_bytes_max:
                raise _TooManyBodiesError
            body += part
            self._bodies_bytes += len(part)

    async def _ask(
        self, scope: Scope, headers: list[tuple[bytes, bytes]], body: bytes, receive: Receive,
        send: Send,
    ) -> None:  # fmt: skip
        """Pass a request on until it is answered or the client has gone."""
        exchange = asyncio.ensure_future(self._exchange(scope, headers, body, send))
        gone = asyncio.ensure_future(_wait_gone(receive))
        try:
            await asyncio.wait((exchange, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            exchange.cancel()
            await asyncio.gather(gone, exchange, return_exceptions=True)
        if not exchange.cancelled():
            exchange.result()

    async def _exchange(
        self, scope: Scope, headers: list[tuple[bytes, bytes]], body: bytes, send: Send
    ) -> None:
        target = scope.get("raw_path") or scope["path"].encode()
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        request = httpx.Request(
            scope["method"],
            "http://faces/",
            headers=headers,
            stream=httpx.ByteStream(body),
            extensions={"target": target, "timeout": {"connect": _CONNECT_S, "pool": _CONNECT_S}},
        )
        response = await self._first_answer(request)
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": response.status_code,
                    "headers": returned(response.headers.raw),
                }
            )
            assert isinstance(response.stream, httpx.AsyncByteStream)
            async for part in response.stream:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await response.aclose()

    async def _first_answer(self, request: httpx.Request) -> httpx.Response:
        """Send a request; again while nobody listens, since then nothing was sent."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + self._start_seconds_max
        while True:
            try:
                return await self._transport.handle_async_request(request)
            except httpx.ConnectError:
                if loop.time() >= end_s:
                    raise
            await asyncio.sleep(_AGAIN_S)


async def _wait_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _text(status: int, message: str, headers: Headers = ()) -> Reply:
    return Reply(status, message.encode() + b"\n", headers, b"text/plain; charset=utf-8")


_FAILURES: tuple[tuple[tuple[type[Exception], ...], int, str], ...] = (
    ((_TooLargeBodyError,), 413, "the body is too large"),
    ((TimeoutError,), 408, "the body took too long"),
    (
        (BadFramingError, httpx.LocalProtocolError),
        400,
        "the request cannot be passed on: its headers or body are not well formed",
    ),
    (
        (httpx.ConnectError, httpx.ConnectTimeout),
        503,
        "whodid's pages and searches are not running yet: try again in a moment",
    ),
    (
        (_TooManyBodiesError, httpx.PoolTimeout),
        503,
        "too many requests are open: try again in a moment",
    ),
    (
        (httpx.TransportError,),
        502,
        "whodid's pages and searches broke off their answer: try again",
    ),
)
"""Kinds of error → status and text, the first that applies."""


def _failure(error: Exception, path: str) -> Reply | None:
    """Return what to answer, None for an error that is none of the network."""
    for kinds, status, message in _FAILURES:
        if isinstance(error, kinds):
            headers: Headers = ((b"retry-after", b"1"),) if status == 503 else ()
            if path.startswith("/v1/"):
                return error_reply(status, "proxy", message, headers)
            return _text(status, message, headers)
    return None
