"""Counts logins and tokens that the faces refuse, for /metrics."""

from msgspec import Struct
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REFUSED = frozenset({401, 429})


class FailedLoginCount(Struct):
    """How many there were since the start. One owner: the faces' event loop."""

    failed: int = 0


class CountingLogins:
    """ASGI middleware: an answer 401 or 429 to a form of a login, or 401 to a token."""

    def __init__(self, app: ASGIApp, count: FailedLoginCount) -> None:
        self._app = app
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        login = scope["method"] == "POST" and scope["path"].startswith("/login")
        bearer = any(name == b"authorization" for name, _ in scope["headers"])

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                self._count.failed += (login and status in _REFUSED) or (bearer and status == 401)
            await send(message)

        await self._app(scope, receive, watched)
