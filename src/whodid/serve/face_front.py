"""What stands before the faces: failed logins are counted, the door hears which address it was.

The template of the address goes back in X-Whodid-Route, which the door takes off: only the faces
know their addresses, and logs and metrics must not hold what a stranger typed.
"""

from collections.abc import Mapping

from msgspec import Struct
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REFUSED = frozenset({401, 429})
_CATCH_ALL = ":path}"
_ROUTE = b"x-whodid-route"


class FailedLoginCount(Struct):
    """How many there were since the start. One owner: the faces' event loop."""

    failed: int = 0


class FaceFront:
    """ASGI middleware. A failed login is 401 or 429 to its form, or 401 to a token."""

    def __init__(
        self, app: ASGIApp, count: FailedLoginCount, templates: Mapping[int, bytes]
    ) -> None:
        self._app = app
        self._count = count
        self._templates = templates

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
                template = self._templates.get(id(scope.get("endpoint")))
                if template is not None:
                    headers = [*message.get("headers", ()), (_ROUTE, template)]
                    message = {**message, "headers": headers}
            await send(message)

        await self._app(scope, receive, watched)


def templates_of(routes: list[Route]) -> dict[int, bytes]:
    """Return the template of each endpoint, by its identity; addresses that catch all have none."""
    return {
        id(route.endpoint): route.path.replace(_CATCH_ALL, "}").encode()
        for route in routes
        if not route.path.endswith((f"{{path{_CATCH_ALL}", f"{{rest{_CATCH_ALL}"))
        or route.path.startswith("/ledger/{name}/tile")
    }
