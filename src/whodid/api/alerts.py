"""`/v1/alerts` and `/v1/silences`: alerts cut to the reader's rights, and what is done with them.

What changes something needs a token: a foreign page cannot send one. Each change is an event of
the ledger before it is made.
"""

import re

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from whodid.access.doorkeeper import Doorkeeper
from whodid.api import parameters as given_as
from whodid.api.body import read_body
from whodid.api.caller import identify, identify_holder
from whodid.api.reply import NotFoundError, json_answer
from whodid.api.threads import Threads
from whodid.app.alert_acts import AlertAct, SilenceAsked, do, key_of, level_of, silence
from whodid.app.alert_answer import AlertQuery, place_of
from whodid.app.alert_document import (
    alert_answer_document,
    alert_document,
    alerts_document,
    effect_document,
    silence_document,
)
from whodid.app.reads import Reading
from whodid.errors import UsageError
from whodid.limits import ALERT_EFFECT_DAYS_MAX

ALERTS_PARAMETERS = ("state", "level", "rule", "assignee", "muted", "key", "limit", "below")
EFFECT_PARAMETERS = ("rule", "level", "key", "days")
EFFECT_DAYS_DEFAULT = 30
_ALERT_ID = re.compile(r"[0-9a-f-]{1,64}")


class SilenceEnd(Struct, forbid_unknown_fields=True):
    """The body that ends a silence."""

    note: str = ""


class AlertsApi:
    """The handlers; they share the threads of the reads."""

    def __init__(self, reading: Reading, doorkeeper: Doorkeeper, reads: Threads) -> None:
        self._reading = reading
        self._doorkeeper = doorkeeper
        self._reads = reads

    async def page(self, request: Request) -> Response:
        """Answer `GET /v1/alerts`."""
        return await self._reads.read(self._page, request)

    def _page(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given = given_as.parameters(request, ALERTS_PARAMETERS)
        asked = AlertQuery(
            state=given.get("state") or "active",
            level=level_of(given.get("level", "")),
            rule=given.get("rule", ""),
            assignee=given.get("assignee", ""),
            muted=given_as.truth(given, "muted", "0"),
            key=key_of(given.get("key", "")),
            below=place_of(given.get("below", "")),
            limit=given_as.limit(given),
        )
        return json_answer(alerts_document(self._reading.alerts.page(caller, asked)))

    async def one(self, request: Request) -> Response:
        """Answer `GET /v1/alerts/{id}`."""
        return await self._reads.read(self._one, request)

    def _one(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given_as.parameters(request, ())
        alert_id = _id(request, "alert_id")
        try:
            found = self._reading.alerts.show(caller, alert_id)
        except UsageError as error:
            raise NotFoundError(str(error)) from error
        return json_answer(alert_answer_document(found))

    async def act(self, request: Request) -> Response:
        """Answer `POST /v1/alerts/{id}`."""
        return await self._reads.run(self._act, request, await read_body(request, AlertAct))

    def _act(self, request: Request, asked: AlertAct) -> Response:
        caller = identify_holder(request, self._doorkeeper, self._reading)
        done = do(self._reading.alerts, caller, _id(request, "alert_id"), asked)
        return json_answer(alert_document(done))

    async def silences(self, request: Request) -> Response:
        """Answer `GET /v1/silences`."""
        return await self._reads.read(self._silences, request)

    def _silences(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        ended = given_as.truth(given_as.parameters(request, ("ended",)), "ended", "0")
        found = self._reading.alerts.silences(caller, ended=ended)
        return json_answer({"silences": [silence_document(one) for one in found]})

    async def effect(self, request: Request) -> Response:
        """Answer `GET /v1/silences/effect`."""
        return await self._reads.read(self._effect, request)

    def _effect(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given = given_as.parameters(request, EFFECT_PARAMETERS)
        found = self._reading.alerts.effect(
            caller, rule=given.get("rule", ""), level=level_of(given.get("level", "")),
            key=key_of(given.get("key", "")),
            days=given_as.number(given, "days", EFFECT_DAYS_DEFAULT, ALERT_EFFECT_DAYS_MAX),
        )  # fmt: skip
        return json_answer(effect_document(found))

    async def silence(self, request: Request) -> Response:
        """Answer `POST /v1/silences`."""
        return await self._reads.run(self._silence, request, await read_body(request, SilenceAsked))

    def _silence(self, request: Request, asked: SilenceAsked) -> Response:
        caller = identify_holder(request, self._doorkeeper, self._reading)
        made = silence(self._reading.alerts, caller, asked)
        return json_answer(silence_document(made))

    async def end_silence(self, request: Request) -> Response:
        """Answer `POST /v1/silences/{id}/end`."""
        return await self._reads.run(self._end, request, await read_body(request, SilenceEnd))

    def _end(self, request: Request, asked: SilenceEnd) -> Response:
        caller = identify_holder(request, self._doorkeeper, self._reading)
        ended = self._reading.alerts.end_silence(caller, _id(request, "silence_id"), asked.note)
        return json_answer(silence_document(ended))


def _id(request: Request, name: str) -> str:
    found: str = request.path_params[name]
    if _ALERT_ID.fullmatch(found) is None:
        raise NotFoundError("There is nothing of that id: it would have digits, a to f, and -.")
    return found
