"""What each address of the API does."""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from starlette.requests import Request
from starlette.responses import Response

from whodid.access.doorkeeper import Doorkeeper
from whodid.access.rights import may_verify
from whodid.api import parameters as given_as
from whodid.api.accounts import Accounts
from whodid.api.alerts import AlertsApi
from whodid.api.caller import Credential, identify, is_local
from whodid.api.completing import Completing
from whodid.api.export import Exports
from whodid.api.overviews import Overviews
from whodid.api.reply import (
    BINARY,
    TEXT,
    NotFoundError,
    UnauthenticatedError,
    answer,
    attached,
    json_answer,
)
from whodid.api.sql import SqlReads
from whodid.api.tail import Tails
from whodid.api.threads import Threads
from whodid.api.views import ViewsApi
from whodid.app.answer import Caller, Health
from whodid.app.chains import chains_document
from whodid.app.count_document import facets_document, histogram_document, table_document
from whodid.app.desks import Desks
from whodid.app.document import (
    Document,
    answer_document,
    event_document,
    integrity_document,
    proof_document,
    with_meant,
)
from whodid.app.ocsf_answer import ocsf_answer_document
from whodid.app.profile import KINDS
from whodid.app.profile_document import profile_document
from whodid.app.public_files import PublicFiles
from whodid.app.reads import Reading
from whodid.app.source_state import state_document
from whodid.app.standing_document import standing_document
from whodid.app.trace_document import trace_document
from whodid.errors import AccessDeniedError, InputError, UsageError
from whodid.limits import FACET_VALUES_MAX, HISTOGRAM_BARS_MAX, READS_MAX
from whodid.merkle.tiles import parse_tile_path
from whodid.metrics import PROMETHEUS
from whodid.query.meant import meant
from whodid.query.parse import parse
from whodid.query.rights import NOTHING
from whodid.query.tree import Query

SEARCH_PARAMETERS = ("q", "limit", "before", "own", "as", "at", "prove", "total")
HISTOGRAM_PARAMETERS = ("q", "buckets", "own")
COMPLETE_PARAMETERS = ("q", "caret")
FACETS_PARAMETERS = ("q", "fields", "values", "own")
TRACE_PARAMETERS = ("inferred",)
BUCKETS_DEFAULT = 60
VALUES_DEFAULT = 10
FACETS_DEFAULT = ("actor", "access", "resource", "outcome", "source", "service")


