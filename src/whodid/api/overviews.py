"""What the API tells beside events: who looked, and the place as a whole."""

from starlette.requests import Request
from starlette.responses import Response

from whodid.access.doorkeeper import Doorkeeper
from whodid.api import parameters as given_as
from whodid.api.caller import identify
from whodid.api.reply import json_answer
from whodid.api.threads import Threads
from whodid.app.lookers import SUBJECTS
from whodid.app.lookers_document import lookers_document
from whodid.app.overview_document import overview_document
from whodid.app.reads import Reading
from whodid.errors import UsageError

OVERVIEW_PARAMETERS = ("period",)
PERIOD_DEFAULT = "week"
LOOKERS_PARAMETERS = ("q", "of", "named", "limit", "before")


class Overviews:
    """The handlers; they share the threads of the other reads."""

    def __init__(self, reading: Reading, doorkeeper: Doorkeeper, reads: Threads) -> None:
        self._reading = reading
        self._doorkeeper = doorkeeper
        self._reads = reads

    async def overview(self, request: Request) -> Response:
        """Answer `GET /v1/overview`."""
        return await self._reads.read(self._overview, request)

    def _overview(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given = given_as.parameters(request, OVERVIEW_PARAMETERS)
        period = given.get("period", PERIOD_DEFAULT)
        return json_answer(overview_document(self._reading.overview(caller, period)))

    async def lookers(self, request: Request) -> Response:
        """Answer `GET /v1/lookers`."""
        return await self._reads.read(self._lookers, request)

    def _lookers(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given = given_as.parameters(request, LOOKERS_PARAMETERS)
        kind = given.get("of") or None
        if kind is None and given.get("named"):
            raise UsageError(f"Say what it is with of: {', '.join(SUBJECTS)}.")
        found = self._reading.lookers(
            caller,
            given_as.search_text(given),
            kind=kind,
            value=given.get("named", ""),
            limit=given_as.limit(given),
            before=given_as.cursor(given),
        )
        return json_answer(lookers_document(found))
