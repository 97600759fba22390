"""What stands before everything a door answers: whose request it is, its id, and who hears of it.

It finds the client's address behind trusted proxies, gives the request an id (or takes a sane one
that came with it) which returns as X-Request-Id and goes on to the faces, counts, and writes the
access log: method, template of the address, status, bytes, time, source. Never the query.
"""

import logging
import math
import re
import secrets
import time
from collections.abc import Awaitable, Callable

from whodid.serve.own_log import ACCESS, say
from whodid.sources.asgi import App, Message, Receive, Reply, Scope, Send, error_reply
from whodid.sources.http import PATH
from whodid.sources.rates import Rate, TooFastError, client_key
from whodid.sources.trusted_proxies import TrustedProxies

REQUEST_ID = b"x-request-id"
ROUTE = b"x-whodid-route"
"""Of the faces' answers: the template of the address (`face_front`)."""

OTHER = "other"
_SANE_ID = re.compile(rb"[A-Za-z0-9._:+/=@-]{8,128}")
_HSTS = (b"strict-transport-security", b"max-age=31536000")
_log = logging.getLogger(ACCESS)

Count = Callable[[str, str, int, float], None]
"""(method, template of the address, status, seconds) of an answered request."""


class DoorFront:
    """An ASGI application around the door's. One owner: its event loop."""

    def __init__(self, app: App, trusted: TrustedProxies, count: Count, rate: Rate) -> None:
        self._rate = rate
        self._prefix = secrets.token_hex(4).encode()  # of this process; a number follows
        self._number = 0
        self._app = app
        self._trusted = trusted
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        request_id = self._enter(scope)
        secure = scope["scheme"] == "https"
        status = sent = 0
        route = PATH if scope["path"] == PATH else OTHER

        def watched(message: Message) -> Awaitable[None]:  # no coroutine of its own: each costs
            nonlocal status, sent, route
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = list(message.get("headers", ()))
                if route is OTHER:
                    route = _take_route(headers)
                headers.append((REQUEST_ID, request_id))
                if secure:
                    headers.append(_HSTS)
            else:
                sent += len(message.get("body", b""))
            return send(message)

        refusal = None if route is PATH else self._refusal(scope)
        try:
            if refusal is None:
                await self._app(scope, receive, watched)
            else:
                await refusal.send(watched)
        finally:
            took_s = time.perf_counter() - began_s
            self._count(scope["method"], route, status, took_s)
            if _log.isEnabledFor(logging.INFO):
                _tell(scope, request_id, route, status, sent, took_s)

    def _refusal(self, scope: Scope) -> Reply | None:
        """Return what a client that asks too often is told; deliveries have bounds of their own."""
        client = scope.get("client")
        key = client_key(str(client[0])) if client else None
        wait_s = self._rate.take(key, 1) if key else 0.0
        if not wait_s:
            return None
        wait = b"%d" % max(1, math.ceil(wait_s))
        message = "too many requests came from this address: wait"
        headers = ((b"retry-after", wait), (b"connection", b"close"))
        return error_reply(429, TooFastError.code, message, headers)

    def _enter(self, scope: Scope) -> bytes:
        """Put address, scheme and id of the request into its scope; return the id."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        peer = scope.get("client")
        if peer and self._trusted.trusts(str(peer[0])):
            self._believe(scope, str(peer[0]), headers)
        given = [value for name, value in headers if name == REQUEST_ID]
        if len(given) == 1 and _SANE_ID.fullmatch(given[0]):
            return given[0]
        self._number = (self._number + 1) & 0xFFFFFFFF
        made = b"%s%08x" % (self._prefix, self._number)
        kept = [item for item in headers if item[0] != REQUEST_ID] if given else list(headers)
        kept.append((REQUEST_ID, made))
        scope["headers"] = kept
        return made

    def _believe(self, scope: Scope, peer: str, headers: list[tuple[bytes, bytes]]) -> None:
        chain = [value for name, value in headers if name == b"x-forwarded-for"]
        scope["client"] = (self._trusted.client_of(peer, chain), 0)
        schemes = [value for name, value in headers if name == b"x-forwarded-proto"]
        if len(schemes) == 1 and schemes[0].strip().lower() in {b"http", b"https"}:
            scope["scheme"] = schemes[0].strip().lower().decode()


def _take_route(headers: list[tuple[bytes, bytes]]) -> str:
    """Take the template of the address out of an answer's fields."""
    for number, (name, value) in enumerate(headers):
        if name == ROUTE:
            del headers[number]
            return value.decode("latin-1")
    return OTHER


def _tell(
    scope: Scope, request_id: bytes, route: str, status: int, sent: int, took_s: float
) -> None:
    client = scope.get("client")
    say(
        _log, logging.INFO, "request", request=request_id.decode(), method=scope["method"][:16],
        route=route, status=status, bytes=sent, ms=round(took_s * 1000, 1),
        client=client[0] if client else None, source=scope.get("whodid.source"),
    )  # fmt: skip