class Operations:
    """The handlers: request in, answer out. Everything that blocks runs in a thread, encoding too.

    Reads of the log take turns; health, metrics and tiles never wait for them.
    """

    def __init__(
        self,
        reading: Reading,
        doorkeeper: Doorkeeper,
        ledger_files: Mapping[str, PublicFiles],
        metrics: Callable[[], str],
        tails: Tails,
        desks: Desks,
    ) -> None:
        self._reading = reading
        self._doorkeeper = doorkeeper
        self._ledger_files = ledger_files
        self._metrics = metrics
        self._tails = tails
        self._detection = desks.standing
        self._accounts = Accounts(reading, doorkeeper)
        self._completing = Completing(reading)
        self._exports = Exports(reading, doorkeeper)
        self._sql = SqlReads(reading, doorkeeper)
        self._reads = Threads(READS_MAX)
        self._overviews = Overviews(reading, doorkeeper, self._reads)
        self._views = ViewsApi(reading, doorkeeper, self._reads)
        self._alerts = AlertsApi(reading, doorkeeper, self._reads)
        self._watching = Threads(2)

    # --- reads of the log ------------------------------------------------------------------------

    async def search(self, request: Request) -> Response:
        """Answer `GET /v1/search`."""
        return await self._reads.read(self._search, request)

    def _search(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given = given_as.parameters(request, SEARCH_PARAMETERS)
        text, own, at = given_as.search_text(given), given_as.own(given), given_as.at(given)
        if given_as.truth(given, "prove", "0"):
            if given.keys() & {"limit", "before", "as", "at", "total"}:
                raise UsageError("prove gives the whole answer of now; leave out the others.")
            return attached(self._reading.prove(caller, text, own=own).encode(), "answer.json")
        query = parse(text)
        if query.sequence is not None:
            return self._chains(caller, given, query)
        if query.stats is not None:
            if given_as.cursor(given) is not None or given_as.as_ocsf(given):
                raise UsageError("A table has one page and no OCSF; | limit makes it longer.")
            table = (
                self._reading.table(caller, text, own=own)
                if at is None
                else self._reading.table_at(caller, text, at, own=own)
            )
            return json_answer(with_meant(table_document(table), meant(query)))
        limit, before = given_as.limit(given), given_as.cursor(given)
        found = (
            self._reading.search(
                caller,
                text,
                limit=limit,
                before=before,
                own=own,
                total=given_as.truth(given, "total", "1"),
            )
            if at is None
            else self._reading.search_at(caller, text, at, limit=limit, before=before, own=own)
        )
        shown = ocsf_answer_document if given_as.as_ocsf(given) else answer_document
        return json_answer(with_meant(shown(found), meant(query)))

    def _chains(self, caller: Caller, given: dict[str, str], query: Query) -> Response:
        if given_as.as_ocsf(given):
            raise UsageError("Chains have no form in OCSF; leave out `as`.")
        text, own, at = given_as.search_text(given), given_as.own(given), given_as.at(given)
        limit, before = given_as.limit(given), given_as.cursor(given)
        found = (
            self._reading.chains(caller, text, limit=limit, before=before, own=own)
            if at is None
            else self._reading.chains_at(caller, text, at, limit=limit, before=before, own=own)
        )
        return json_answer(with_meant(chains_document(found), meant(query)))

    async def export(self, request: Request) -> Response:
        """Answer `GET /v1/export`."""
        return await self._exports.begin(request)

    async def sql(self, request: Request) -> Response:
        """Answer `GET /v1/sql`."""
        return await self._sql.get(request)

    async def post_sql(self, request: Request) -> Response:
        """Answer `POST /v1/sql`."""
        return await self._sql.post(request)

    async def histogram(self, request: Request) -> Response:
        """Answer `GET /v1/histogram`."""
        return await self._reads.read(self._histogram, request)

    def _histogram(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given = given_as.parameters(request, HISTOGRAM_PARAMETERS)
        found = self._reading.histogram(
            caller,
            given_as.search_text(given),
            bars=given_as.number(given, "buckets", BUCKETS_DEFAULT, HISTOGRAM_BARS_MAX),
            own=given_as.own(given),
        )
        return json_answer(histogram_document(found))

    async def facets(self, request: Request) -> Response:
        """Answer `GET /v1/facets`."""
        return await self._reads.read(self._facets, request)

    def _facets(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given = given_as.parameters(request, FACETS_PARAMETERS)
        found = self._reading.facets(
            caller,
            given_as.search_text(given),
            given_as.names(given, "fields", FACETS_DEFAULT),
            values=given_as.number(given, "values", VALUES_DEFAULT, FACET_VALUES_MAX),
            own=given_as.own(given),
        )
        return json_answer(facets_document(found))

    async def complete(self, request: Request) -> Response:
        """Answer `GET /v1/complete`."""
        return await self._reads.read(self._complete, request)

    def _complete(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given = given_as.parameters(request, COMPLETE_PARAMETERS)
        text = given_as.search_text(given)
        return json_answer(self._completing.answer(caller, text, given_as.place(given, text)))

    async def trace(self, request: Request) -> Response:
        """Answer `GET /v1/trace/{id}`."""
        return await self._reads.read(self._trace, request)

    def _trace(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        inferred = given_as.truth(given_as.parameters(request, TRACE_PARAMETERS), "inferred", "1")
        trace_id = request.path_params["trace_id"]
        return json_answer(trace_document(self._reading.trace(caller, trace_id, inferred=inferred)))

    async def profile(self, request: Request) -> Response:
        """Answer `GET /v1/profile/{kind}/{value}`."""
        return await self._reads.read(self._profile, request)

    def _profile(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given_as.parameters(request, ())
        kind, value = request.path_params["kind"], request.path_params["value"]
        if kind not in KINDS:
            raise NotFoundError(f"There are profiles of: {', '.join(KINDS)}.")
        return json_answer(profile_document(self._reading.profile(caller, kind, value)))

    async def overview(self, request: Request) -> Response:
        """Answer `GET /v1/overview`."""
        return await self._overviews.overview(request)

    async def lookers(self, request: Request) -> Response:
        """Answer `GET /v1/lookers`."""
        return await self._overviews.lookers(request)

    async def event(self, request: Request) -> Response:
        """Answer `GET /v1/events/{id}`."""
        return await self._reads.run(self._one, request, self._event)

    async def proof(self, request: Request) -> Response:
        """Answer `GET /v1/events/{id}/proof`."""
        return await self._reads.run(self._one, request, self._proof)

    def _one(self, request: Request, read: Callable[[Any, str], Document]) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given_as.parameters(request, ())
        event_id = request.path_params["event_id"]
        if not given_as.is_event_id(event_id):
            raise NotFoundError("There is no event of that id: it would have letters, digits, -.")
        try:
            return json_answer(read(caller, event_id))
        except UsageError as error:
            raise NotFoundError(str(error)) from error

    def _event(self, caller: Any, event_id: str) -> Document:
        return event_document(self._reading.event(caller, event_id))

    def _proof(self, caller: Any, event_id: str) -> Document:
        hit, proof = self._reading.proof(caller, event_id)
        return {**event_document(hit), "proof": proof_document(proof)}

    async def sources(self, request: Request) -> Response:
        """Answer `GET /v1/sources`."""
        return await self._reads.run(self._sources, request)

    def _sources(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given_as.parameters(request, ())
        states = self._reading.source_states(caller)
        return json_answer({"sources": [state_document(state) for state in states]})

    async def tail(self, request: Request) -> Response:
        """Answer `GET /v1/tail`."""
        caller = await self._reads.run(identify, request, self._doorkeeper, self._reading)
        given = given_as.parameters(request, ("q",))
        return await self._tails.begin(request, caller, given_as.search_text(given))

    async def status(self, request: Request) -> Response:
        """Answer `GET /v1/status`."""
        return await self._reads.run(self._status, request)

    def _status(self, request: Request) -> Response:
        caller = identify(request, self._doorkeeper, self._reading)
        given_as.parameters(request, ())
        return json_answer(standing_document(self._reading.standing(caller), self._detection()))

    async def integrity(self, request: Request) -> Response:
        """Answer `GET /v1/integrity`."""
        return await self._watching.run(self._integrity, request)

    def _integrity(self, request: Request) -> Response:
        identify(request, self._doorkeeper, self._reading)
        given_as.parameters(request, ())
        return json_answer(integrity_document(self._reading.integrity()))

    async def verify_now(self, request: Request) -> Response:
        """Answer `POST /v1/integrity/verify`: 202, the round begins within seconds."""
        return await self._watching.run(self._verify_now, request)

    def _verify_now(self, request: Request) -> Response:
        if not request.headers.get("authorization"):  # no form of a foreign page can send it
            raise UnauthenticatedError("Send a read token: `Authorization: Bearer wdr_…`.")
        caller = identify(request, self._doorkeeper, self._reading)
        given_as.parameters(request, ())
        identity = Credential(request).identity(self._doorkeeper)
        if identity is None or not may_verify(identity.user):
            reason = "only an administrator or an investigator may"
            self._reading.record(caller, "request verification", "ledger", ok=False, reason=reason)
            raise AccessDeniedError(f"Not allowed: {reason}.")
        self._reading.verify_now(caller)
        return json_answer(integrity_document(self._reading.integrity()), 202)

    # --- saved views -----------------------------------------------------------------------------

    async def views(self, request: Request) -> Response:
        """Answer `GET /v1/views`."""
        return await self._views.all(request)

    async def save_view(self, request: Request) -> Response:
        """Answer `POST /v1/views/save`."""
        return await self._views.save(request)

    async def change_view(self, request: Request) -> Response:
        """Answer `POST /v1/views/change`."""
        return await self._views.change(request)

    async def remove_view(self, request: Request) -> Response:
        """Answer `POST /v1/views/remove`."""
        return await self._views.remove(request)

    # --- alerts ----------------------------------------------------------------------------------

    async def alerts(self, request: Request) -> Response:
        """Answer `GET /v1/alerts`."""
        return await self._alerts.page(request)

    async def alert(self, request: Request) -> Response:
        """Answer `GET /v1/alerts/{id}`."""
        return await self._alerts.one(request)

    async def act_on_alert(self, request: Request) -> Response:
        """Answer `POST /v1/alerts/{id}`."""
        return await self._alerts.act(request)

    async def silences(self, request: Request) -> Response:
        """Answer `GET /v1/silences`."""
        return await self._alerts.silences(request)

    async def silence_effect(self, request: Request) -> Response:
        """Answer `GET /v1/silences/effect`."""
        return await self._alerts.effect(request)

    async def make_silence(self, request: Request) -> Response:
        """Answer `POST /v1/silences`."""
        return await self._alerts.silence(request)

    async def end_silence(self, request: Request) -> Response:
        """Answer `POST /v1/silences/{id}/end`."""
        return await self._alerts.end_silence(request)

    # --- people ----------------------------------------------------------------------------------

    async def log_in(self, request: Request) -> Response:
        """Answer `POST /v1/login`."""
        return await self._accounts.log_in(request)

    async def log_out(self, request: Request) -> Response:
        """Answer `POST /v1/logout`."""
        return await self._accounts.log_out(request)

    async def set_password(self, request: Request) -> Response:
        """Answer `POST /v1/password`."""
        return await self._accounts.set_password(request)

    # --- files of the log ------------------------------------------------------------------------

    async def checkpoint(self, request: Request) -> Response:
        """Answer `GET /ledger/{name}/checkpoint`."""
        files = self._files(request)
        return answer(await self._watching.run(files.checkpoint), TEXT)

    async def tile(self, request: Request) -> Response:
        """Answer `GET /ledger/{name}/tile/{path}`: hash tiles to all, entries to who may read."""
        return await self._watching.run(self._tile, request, self._files(request))

    def _tile(self, request: Request, files: PublicFiles) -> Response:
        path = f"tile/{request.path_params['path']}"
        try:
            level, index, width = parse_tile_path(path)
        except InputError as error:
            raise NotFoundError(str(error)) from error
        if level is None:
            caller = identify(request, self._doorkeeper, self._reading)
            name = request.path_params["name"]
            if not caller.rights.whole:
                self._refuse(caller, "export entries", f"/ledger/{name}/{path}")
            self._reading.record(caller, "export entries", f"/ledger/{name}/{path}")
        try:
            return answer(files.tile(level, index, width), BINARY)
        except UsageError as error:
            raise NotFoundError(str(error)) from error

    def _refuse(self, caller: Caller, action: str, resource: str) -> NoReturn:
        """Record and raise: what shows the whole log is for who may see all of it."""
        reason = "this shows the whole log, and you may see a part of it"
        self._reading.record(caller, action, resource, ok=False, reason=reason)
        raise AccessDeniedError(f"Not allowed: {reason}.")

    def _files(self, request: Request) -> PublicFiles:
        files = self._ledger_files.get(request.path_params["name"])
        if files is None:
            raise NotFoundError("There is no ledger of that name here.")
        return files

    # --- the server itself -----------------------------------------------------------------------

    async def healthz(self, _request: Request) -> Response:
        """Answer `GET /healthz`: 200 when ready, else 503 with the reasons."""
        health = await self._watching.run(self._reading.health)
        return json_answer(health_document(health), 200 if health.ready else 503)

    async def metrics(self, request: Request) -> Response:
        """Answer `GET /metrics`: over loopback to all, else to who sees the whole."""
        if not is_local(request):
            caller = await self._watching.run(identify, request, self._doorkeeper, self._reading)
            if not caller.rights.whole and caller.rights != NOTHING:
                await self._watching.run(self._refuse, caller, "export metrics", "/metrics")
        return answer(await self._watching.run(self._metrics), PROMETHEUS)


def health_document(health: Health) -> Document:
    """Return the JSON form of a server's health."""
    return {
        "ready": health.ready,
        "reasons": health.reasons,
        "size": health.size,
        "published": health.published,
        "sealed": health.sealed,
        "indexed": health.indexed,
        "stopped": health.stopped,
    }
