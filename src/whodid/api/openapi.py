"""The OpenAPI 3.1 document (spec.openapis.org/oas/v3.1.1), made from the table of operations."""

import re
from collections.abc import Iterable
from typing import Any, Literal

from msgspec import Struct

import whodid
from whodid.api.alerts import EFFECT_DAYS_DEFAULT
from whodid.api.overviews import PERIOD_DEFAULT
from whodid.api.parameters import LIMIT_DEFAULT, TRUTH
from whodid.api.reply import BINARY, JSON
from whodid.api.schema_parts import Schema, reference
from whodid.api.schemas import schemas
from whodid.app.alert_list import STATES_ASKED
from whodid.app.export_formats import FORMATS
from whodid.app.lookers import SUBJECTS
from whodid.app.overview import PERIODS
from whodid.app.profile import KINDS
from whodid.detection.alerts.silence import RULE_CHARS_MAX
from whodid.detection.rule import LEVELS
from whodid.limits import (
    ALERT_EFFECT_DAYS_MAX,
    FACET_FIELDS_MAX,
    FACET_VALUES_MAX,
    HISTOGRAM_BARS_MAX,
    PAGE_ROWS_MAX,
    PROFILE_VALUE_CHARS_MAX,
    QUERY_CHARS_MAX,
    SQL_CHARS_MAX,
    TRACE_ID_CHARS_MAX,
)

Who = Literal["all", "reader", "token", "source"]


class Described(Struct, frozen=True):
    """One operation in words. `answers` is status → (media type, name of a schema or None).

    `other_media` are further media types of a good answer; `body` names the schema of a JSON body.
    """

    method: str
    path: str
    summary: str
    who: Who
    answers: dict[int, tuple[str, str | None]]
    parameters: tuple[str, ...] = ()
    other_media: tuple[str, ...] = ()
    body: str | None = None


_PARAMETERS: dict[str, tuple[str, Schema]] = {
    "q": (
        "The search, such as `actor:alice time:today | stats by (resource)`; empty finds all.",
        {"type": "string", "maxLength": QUERY_CHARS_MAX},
    ),
    "caret": (
        "The place of the caret in `q`, in characters; its end by default.",
        {"type": "integer", "minimum": 0, "maximum": QUERY_CHARS_MAX},
    ),
    "limit": (
        "Most events of a page.",
        {"type": "integer", "minimum": 1, "maximum": PAGE_ROWS_MAX, "default": LIMIT_DEFAULT},
    ),
    "buckets": (
        "Most bars of the histogram.",
        {"type": "integer", "minimum": 1, "maximum": HISTOGRAM_BARS_MAX, "default": 60},
    ),
    "fields": (
        f"At most {FACET_FIELDS_MAX} fields, with commas between them.",
        {"type": "string", "maxLength": QUERY_CHARS_MAX},
    ),
    "values": (
        "Most values of each field.",
        {"type": "integer", "minimum": 1, "maximum": FACET_VALUES_MAX, "default": 10},
    ),
    "before": (
        "The `next` of the page before.",
        {"type": "string", "pattern": "^([A-Za-z0-9_-]{22})?$"},
    ),
    "sql": (
        "One SELECT over the table `events`.",
        {"type": "string", "maxLength": SQL_CHARS_MAX},
    ),
    "own": ("1 shows whodid's own events too.", {"type": "string", "enum": list(TRUTH)}),
    "at": (
        "Answer as of the first so many entries of the log, as `newer` were not yet there.",
        {"type": "integer", "minimum": 1},
    ),
    "as": (
        "The form of the events: our own, or OCSF 1.6 (then `events` holds OCSF events).",
        {"type": "string", "enum": ["event", "ocsf"], "default": "event"},
    ),
    "format": (
        "How the events are written.",
        {"type": "string", "enum": list(FORMATS), "default": "jsonl"},
    ),
    "prove": (
        "1 gives the whole answer as a document which proves that nothing is missing.",
        {"type": "string", "enum": list(TRUTH), "default": "0"},
    ),
    "total": (
        "0 does not count on when the page is full: words are found soonest so.",
        {"type": "string", "enum": list(TRUTH), "default": "1"},
    ),
    "inferred": (
        "0 leaves out what is only inferred to belong to it.",
        {"type": "string", "enum": list(TRUTH), "default": "1"},
    ),
    "trace_id": (
        "A correlation, trace, request or session id, or the id of an event.",
        {"type": "string", "minLength": 1, "maxLength": TRACE_ID_CHARS_MAX},
    ),
    "kind": ("What it is.", {"type": "string", "enum": list(KINDS)}),
    "value": (
        "The actor, resource or address, as events name it.",
        {"type": "string", "minLength": 1, "maxLength": PROFILE_VALUE_CHARS_MAX},
    ),
    "period": (
        "How long, up to now.",
        {"type": "string", "enum": list(PERIODS), "default": PERIOD_DEFAULT},
    ),
    "of": (
        "Only looks at one thing: what it is.",
        {"type": "string", "enum": list(SUBJECTS)},
    ),
    "named": (
        "The value of that thing, as events name it.",
        {"type": "string", "maxLength": PROFILE_VALUE_CHARS_MAX},
    ),
    "event_id": ("The id of an event.", {"type": "string", "pattern": "^[A-Za-z0-9-]{1,64}$"}),
    "alert_id": ("The id of an alert.", {"type": "string", "pattern": "^[0-9a-f-]{1,64}$"}),
    "silence_id": ("The id of a silence.", {"type": "string", "pattern": "^[0-9a-f-]{1,64}$"}),
    "rule_id": (
        "The id of a rule that is used, or its name.",
        {"type": "string", "minLength": 1, "maxLength": RULE_CHARS_MAX},
    ),
    "backtest_id": ("The id of a backtest.", {"type": "string", "pattern": "^[0-9a-f]{1,64}$"}),
    "state": (
        "In which state; active ones are open or acknowledged.",
        {"type": "string", "enum": list(STATES_ASKED), "default": "active"},
    ),
    "level": (
        "Alerts of this level or a graver one; of a silence: of this or a lesser one.",
        {"type": "string", "enum": list(LEVELS)},
    ),
    "rule": ("The id of a rule.", {"type": "string", "maxLength": RULE_CHARS_MAX}),
    "assignee": ("Who is to look at it.", {"type": "string", "maxLength": 256}),
    "muted": (
        "1 shows those that are muted.",
        {"type": "string", "enum": list(TRUTH), "default": "0"},
    ),
    "key": (
        "Fields and values that the events have in common: `actor=alice&ip=10.0.0.7`.",
        {"type": "string", "maxLength": QUERY_CHARS_MAX},
    ),
    "below": ("The `next` of the page before.", {"type": "integer", "minimum": 0}),
    "ended": (
        "1 shows those that ended too.",
        {"type": "string", "enum": list(TRUTH), "default": "0"},
    ),
    "days": (
        "So many days back.",
        {
            "type": "integer",
            "minimum": 1,
            "maximum": ALERT_EFFECT_DAYS_MAX,
            "default": EFFECT_DAYS_DEFAULT,
        },
    ),
    "name": ("The ledger's name on this server.", {"type": "string"}),
    "path": (
        "`LEVEL/INDEX[.p/WIDTH]`, or `entries/…` (C2SP tlog-tiles).",
        {"type": "string", "pattern": "^(entries|[0-9]+)/[0-9x/]*[0-9]+([.]p/[0-9]+)?$"},
    ),
}

