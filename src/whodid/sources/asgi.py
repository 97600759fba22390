"""The types of ASGI 3 (asgi.readthedocs.io), and a whole answer. No framework."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
from msgspec import Struct

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

Headers = tuple[tuple[bytes, bytes], ...]


class DisconnectedError(Exception):
    """The client went away; there is nobody to answer."""


class Reply(Struct, frozen=True):
    """A whole answer. `headers` come after type and length."""

    status: int
    body: bytes
    headers: Headers = ()
    content_type: bytes = b"application/json"

    async def send(self, send: Send) -> None:
        """Send it."""
        length = b"%d" % len(self.body)
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [
                    (b"content-type", self.content_type),
                    (b"content-length", length),
                    *self.headers,
                ],
            }
        )
        await send({"type": "http.response.body", "body": self.body})


def error_reply(status: int, code: str, message: str, headers: Headers = ()) -> Reply:
    """Return `{"error": {"code", "message"}}`."""
    body = msgspec.json.encode({"error": {"code": code, "message": message}})
    return Reply(status, body, headers)


async def shake_hands(receive: Receive, send: Send) -> None:
    """Wait for the start of the server and confirm it, then for its end, which the caller confirms.

    This is the lifespan protocol.
    """
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            return
