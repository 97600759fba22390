"""The routes of the API, each with its description, to be mounted beside the pages."""

import logging
from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from whodid.access.doorkeeper import Doorkeeper
from whodid.api.alerts import ALERTS_PARAMETERS, EFFECT_PARAMETERS
from whodid.api.export import EXPORT_PARAMETERS
from whodid.api.openapi import Described, Who, openapi
from whodid.api.operations import (
    COMPLETE_PARAMETERS,
    FACETS_PARAMETERS,
    HISTOGRAM_PARAMETERS,
    SEARCH_PARAMETERS,
    TRACE_PARAMETERS,
    Operations,
)
from whodid.api.overviews import LOOKERS_PARAMETERS, OVERVIEW_PARAMETERS
from whodid.api.reply import (
    BINARY,
    JSON,
    TEXT,
    NotFoundError,
    error_answer,
    error_document,
    json_answer,
)
from whodid.api.rules import RulesApi
from whodid.api.sql import SQL_PARAMETERS
from whodid.api.tail import EVENT_STREAM, Tails
from whodid.app.desks import Desks
from whodid.app.export_formats import FORMATS
from whodid.app.public_files import PublicFiles
from whodid.app.reads import Reading
from whodid.errors import WhodidError
from whodid.metrics import PROMETHEUS

Handler = Callable[[Request], Awaitable[Response]]

CSV, NDJSON, PARQUET = (FORMATS[name].media for name in ("csv", "jsonl", "parquet"))
_log = logging.getLogger("whodid.api")


