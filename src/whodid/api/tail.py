"""Live tails as server-sent events (HTML standard, section 9.2).

Each hit is `id: <index>`, `event: hit`, `data: <the event's document>`; a comment every 15 s keeps
proxies awake; `event: fault` with an error document is the last before an end that is not the
client's. It does not resume: a client that was away searches for what it missed.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager

import anyio
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from whodid.access.doorkeeper import Doorkeeper
from whodid.api.caller import Credential, check_still
from whodid.api.reply import SECURITY_HEADERS, BusyError
from whodid.api.threads import Threads
from whodid.app.answer import Caller, Hit
from whodid.app.document import event_document
from whodid.app.reads import Following, Reading
from whodid.errors import WhodidError
from whodid.limits import TAILS_MAX, TAILS_PER_USER_MAX

EVENT_STREAM = "text/event-stream"
POLL_S = 0.25
HEARTBEAT_S = 15.0
_HITS_A_CHUNK = 64
_HEARTBEAT = b": still here\n\n"


class Tails:
    """The tails that are open, at most TAILS_MAX. One owner: the event loop.

    A tail ends when the client goes, its credential or rights end (looked at
    before hits are sent and with each heartbeat), the
    server stops or the log cannot be read.
    """

    def __init__(
        self,
        reading: Reading,
        doorkeeper: Doorkeeper,
        stopping: Callable[[], bool],
        *,
        poll_s: float = POLL_S,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        self._reading = reading
        self._doorkeeper = doorkeeper
        self._stopping = stopping
        self._poll_s = poll_s
        self._heartbeat_s = heartbeat_s
        self._threads = Threads(2, TAILS_MAX)
        self._open: Counter[str] = Counter()

    async def begin(self, request: Request, caller: Caller, text: str) -> Response:
        """Return the stream. Raises QueryError, BusyError, and what `Reading.follow` raises."""
        if request.method == "HEAD":
            return Response(headers=SECURITY_HEADERS, media_type=EVENT_STREAM)
        with self._place(caller.name):
            following = await self._threads.run(self._reading.follow, caller, text)
        return _Stream(self, caller, Credential(request), following)

    @contextmanager
    def _place(self, name: str) -> Iterator[None]:
        if self._open.total() >= TAILS_MAX or self._open[name] >= TAILS_PER_USER_MAX:
            raise BusyError("Too many tails are open; close one.", 5.0)
        self._open[name] += 1
        try:
            yield
        finally:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]

    @property
    def open(self) -> int:
        """Number of tails that are open."""
        return self._open.total()

    async def chunks(
        self, caller: Caller, credential: Credential, following: Following
    ) -> AsyncGenerator[bytes, None]:
        """Yield the stream's bytes until it ends."""
        try:
            with self._place(caller.name):
                async for chunk in self._live(caller, credential, following):
                    yield chunk
        except WhodidError as error:
            fault = {"error": {"code": error.code, "message": str(error)}}
            yield b"event: fault\ndata: " + msgspec.json.encode(fault) + b"\n\n"

    async def _live(
        self, caller: Caller, credential: Credential, following: Following
    ) -> AsyncGenerator[bytes, None]:
        yield _HEARTBEAT
        beat_at = anyio.current_time() + self._heartbeat_s
        while not self._stopping():
            hits = await self._threads.run(following.poll)
            if hits:  # nothing is shown by rights that have ended meanwhile
                await self._threads.run(check_still, self._doorkeeper, caller, credential)
            for start in range(0, len(hits), _HITS_A_CHUNK):
                yield await self._threads.run(_encode, hits[start : start + _HITS_A_CHUNK])
            if anyio.current_time() >= beat_at:
                await self._threads.run(check_still, self._doorkeeper, caller, credential)
                yield _HEARTBEAT
                beat_at = anyio.current_time() + self._heartbeat_s
            if not hits:
                await anyio.sleep(self._poll_s)


class _Stream(Response):
    """A tail as an ASGI answer that ends as soon as the client goes."""

    def __init__(
        self, tails: Tails, caller: Caller, credential: Credential, following: Following
    ) -> None:
        super().__init__(headers=SECURITY_HEADERS, media_type=EVENT_STREAM)
        del self.headers["content-length"]
        self._chunks = tails.chunks(caller, credential, following)

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send until either side ends it."""
        async with anyio.create_task_group() as group:

            async def watch() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                group.cancel_scope.cancel()

            group.start_soon(watch)
            await self._send(send)
            group.cancel_scope.cancel()
        await self._chunks.aclose()

    async def _send(self, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            async for chunk in self._chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        except OSError:
            return  # the client went away while we wrote


def _encode(hits: list[Hit]) -> bytes:
    encode = msgspec.json.encode
    return b"".join(
        b"id: %d\nevent: hit\ndata: %b\n\n" % (hit.index, encode(event_document(hit)))
        for hit in hits
    )
