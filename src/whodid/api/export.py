"""`GET /v1/export`: an answer whole, as a file that is written while it is read.

It begins when the first page is read and recorded. What goes wrong behind that ends the connection
without the end of the body, so that no client takes a part for the whole.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from whodid.access.doorkeeper import Doorkeeper
from whodid.api import parameters as given_as
from whodid.api.caller import Credential, check_still, identify
from whodid.api.reply import SECURITY_HEADERS, BusyError
from whodid.api.threads import Threads
from whodid.app.answer import Caller, Hit
from whodid.app.export_formats import FORMATS, ExportFormat, ExportWriter
from whodid.app.reads import Reading
from whodid.errors import UsageError
from whodid.limits import EXPORTS_MAX

EXPORT_PARAMETERS = ("q", "format", "own")


class Exports:
    """The exports that are written, at most EXPORTS_MAX. One owner: the event loop."""

    def __init__(self, reading: Reading, doorkeeper: Doorkeeper) -> None:
        self._reading = reading
        self._doorkeeper = doorkeeper
        self._threads = Threads(2)
        self._open = 0

    async def begin(self, request: Request) -> Response:
        """Answer `GET /v1/export`."""
        given = given_as.parameters(request, EXPORT_PARAMETERS)
        form = FORMATS.get(given.get("format", "jsonl"))
        if form is None:
            raise UsageError(f"format is one of {', '.join(FORMATS)}.")
        caller = await self._threads.run(identify, request, self._doorkeeper, self._reading)
        if self._open >= EXPORTS_MAX:
            raise BusyError("Too many exports are written; try again when one is done.", 10.0)
        headers = dict(SECURITY_HEADERS)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        headers["Content-Disposition"] = f'attachment; filename="whodid-{stamp}.{form.suffix}"'
        if request.method == "HEAD":
            return Response(headers=headers, media_type=form.media)
        text, own = given_as.search_text(given), given_as.own(given)
        found = await self._threads.run(self._reading.export, caller, text, own=own)
        headers["Whodid-Size"] = str(found.size)
        if found.total_is_exact:
            headers["Whodid-Events"] = str(found.total)
        chunks = self._chunks(caller, Credential(request), form, found.pages())
        return StreamingResponse(chunks, headers=headers, media_type=form.media)

    async def _chunks(
        self, caller: Caller, credential: Credential, form: ExportFormat, pages: Iterator[list[Hit]]
    ) -> AsyncIterator[bytes]:
        self._open += 1
        try:
            yield form.head
            writer = await self._threads.run(form.writer)
            while (
                chunk := await self._threads.run(self._next, caller, credential, writer, pages)
            ) is not None:
                yield chunk
            yield await self._threads.run(writer.end)
        finally:
            self._open -= 1

    def _next(
        self, caller: Caller, credential: Credential, writer: ExportWriter,
        pages: Iterator[list[Hit]],
    ) -> bytes | None:  # fmt: skip
        hits = next(pages, None)
        if hits is None:
            return None
        check_still(self._doorkeeper, caller, credential)
        return writer.encode(hits)