class _Endpoint:
    """One address as an ASGI application: its methods (GET with HEAD), and always an answer."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = dict(handlers)
        if "GET" in self._handlers:
            self._handlers["HEAD"] = self._handlers["GET"]
        self._methods = sorted(self._handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        handler = self._handlers.get(request.method)
        if handler is not None:
            response = await self._answer(handler, request)
        else:
            methods = " and ".join(method for method in self._methods if method != "HEAD")
            response = error_document(405, "method", f"Only {methods} is answered here.")
            response.headers["Allow"] = ", ".join(self._methods)
        await response(scope, receive, send)

    async def _answer(self, handler: Handler, request: Request) -> Response:
        try:
            return await handler(request)
        except WhodidError as error:
            return error_answer(error)
        except Exception:  # noqa: BLE001 - the last line: an answer, and the reason in our log
            _log.exception("a request to %s failed", request.scope["path"][:200])
            return error_document(500, "internal", "The server failed; its log says why.")


def make_api(
    reading: Reading,
    doorkeeper: Doorkeeper,
    *,
    ledger_files: Mapping[str, PublicFiles],
    metrics: Callable[[], str],
    desks: Desks,
    stopping: Callable[[], bool] = lambda: False,
    tails: Tails | None = None,
) -> list[Route]:
    """Return the routes. `ledger_files` are the logs by name, under `/ledger/<name>/`.

    `desks` are what there is of detection beside the alerts; `metrics` returns the text of
    /metrics; `stopping` ends the tails when the server stops.
    """
    does = Operations(
        reading, doorkeeper, ledger_files, metrics, tails or Tails(reading, doorkeeper, stopping),
        desks,
    )  # fmt: skip
    table = [*_table(does), *_detection(RulesApi(reading, doorkeeper, desks))]
    document = openapi([described for described, _ in table] + [_OPENAPI])

    async def described_as(_request: Request) -> Response:
        return json_answer(document)

    async def nothing(_request: Request) -> Response:
        raise NotFoundError("There is nothing at this address; see /openapi.json.")

    table.append((_OPENAPI, described_as))
    methods: dict[str, dict[str, Handler]] = {}
    for described, handler in table:
        methods.setdefault(described.path, {})[described.method] = handler
    for path in ("/v1/{rest:path}", "/ledger/{rest:path}"):
        methods[path] = {"GET": nothing}
    return [Route(path, _Endpoint(handlers)) for path, handlers in methods.items()]


_OPENAPI = Described("GET", "/openapi.json", "This document", "all", {200: (JSON, None)})


def _table(does: Operations) -> list[tuple[Described, Handler]]:
    return [
        *_reads(does), *_alerts(does), *_views(does), *_people(does), *_others(does),
    ]  # fmt: skip


def _get(path: str, summary: str, handler: Handler, media: str, schema: str | None = None,
        *, who: Who = "reader", parameters: tuple[str, ...] = (),
        also: dict[int, tuple[str, str | None]] | None = None,
        other_media: tuple[str, ...] = (),
        ) -> tuple[Described, Handler]:  # fmt: skip
    answers = {200: (media, schema), **(also or {})}
    described = Described("GET", path, summary, who, answers, parameters, other_media)
    return described, handler


def _reads(does: Operations) -> list[tuple[Described, Handler]]:
    """Return the reads of the log."""
    return [
        _get("/v1/search", "Search, newest event first; a table, chains, or a proof", does.search,
            JSON, "AnswerOrTable", parameters=SEARCH_PARAMETERS),
        _get("/v1/export", "All events of a search as a file: JSON lines, CSV, OCSF, Parquet",
            does.export, NDJSON, parameters=EXPORT_PARAMETERS, other_media=(CSV, PARQUET)),
        _get("/v1/sql", "One SELECT over the events, cut to what the reader may see", does.sql,
            JSON, "SqlAnswer", parameters=SQL_PARAMETERS),
        (
            Described("POST", "/v1/sql", "The same, with long SQL in the body", "reader",
                      {200: (JSON, "SqlAnswer")}, body="SqlRequest"),
            does.post_sql,
        ),
        _get("/v1/histogram", "How many events there were when, by outcome", does.histogram, JSON,
            "Histogram", parameters=HISTOGRAM_PARAMETERS),
        _get("/v1/facets", "The most frequent values of fields", does.facets, JSON, "Facets",
            parameters=FACETS_PARAMETERS),
        _get("/v1/complete", "What can stand at the caret of a search", does.complete, JSON,
            "Completion", parameters=COMPLETE_PARAMETERS),
        _get("/v1/trace/{trace_id:path}", "The story of an id across all systems, oldest first",
            does.trace, JSON, "Trace", parameters=TRACE_PARAMETERS),
        _get("/v1/profile/{kind}/{value:path}", "All about an actor, a resource or an address",
            does.profile, JSON, "Profile"),
        _get("/v1/overview", "The place as a whole over a period, against those before",
            does.overview, JSON, "Overview", parameters=OVERVIEW_PARAMETERS),
        _get("/v1/lookers", "Who looked: reads of the log, by whom and at what, and refusals",
            does.lookers, JSON, "Lookers", parameters=LOOKERS_PARAMETERS),
        _get("/v1/events/{event_id}", "One event", does.event, JSON, "Event"),
        _get("/v1/events/{event_id}/proof", "One event with its inclusion proof", does.proof,
            JSON, "ProvenEvent"),
        _get("/v1/views", "The saved views: one's own, and those that are shared", does.views,
            JSON, "Views"),
        _get("/v1/sources", "The declared sources", does.sources, JSON, "Sources"),
    ]  # fmt: skip


def _alerts(does: Operations) -> list[tuple[Described, Handler]]:
    """Return what is about alerts."""
    return [
        _get("/v1/alerts", "Alerts, the newest first", does.alerts, JSON, "Alerts",
            parameters=ALERTS_PARAMETERS),
        _get("/v1/alerts/{alert_id}", "One alert: why, its events, what was done with it",
            does.alert, JSON, "AlertDetail"),
        (
            Described("POST", "/v1/alerts/{alert_id}", "Acknowledge, assign, note, close, reopen",
                      "token", {200: (JSON, "Alert")}, body="AlertAct"),
            does.act_on_alert,
        ),
        _get("/v1/silences", "What is muted: silences and exclusions", does.silences, JSON,
            "Silences", parameters=("ended",)),
        _get("/v1/silences/effect", "What a silence would have muted in the past",
            does.silence_effect, JSON, "Effect", parameters=EFFECT_PARAMETERS),
        (
            Described("POST", "/v1/silences", "Mute alerts for a while, or for good", "token",
                      {200: (JSON, "Silence")}, body="SilenceRequest"),
            does.make_silence,
        ),
        (
            Described("POST", "/v1/silences/{silence_id}/end", "End a silence or an exclusion",
                      "token", {200: (JSON, "Silence")}, body="SilenceEnd"),
            does.end_silence,
        ),
    ]  # fmt: skip


def _detection(does: RulesApi) -> list[tuple[Described, Handler]]:
    """Return what is about rules, looks over history and the outbox."""
    return [
        _get("/v1/rules", "The rules that are used: what they look for, whether they can find it",
            does.rules, JSON, "Rules"),
        _get("/v1/rules/{rule_id:path}", "One rule: its text, its alerts, what is excluded of it",
            does.rule, JSON, "RuleDetail"),
        (
            Described("POST", "/v1/backtests", "Begin to look over history with a rule", "token",
                      {202: (JSON, "Backtest")}, body="BacktestRequest"),
            does.begin,
        ),
        _get("/v1/backtests/{backtest_id}", "How a look over history is getting on, or its answer",
            does.run, JSON, "Backtest"),
        (
            Described("POST", "/v1/backtests/{backtest_id}/end", "End a look over history", "token",
                      {200: (JSON, "Backtest")}),
            does.end,
        ),
        _get("/v1/outbox", "What people are still to be told, and what was given up", does.outbox,
            JSON, "Outbox"),
        (
            Described("POST", "/v1/outbox/send-again", "Have messages tried again", "token",
                      {200: (JSON, "Messages")}, body="SendAgain"),
            does.send_again,
        ),
    ]  # fmt: skip


def _others(does: Operations) -> list[tuple[Described, Handler]]:
    """Return what is about the server and the files of the log."""
    return [
        _get("/v1/status", "Size, growth, lags, sources and the last verification", does.status,
            JSON, "Status"),
        _get("/v1/integrity", "What continuous validation of the whole ledger found",
            does.integrity, JSON, "Integrity"),
        (
            Described("POST", "/v1/integrity/verify", "Verify all of the ledger now", "token",
                      {202: (JSON, "Integrity")}),
            does.verify_now,
        ),
        _get("/v1/tail", "New events as they come in (server-sent events)", does.tail,
            EVENT_STREAM, parameters=("q",)),
        _get("/ledger/{name}/checkpoint", "The newest signed checkpoint (C2SP tlog-checkpoint)",
            does.checkpoint, TEXT, who="all"),
        _get("/ledger/{name}/tile/{path:path}",
            "A hash tile, for all; an entry bundle, for readers (C2SP tlog-tiles)",
            does.tile, BINARY, who="all"),
        _get("/healthz", "200 only when the server is ready", does.healthz, JSON, "Health",
            who="all", also={503: (JSON, "Health")}),
        _get("/metrics", "Metrics for Prometheus; over loopback without a token", does.metrics,
            PROMETHEUS, who="all"),
    ]  # fmt: skip


def _views(does: Operations) -> list[tuple[Described, Handler]]:
    """Return what saves, changes and removes views."""
    return [
        (
            Described("POST", "/v1/views/save", "Save a search under a name", "token",
                      {200: (JSON, "View")}, body="ViewRequest"),
            does.save_view,
        ),
        (
            Described("POST", "/v1/views/change", "Rename a view of one's own, share it or not",
                      "token", {200: (JSON, "View")}, body="ViewChange"),
            does.change_view,
        ),
        (
            Described("POST", "/v1/views/remove", "Remove a view of one's own", "token",
                      {200: (JSON, "View")}, body="ViewId"),
            does.remove_view,
        ),
    ]  # fmt: skip


def _people(does: Operations) -> list[tuple[Described, Handler]]:
    """Return what lets people in and out."""
    return [
        (
            Described("POST", "/v1/login", "A read token for 8 hours, for a name and a password",
                      "all", {200: (JSON, "Login")}, body="LoginRequest"),
            does.log_in,
        ),
        (
            Described("POST", "/v1/logout", "End the read token that this is sent with", "token",
                      {200: (JSON, None)}),
            does.log_out,
        ),
        (
            Described("POST", "/v1/password", "Change one's own password; ends sessions and logins",
                      "all", {200: (JSON, None)}, body="PasswordRequest"),
            does.set_password,
        ),
    ]  # fmt: skip