_ERRORS = {
    400: "The request cannot be read; `position` is the place in `q`.",
    401: "Nobody is known to ask.",
    403: "Not allowed.",
    404: "There is nothing here.",
    413: "Too large.",
    431: "The address and its header fields are too long.",
    429: "Too much at once; see Retry-After.",
    503: "No answer now: it could not be recorded, or the log has stopped.",
}
_NO_TEXT = {BINARY, FORMATS["parquet"].media}
_SECURITY: dict[Who, list[dict[str, list[str]]]] = {
    "all": [],
    "reader": [{"read_token": []}, {"session": []}],
    "token": [{"read_token": []}],
    "source": [{"source_token": []}],
}

TAKES_EVENTS = Described(
    "POST", "/v1/events", "Send records: a JSON object, an array, NDJSON or lines of text",
    "source", {200: (JSON, "Tally")},
)  # fmt: skip
"""Served by the ingest door (`whodid.sources.http`), described here: it is one API."""


def openapi(operations: Iterable[Described]) -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for described in (*operations, TAKES_EVENTS):
        path = re.sub(r":path\}", "}", described.path)
        paths.setdefault(path, {})[described.method.lower()] = _operation(described)
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "whodid",
            "version": whodid.__version__,
            "summary": "Who did what, to which resource, when, from where, and the proof.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "read_token": {"type": "http", "scheme": "bearer"},
                "source_token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "whodid_session"},
            },
        },
    }


def _operation(described: Described) -> dict[str, Any]:
    in_path = re.findall(r"\{(\w+)", described.path)
    responses: dict[str, dict[str, Any]] = {
        str(status): {"description": described.summary, "content": _content(media, schema)}
        for status, (media, schema) in described.answers.items()
    }
    for media in described.other_media:
        responses["200"]["content"] |= _content(media, None)
    for status, text in _ERRORS.items():
        content = _content(JSON, "Error")
        responses.setdefault(str(status), {"description": text, "content": content})
    document: dict[str, Any] = {
        "summary": described.summary,
        "operationId": _operation_id(described),
        "parameters": [
            *(_parameter(name, "path") for name in in_path),
            *(_parameter(name, "query") for name in described.parameters),
        ],
        "responses": responses,
        "security": _SECURITY[described.who],
    }
    if described.body is not None:
        document["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": reference(described.body)}},
        }
    if described is TAKES_EVENTS:
        anything: Schema = {"type": ["object", "array"]}
        document["requestBody"] = {
            "required": True,
            "content": {JSON: {"schema": anything}, "application/x-ndjson": {}, "text/plain": {}},
        }
    return document


def _operation_id(described: Described) -> str:
    words = re.findall(r"[a-z]+", re.sub(r":path|/v1", "", described.path))
    return "_".join((described.method.lower(), *words))


def _parameter(name: str, place: Literal["path", "query"]) -> dict[str, Any]:
    description, schema = _PARAMETERS[name]
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "description": description,
        "schema": schema,
    }


def _content(media: str, schema: str | None) -> dict[str, Any]:
    if schema is not None:
        return {media: {"schema": reference(schema)}}
    if media == JSON:
        return {media: {"schema": {"type": "object"}}}
    return {media: {} if media in _NO_TEXT else {"schema": {"type": "string"}}}
