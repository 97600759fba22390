"""`/v1/rules`, `/v1/backtests`, `/v1/outbox`: what is looked for, and what is still to be told.

A look over history lasts; so it is begun, asked about and taken, or ended, by requests of its own.
What begins or changes something needs a token: a foreign page cannot send one.
"""

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from whodid.access.doorkeeper import Doorkeeper
from whodid.api import parameters as given_as
from whodid.api.body import read_body
from whodid.api.caller import identify, identify_holder
from whodid.api.reply import NotFoundError, json_answer
from whodid.api.threads import Threads
from whodid.app.desks import Desks
from whodid.app.outbox_desk import message_document, outbox_document
from whodid.app.reads import Reading
from whodid.app.rule_document import rule_answer_document, rules_document, run_document
from whodid.errors import UsageError
from whodid.limits import OUTBOX_MESSAGES_SHOWN, READS_MAX

BACKTEST_DAYS_DEFAULT = 30


class BacktestRequest(Struct, forbid_unknown_fields=True):
    """The body that begins a look over history: a rule's id or name, and how many days back."""

    rule: str
    days: int = BACKTEST_DAYS_DEFAULT


class SendAgain(Struct, forbid_unknown_fields=True):
    """The body that has messages tried again."""

    ids: list[str]


class RulesApi:
    """The handlers. They read no events, so they have threads of their own and take no turn."""

    def __init__(self, reading: Reading, doorkeeper: Doorkeeper, desks: Desks) -> None:
        self._reading = reading
        self._doorkeeper = doorkeeper
        self._rules = desks.rules
        self._outbox = desks.outbox
        self._threads = Threads(READS_MAX)

    # --- rules -----------------------------------------------------------------------------------

    async def rules(self, request: Request) -> Response:
        """Answer `GET /v1/rules`."""
        return await self._threads.read(self._all_rules, request)

    def _all_rules(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given_as.parameters(request, ())
        return json_answer(rules_document(self._rules.rules(caller)))

    async def rule(self, request: Request) -> Response:
        """Answer `GET /v1/rules/{id}`."""
        return await self._threads.read(self._one_rule, request)

    def _one_rule(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given_as.parameters(request, ())
        try:
            found = self._rules.rule(caller, request.path_params["rule_id"])
        except UsageError as error:
            raise NotFoundError(str(error)) from error
        return json_answer(rule_answer_document(found))

    # --- over history ----------------------------------------------------------------------------

    async def begin(self, request: Request) -> Response:
        """Answer `POST /v1/backtests`: 202, it looks from now on."""
        asked = await read_body(request, BacktestRequest)
        return await self._threads.run(self._begin, request, asked)

    def _begin(self, request: Request, asked: BacktestRequest) -> Response:
        caller = identify_holder(request, self._doorkeeper, self._reading)
        return json_answer(run_document(self._rules.begin(caller, asked.rule, asked.days)), 202)

    async def run(self, request: Request) -> Response:
        """Answer `GET /v1/backtests/{id}`."""
        return await self._threads.read(self._run, request)

    def _run(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given_as.parameters(request, ())
        try:
            found = self._rules.run(caller, request.path_params["backtest_id"])
        except UsageError as error:
            raise NotFoundError(str(error)) from error
        return json_answer(run_document(found))

    async def end(self, request: Request) -> Response:
        """Answer `POST /v1/backtests/{id}/end`."""
        return await self._threads.run(self._end, request)

    def _end(self, request: Request) -> Response:
        caller = identify_holder(request, self._doorkeeper, self._reading)
        try:
            found = self._rules.end(caller, request.path_params["backtest_id"])
        except UsageError as error:
            raise NotFoundError(str(error)) from error
        return json_answer(run_document(found, whole=False))

    # --- the outbox ------------------------------------------------------------------------------

    async def outbox(self, request: Request) -> Response:
        """Answer `GET /v1/outbox`."""
        return await self._threads.read(self._look, request)

    def _look(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given_as.parameters(request, ())
        return json_answer(outbox_document(self._outbox.look(caller)))

    async def send_again(self, request: Request) -> Response:
        """Answer `POST /v1/outbox/send-again`."""
        return await self._threads.run(
            self._send_again, request, await read_body(request, SendAgain)
        )

    def _send_again(self, request: Request, asked: SendAgain) -> Response:
        caller = identify_holder(request, self._doorkeeper, self._reading)
        if len(asked.ids) > OUTBOX_MESSAGES_SHOWN:
            raise UsageError(f"At most {OUTBOX_MESSAGES_SHOWN} messages at a time.")
        found = self._outbox.send_again(caller, asked.ids)
        shows = caller.rights.whole
        return json_answer({
            "messages": [message_document(one, shows_alerts=shows) for one in found]
        })  # fmt: skip
