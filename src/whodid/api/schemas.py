"""The shapes of the API's answers, as JSON Schema 2020-12.

The event's is made from the types of `whodid.event`, so that it cannot fall behind them.
"""

from typing import Any

import msgspec

from whodid.app.answer_proof import AnswerProof
from whodid.event import GROUPS

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "integer"}
_SECONDS: Schema = {"type": "number"}
_MAYBE_NUMBER: Schema = {"type": ["integer", "null"]}
_YES_NO: Schema = {"type": "boolean"}
_INSTANT: Schema = {"type": ["string", "null"], "format": "date-time"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_BASE64: Schema = {"type": "string", "contentEncoding": "base64"}
_MAYBE_BASE64: Schema = {"type": ["string", "null"], "contentEncoding": "base64"}
_MAYBE_BASE64S: Schema = {"type": "array", "items": _MAYBE_BASE64}
_PROOF = (
    "What shows an event to be in the log: leaf hash, path, signed checkpoint. Where fields are "
    "withheld the seed and their groups are null, `salts` open the other groups, and `hashes` "
    "stand for all of them."
)


def reference(name: str) -> Schema:
    """Return a reference to a schema of `schemas`."""
    return {"$ref": f"#/components/schemas/{name}"}


_EVENT_OR_OCSF: Schema = {"anyOf": [reference("Event"), reference("OcsfEvent")]}
_OCSF_EVENT: Schema = {
    "type": "object",
    "description": "An event of OCSF 1.6 (schema.ocsf.io/1.6.0), of the class that it names.",
    "properties": {
        "class_uid": _NUMBER, "category_uid": _NUMBER, "activity_id": _NUMBER, "type_uid": _NUMBER,
        "severity_id": _NUMBER, "time": _NUMBER, "metadata": {"type": "object"},
    },
    "required": [
        "class_uid", "category_uid", "activity_id", "type_uid", "severity_id", "time", "metadata",
    ],
}  # fmt: skip


def schemas() -> dict[str, Schema]:
    """Return every schema by name."""
    event = _event()
    proven = {**event, "properties": {**event["properties"], "proof": reference("Proof")}}
    proven["required"] = [*event["required"], "proof"]
    return {
        "Event": event,
        "OcsfEvent": _OCSF_EVENT,
        "ProvenEvent": proven,
        "Proof": _object(
            _PROOF,
            index=_NUMBER, leaf=_BASE64, seed=_MAYBE_BASE64, groups=_MAYBE_BASE64S,
            proof={"type": "array", "items": _BASE64}, size=_NUMBER, checkpoint=_TEXT, vkey=_TEXT,
        ),
        "Answer": _object(
            "A page of an answer, the newest event first, and what it could not see.",
            events={"type": "array", "items": _EVENT_OR_OCSF}, total=_NUMBER,
            total_is_exact=_YES_NO, hidden_own=_NUMBER, next={"type": ["string", "null"]},
            checkpoint=_TEXT, size=_NUMBER, warnings=_TEXTS, clauses=_listed(_CLAUSE),
            newer=_MAYBE_NUMBER,
        ),
        **_counted(),
        "Completion": _completion(),
        "Trace": _trace(),
        "Profile": _profile(),
        "Lookers": _lookers(),
        "Overview": _overview(),
        "Sources": _object("The declared sources.", sources=_listed(_source())),
        **_standing(),
        "Tally": _object(
            "What became of records; all of it is on disk.",
            accepted=_NUMBER, duplicate=_NUMBER, quarantined=_NUMBER, exactly_once=_YES_NO,
            first={"type": ["integer", "null"]}, last={"type": ["integer", "null"]},
            checkpoint_size={"type": ["integer", "null"]},
        ),
        "Error": _object("Why there is no answer.", error=_ERROR),
        "SqlRequest": {
            "type": "object",
            "properties": {"sql": _TEXT, "q": _TEXT, "own": _YES_NO},
            "required": ["sql"],
            "additionalProperties": False,
        },
        "LoginRequest": _object("Who logs in.", name=_TEXT, password=_TEXT),
        "Login": _object("A read token.", token=_TEXT, expires=_INSTANT, role=_TEXT),
        **_views(),
        "PasswordRequest": _object(
            "Who changes his password, from which to which.", name=_TEXT, password=_TEXT, new=_TEXT
        ),
    }  # fmt: skip


def _standing() -> dict[str, Schema]:
    """Return the schemas of where the server and the ledger stand."""
    return {
        "Health": _object(
            "Where the server stands; all numbers count entries.",
            ready=_YES_NO, reasons=_TEXTS, size=_NUMBER, published=_NUMBER, sealed=_NUMBER,
            indexed=_NUMBER, stopped={"type": ["string", "null"]},
        ),
        "Status": _object(
            "Where the ledger stands; `attention` is empty when all is well.",
            ok=_YES_NO, attention=_TEXTS, version=_TEXT, format=_NUMBER, origin=_TEXT,
            ledger_id=_TEXT, running=_YES_NO, stopped={"type": ["string", "null"]},
            entries={"type": "object", "additionalProperties": {"type": "number"}},
            bytes={"type": "object", "additionalProperties": _NUMBER},
            bytes_an_entry={"type": "number"}, bytes_a_day={"type": "number"},
            disk_free_bytes=_NUMBER, days_until_full={"type": ["number", "null"]},
            sources={"type": "array", "items": {"type": "object"}},
            integrity=reference("Integrity"),
        ),
        "Integrity": _object(
            "Where the verification of the whole ledger stands.",
            ok=_YES_NO, running=_YES_NO, overdue=_YES_NO, alarms=_TEXTS,
            faults={"type": "array", "items": _object(
                "A fault that stands.",
                key=_TEXT, where=_TEXT, entry={"type": ["integer", "null"]}, problem=_TEXT,
                first_seen=_INSTANT, last_seen=_INSTANT, remedy=_TEXT,
                acknowledged_by={"type": ["string", "null"]},
            )},
            round=_object(
                "The round that runs, or the next one.",
                doing=_TEXT, done=_NUMBER, total=_NUMBER, asked=_YES_NO, next=_INSTANT,
                looked=_INSTANT, trouble=_TEXT,
            ),
            rounds={"type": "array", "items": _object(
                "A verification end to end that came to its end; the newest first.",
                started=_INSTANT, ended=_INSTANT, busy_seconds={"type": "number"},
                entries=_NUMBER, opened=_NUMBER, published=_NUMBER, faults=_NUMBER,
                warnings=_TEXTS, not_checked=_TEXTS, rollback=_TEXT, index=_TEXT,
            )},
        ),
    }  # fmt: skip


def _counted() -> dict[str, Schema]:
    """Return the schemas of tables, histograms and facets."""
    about: dict[str, Schema] = {
        "hidden_own": _NUMBER, "checkpoint": _TEXT, "size": _NUMBER, "warnings": _TEXTS,
    }  # fmt: skip
    cell: Schema = {"type": ["string", "number", "boolean", "null"]}
    kinds = ["text", "number", "time", "state", "mean"]
    column = _object(
        "A column; events are grouped by those that are keys.",
        name=_TEXT, kind={"type": "string", "enum": kinds}, key=_YES_NO,
    )  # fmt: skip
    bar = _object(
        "A stretch of time and its events by outcome.",
        start=_INSTANT, end=_INSTANT, success=_NUMBER, denied=_NUMBER, failure=_NUMBER,
        unknown=_NUMBER,
    )  # fmt: skip
    step = _object(
        "The event of a step, and what is not sure about its time.",
        at=_INSTANT, doubts=_TEXTS, event=reference("Event"),
    )  # fmt: skip
    chain = _object(
        "Events of one value, one for each step.",
        value={"type": ["string", "integer"]}, start=_INSTANT, seconds={"type": "number"},
        steps=_listed(step),
    )  # fmt: skip
    return {
        "AnswerOrTable": {
            "oneOf": [
                reference("Answer"), reference("Table"), reference("Chains"),
                reference("AnswerProof"),
            ]
        },
        **_answer_proof(),
        "Chains": _object(
            "The chains of a search with | sequence, the newest first; `value` is what their "
            "events share in the field `by`.",
            by=_TEXT, chains=_listed(chain), total=_NUMBER, total_is_exact=_YES_NO,
            next={"type": ["string", "null"]}, **about,
        ),
        "Table": _object(
            "The table of a search with | stats.",
            columns=_listed(column), rows=_listed(_listed(cell)), total_groups=_NUMBER,
            events=_NUMBER, events_is_exact=_YES_NO, other_events=_NUMBER, **about,
            newer=_MAYBE_NUMBER,
        ),
        "SqlAnswer": _object(
            "The rows of SQL, each a list in the order of the columns; `more` when there were more "
            "than may be shown; `events` is how many rows the table had.",
            columns=_listed(_object("A column.", name=_TEXT, type=_TEXT)),
            rows=_listed(_listed({})), more=_YES_NO, events=_NUMBER, **about,
        ),
        "Histogram": _object(
            "How many events there were when, one bar after the other.",
            bucket=_TEXT, bars=_listed(bar), events=_NUMBER, is_exact=_YES_NO, **about,
        ),
        "Facets": _object(
            "The most frequent values of some fields.",
            facets=_listed(_FACET), events=_NUMBER, is_exact=_YES_NO, **about,
        ),
    }  # fmt: skip


def _completion() -> Schema:
    """Return the schema of what can stand at a caret."""
    maybe_text: Schema = {"type": ["string", "null"]}
    kinds = ["field", "value", "operator", "pipe", "function"]
    item = _object(
        "What can be put in instead of the text from start to end; `count` events have the value.",
        text=_TEXT, shown=_TEXT, kind={"type": "string", "enum": kinds}, about=_TEXT,
        field=maybe_text, count={"type": ["integer", "null"]},
    )  # fmt: skip
    return _object(
        "What can stand at the caret; `whole` when the log has no other values that fit.",
        start=_NUMBER, end=_NUMBER, typed=_TEXT, field=maybe_text, items=_listed(item),
        whole=_YES_NO,
    )  # fmt: skip


def _trace() -> Schema:
    """Return the schema of a story."""
    link = _object(
        "Why the event is in the story.", field=_TEXT, value=_TEXT, reason=_TEXT, inferred=_YES_NO
    )
    step = _object(
        "An event, where it stands in the story, and what is not sure about its time.",
        at=_INSTANT, offset_seconds={"type": "number"}, system=_TEXT, link=link, doubts=_TEXTS,
        event=reference("Event"),
    )  # fmt: skip
    gap = _object(
        "Nothing is known for so long behind the step of this number, from 0.",
        after=_NUMBER, seconds={"type": "number"},
    )  # fmt: skip
    one = _object(
        "An id that was looked for; one of very many events is not followed.",
        field=_TEXT, value=_TEXT, events=_NUMBER, followed=_YES_NO,
    )  # fmt: skip
    return _object(
        "The story of an id, the oldest step first; `whole` when all of it is shown.",
        id=_TEXT, steps=_listed(step), gaps=_listed(gap), ids=_listed(one), systems=_TEXTS,
        actors=_TEXTS, start=_INSTANT, seconds={"type": "number"}, whole=_YES_NO,
        hidden_own=_NUMBER, checkpoint=_TEXT, size=_NUMBER, warnings=_TEXTS,
    )  # fmt: skip


def _profile() -> Schema:
    """Return the schema of a profile."""
    news = _object(
        "A value of the last seven days before the last event, and in how many events since.",
        field=_TEXT, value=_TEXT, first=_INSTANT, events=_NUMBER,
    )  # fmt: skip
    peer = _object(
        "Another one of the kind, and how many values of `via` it shares.",
        value=_TEXT, shared=_NUMBER, events=_NUMBER,
    )  # fmt: skip
    return _object(
        "What is known of a value; `heat` counts events by weekday (Monday first) and hour, UTC, "
        "`news` is null when all of it is that new.",
        kind=_TEXT, value=_TEXT, events=_NUMBER, first=_INSTANT, last=_INSTANT,
        heat=_listed(_listed(_NUMBER)), facets=_listed(_FACET),
        news={"type": ["array", "null"], "items": news}, peers=_listed(peer), via=_TEXT,
        is_exact=_YES_NO, hidden_own=_NUMBER, checkpoint=_TEXT, size=_NUMBER, warnings=_TEXTS,
    )  # fmt: skip


def _source() -> Schema:
    """Return the schema of a source and how it is doing."""
    seconds: Schema = {"type": ["number", "null"]}
    lag = _object(
        "From an event's own time to its receipt, in the last hour; `ahead` came before it.",
        events=_NUMBER, median_seconds=_SECONDS, p95_seconds=_SECONDS, least_seconds=_SECONDS,
        ahead=_NUMBER,
    )  # fmt: skip
    sequence = _object(
        "Of its numbers in the last 24 hours; no `numbers`: it does not number its events.",
        numbers=_NUMBER, gaps=_NUMBER, missing=_NUMBER,
    )  # fmt: skip
    return _object(
        "A declared sender of records and how it is doing; what is not known is null.",
        name=_TEXT, format=_TEXT, domain=_TEXT, opened=_INSTANT, events=_NUMBER,
        quarantined=_NUMBER, newest=_INSTANT, heard=_INSTANT, last_hour=_NUMBER,
        last_24_hours=_listed(_NUMBER), silent=_YES_NO, silent_seconds=seconds,
        pause_seconds=seconds, lag={**lag, "type": ["object", "null"]},
        clock={"type": ["string", "null"]}, sequence={**sequence, "type": ["object", "null"]},
    )  # fmt: skip


def _lookers() -> Schema:
    """Return the schema of who looked."""
    looker = _object(
        "Who looked: answered looks by action, rows he was shown, refusals.",
        actor=_TEXT, acts={"type": "object", "additionalProperties": _NUMBER}, looks=_NUMBER,
        rows=_MAYBE_NUMBER, denied=_NUMBER, last=_INSTANT,
    )  # fmt: skip
    looked_at = _object(
        "What was looked at by name, and by how many.",
        kind=_TEXT, value=_TEXT, looks=_NUMBER, lookers=_MAYBE_NUMBER, last=_INSTANT,
    )  # fmt: skip
    subject = _object("What the looks are at.", kind=_TEXT, value=_TEXT)
    return _object(
        "Reads of the log and refusals: counted, and a page of the events, newest first. "
        "`only_own`: your rights show your own looks, not those of others.",
        subject={**subject, "type": ["object", "null"]}, total=_NUMBER, rows=_MAYBE_NUMBER,
        denied=_NUMBER, lookers=_listed(looker), lookers_total=_NUMBER,
        subjects=_listed(looked_at), subjects_total=_NUMBER, refused=_listed(reference("Event")),
        looks=_listed(reference("Event")), next={"type": ["string", "null"]}, only_own=_YES_NO,
        is_exact=_YES_NO, hidden_own=_NUMBER, checkpoint=_TEXT, size=_NUMBER, warnings=_TEXTS,
    )  # fmt: skip


def _overview() -> Schema:
    """Return the schema of an overview."""
    stretches = {"now": _NUMBER, "last": _NUMBER, "earlier": _NUMBER}
    by_stretch = _object("Of this period, the one before it, and earlier ones.", **stretches)
    ranked = _object(
        "Values in order, and how many such there are.", total=_NUMBER,
        rows=_listed(_object("Values by field.", values=_TEXTS, **stretches)),
    )  # fmt: skip
    field = _object(
        "The values of a field, or of a pair of fields: the most frequent, those without an event "
        "before, those without one now, those with more and with fewer than in the last period.",
        fields=_TEXTS, distinct=by_stretch, top=ranked, new=ranked, gone=ranked, more=ranked,
        less=ranked, is_exact=_YES_NO,
    )  # fmt: skip
    grid = _object(
        "Events of the most frequent actors (rows) and services (columns).",
        rows=_TEXTS, columns=_TEXTS, counts=_listed(_listed(_NUMBER)),
    )  # fmt: skip
    refused = _object("Who was refused or failed.", actor=_TEXT, outcome=_TEXT, events=_NUMBER)
    late = _object("Of a source: late events, all.", source=_TEXT, late=_NUMBER, events=_NUMBER)
    bars = _object("Events over time by outcome.", bucket=_TEXT, bars=_listed({"type": "object"}))
    return _object(
        "A period up to now, against the one before it and earlier ones.",
        period=_TEXT, start=_INSTANT, end=_INSTANT, last_start=_INSTANT, earlier_start=_INSTANT,
        events=by_stretch, outcomes={"type": "object", "additionalProperties": by_stretch},
        histogram=bars, fields=_listed(field), pairs={**field, "type": ["object", "null"]},
        grid={**grid, "type": ["object", "null"]}, refused=_listed(refused), late=_listed(late),
        is_exact=_YES_NO, hidden_own=_NUMBER, checkpoint=_TEXT, size=_NUMBER, warnings=_TEXTS,
    )  # fmt: skip


def _views() -> dict[str, Schema]:
    """Return the schemas of saved views."""
    saved = _object("A search to be saved.", name=_TEXT, query=_TEXT, state=_TEXT, shared=_YES_NO)
    return {
        "View": _object(
            "A saved search; `state` are further parameters of its address.",
            id=_TEXT, name=_TEXT, query=_TEXT, state=_TEXT, owner=_TEXT, mine=_YES_NO,
            shared=_YES_NO, saved=_INSTANT,
        ),
        "Views": _object("One's own, then those that others share.",
                         views=_listed(reference("View"))),
        "ViewRequest": {**saved, "required": ["name", "query"]},
        "ViewChange": _object("What it is called now, and whether all see it.",
                              id=_TEXT, name=_TEXT, shared=_YES_NO),
        "ViewId": _object("Which one.", id=_TEXT),
    }  # fmt: skip


def _listed(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def _object(description: str, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": properties,
        "required": list(properties),
    }


_CLAUSE = _object(
    "A part of a search that found nothing: what it finds alone and the others without it (null "
    "when there are none), and values that resemble one that no event has.",
    text=_TEXT,
    alone=_NUMBER,
    without={"type": ["integer", "null"]},
    near=_TEXTS,
)

_FACET = _object(
    "The most frequent values of a field.",
    field=_TEXT,
    values=_listed(_object("A value.", value={"type": ["string", "integer"]}, count=_NUMBER)),
    distinct=_NUMBER,
    missing=_NUMBER,
    is_exact=_YES_NO,
)

_ERROR: Schema = {
    "type": "object",
    "properties": {
        "code": _TEXT,
        "message": _TEXT,
        "position": {"type": ["integer", "null"]},
        "suggestion": {"type": ["string", "null"]},
        "others": _listed(
            _object(
                "A further mistake of the same search.",
                message=_TEXT,
                position=_NUMBER,
                suggestion={"type": ["string", "null"]},
            )
        ),
    },
    "required": ["code", "message"],
}


def _answer_proof() -> dict[str, Schema]:
    """Return the schema of an answer with its proof, and those that it refers to."""
    _, found = msgspec.json.schema_components(
        [AnswerProof], ref_template="#/components/schemas/{name}"
    )
    return found


def _event() -> Schema:
    structs = [struct for _, struct in GROUPS if struct is not None]
    _, found = msgspec.json.schema_components(structs, ref_template="{name}")
    properties: dict[str, Schema] = {"index": _NUMBER}
    for struct in structs:
        for name, schema in found[struct.__name__]["properties"].items():
            properties[name] = _present(schema)
    change = {name: _present(one) for name, one in found["Change"]["properties"].items()}
    span = {"offset": _NUMBER, "length": _NUMBER, "rule": _TEXT}
    properties |= {
        "time": _INSTANT,
        "received": _INSTANT,
        "changes": {"type": "array", "items": {"type": "object", "properties": change}},
        "redactions": {"type": "array", "items": {"type": "object", "properties": span}},
        "appended": _INSTANT,
        "flags": _TEXTS,
        "sentence": _TEXT,
        "raw": _TEXT,
        "raw_base64": _BASE64,
        "details": {"type": ["object", "array"]},
        "withheld": _TEXTS,
    }
    return {
        "type": "object",
        "description": "One access; keys are the fields of a search, missing fields are missing.",
        "properties": properties,
        "required": ["index", "id", "received", "source", "appended", "flags", "sentence"],
        "additionalProperties": False,
    }


def _present(schema: Schema) -> Schema:
    """Return the schema of a field that is there: not null, without a default."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    return kinds[0] if kinds else {key: part for key, part in schema.items() if key != "default"}
