"""`/v1/sql`: one SELECT over the events, its answer written while rows come.

It is answered when there are first rows. What goes wrong behind them ends the connection without
the end of the document.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from whodid.access.doorkeeper import Doorkeeper
from whodid.api import parameters as given_as
from whodid.api.body import read_body
from whodid.api.caller import Credential, check_still, identify
from whodid.api.reply import JSON, SECURITY_HEADERS, BusyError
from whodid.api.threads import Threads
from whodid.app.leaving import watched
from whodid.app.reads import Reading
from whodid.app.sql.answer import SqlAnswer, sql_document
from whodid.errors import UsageError
from whodid.limits import LOG_SIZE_MAX, SQL_RUNS_MAX
from whodid.query.meant import meant
from whodid.query.parse import parse

SQL_PARAMETERS = ("sql", "q", "own", "at")


class SqlRequest(Struct, forbid_unknown_fields=True):
    """The body of a POST: the SQL, the search whose events it looks at, whether own ones too.

    `at` is the size of the log as of which it is answered.
    """

    sql: str
    q: str = ""
    own: bool = False
    at: Annotated[int, Meta(ge=1, le=LOG_SIZE_MAX)] | None = None


class SqlReads:
    """The SQL that runs, at most SQL_RUNS_MAX. One owner: the event loop."""

    def __init__(self, reading: Reading, doorkeeper: Doorkeeper) -> None:
        self._reading = reading
        self._doorkeeper = doorkeeper
        self._threads = Threads(SQL_RUNS_MAX)
        self._beginning = 0
        self._running: list[SqlAnswer] = []

    async def get(self, request: Request) -> Response:
        """Answer `GET /v1/sql`."""
        given = given_as.parameters(request, SQL_PARAMETERS)
        if "sql" not in given:
            raise UsageError("Say what to ask with ?sql=select …")
        text, own, at = given_as.search_text(given), given_as.own(given), given_as.at(given)
        asked = SqlRequest(given["sql"], text, own, at)
        async with watched(request.scope, request.receive):
            return await self._begin(request, asked)

    async def post(self, request: Request) -> Response:
        """Answer `POST /v1/sql`."""
        asked = await read_body(request, SqlRequest)
        async with watched(request.scope, request.receive):
            return await self._begin(request, asked)

    async def _begin(self, request: Request, asked: SqlRequest) -> Response:
        self._running = [answer for answer in self._running if not answer.closed]
        if len(self._running) + self._beginning >= SQL_RUNS_MAX:
            raise BusyError("Too much SQL runs; try again when it is done.", 5.0)
        self._beginning += 1
        try:
            answer, chunks = await self._threads.run(self._answer, request, asked)
            self._running.append(answer)
        finally:
            self._beginning -= 1
        headers = dict(SECURITY_HEADERS)
        return StreamingResponse(self._chunks(answer, chunks), headers=headers, media_type=JSON)

    def _answer(self, request: Request, asked: SqlRequest) -> tuple[SqlAnswer, Iterator[bytes]]:
        caller = identify(request, self._doorkeeper, self._reading)
        credential = Credential(request)
        answer = self._reading.sql(caller, asked.sql, asked.q, own=asked.own, at=asked.at)
        still = lambda: check_still(self._doorkeeper, caller, credential)  # noqa: E731
        return answer, sql_document(answer, still, meant(parse(asked.q)))

    async def _chunks(self, answer: SqlAnswer, chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
        try:
            while (chunk := await self._threads.run(next, chunks, None)) is not None:
                yield chunk
        finally:
            answer.close()
