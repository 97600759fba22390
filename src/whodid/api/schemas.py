"""The shapes of the API's answers, as JSON Schema 2020-12.

The event's is made from the types of `whodid.event`, so that it cannot fall behind them.
"""

import msgspec

from whodid.api.alert_schemas import alert_schemas
from whodid.api.count_schemas import counted_schemas
from whodid.api.rule_schemas import rule_schemas
from whodid.api.schema_parts import (
    BASE64,
    FACET,
    INSTANT,
    MAYBE_BASE64,
    MAYBE_BASE64S,
    MAYBE_MEANT,
    MAYBE_NUMBER,
    MEANT,
    NUMBER,
    SECONDS,
    TEXT,
    TEXTS,
    YES_NO,
    Schema,
    listed,
    reference,
    shape,
)
from whodid.app.answer_proof import AnswerProof
from whodid.event import GROUPS
from whodid.limits import LOG_SIZE_MAX

_PROOF = (
    "What shows an event to be in the log: leaf hash, path, signed checkpoint. Where fields are "
    "withheld the seed and their groups are null, `salts` open the other groups, and `hashes` "
    "stand for all of them."
)


_EVENT_OR_OCSF: Schema = {"anyOf": [reference("Event"), reference("OcsfEvent")]}
_OCSF_EVENT: Schema = {
    "type": "object",
    "description": "An event of OCSF 1.6 (schema.ocsf.io/1.6.0), of the class that it names.",
    "properties": {
        "class_uid": NUMBER, "category_uid": NUMBER, "activity_id": NUMBER, "type_uid": NUMBER,
        "severity_id": NUMBER, "time": NUMBER, "metadata": {"type": "object"},
    },
    "required": [
        "class_uid", "category_uid", "activity_id", "type_uid", "severity_id", "time", "metadata",
    ],
}  # fmt: skip


def schemas() -> dict[str, Schema]:
    """Return every schema by name."""
    return {
        **_events(),
        **counted_schemas(),
        **_answer_proof(),
        "Completion": _completion(),
        "Trace": _trace(),
        "Profile": _profile(),
        "Lookers": _lookers(),
        "Overview": _overview(),
        "Sources": shape("The declared sources.", sources=listed(_source())),
        **_standing(),
        "Tally": shape(
            "What became of records; all of it is on disk.",
            accepted=NUMBER, duplicate=NUMBER, quarantined=NUMBER, exactly_once=YES_NO,
            first={"type": ["integer", "null"]}, last={"type": ["integer", "null"]},
            checkpoint_size={"type": ["integer", "null"]},
        ),
        "Error": shape("Why there is no answer.", error=_ERROR),
        **_requests(),
        "Login": shape("A read token.", token=TEXT, expires=INSTANT, role=TEXT),
        **_views(),
        **alert_schemas(),
        **rule_schemas(),
    }  # fmt: skip


def _events() -> dict[str, Schema]:
    """Return the schemas of events, their proofs, and pages of them."""
    event = _event()
    proven = {**event, "properties": {**event["properties"], "proof": reference("Proof")}}
    proven["required"] = [*event["required"], "proof"]
    return {
        "Event": event,
        "OcsfEvent": _OCSF_EVENT,
        "ProvenEvent": proven,
        "Proof": shape(
            _PROOF,
            index=NUMBER, leaf=BASE64, seed=MAYBE_BASE64, groups=MAYBE_BASE64S,
            proof={"type": "array", "items": BASE64}, size=NUMBER, checkpoint=TEXT, vkey=TEXT,
        ),
        "Answer": shape(
            "A page of an answer, the newest event first, and what it could not see.",
            events={"type": "array", "items": _EVENT_OR_OCSF}, total=NUMBER,
            total_is_exact=YES_NO, hidden_own=NUMBER, next={"type": ["string", "null"]},
            checkpoint=TEXT, size=NUMBER, warnings=TEXTS, clauses=listed(_CLAUSE),
            newer=MAYBE_NUMBER, meant=MAYBE_MEANT,
        ),
        "AnswerOrTable": {
            "oneOf": [
                reference("Answer"), reference("Table"), reference("Chains"),
                reference("AnswerProof"),
            ]
        },
    }  # fmt: skip


def _requests() -> dict[str, Schema]:
    """Return the schemas of what is sent to ask, to log in, and to change a password."""
    return {
        "SqlRequest": {
            "type": "object",
            "properties": {
                "sql": TEXT, "q": TEXT, "own": YES_NO,
                "at": {"type": ["integer", "null"], "minimum": 1, "maximum": LOG_SIZE_MAX},
            },
            "required": ["sql"],
            "additionalProperties": False,
        },
        "LoginRequest": shape("Who logs in.", name=TEXT, password=TEXT),
        "PasswordRequest": shape(
            "Who changes his password, from which to which.", name=TEXT, password=TEXT, new=TEXT
        ),
    }  # fmt: skip


def _standing() -> dict[str, Schema]:
    """Return the schemas of where the server and the ledger stand."""
    return {
        "Health": shape(
            "Where the server stands; all numbers count entries.",
            ready=YES_NO, reasons=TEXTS, size=NUMBER, published=NUMBER, sealed=NUMBER,
            indexed=NUMBER, stopped={"type": ["string", "null"]},
        ),
        "Status": shape(
            "Where the ledger stands; `attention` is empty when all is well.",
            ok=YES_NO, attention=TEXTS, version=TEXT, format=NUMBER, origin=TEXT,
            ledger_id=TEXT, running=YES_NO, stopped={"type": ["string", "null"]},
            entries={"type": "object", "additionalProperties": {"type": "number"}},
            bytes={"type": "object", "additionalProperties": NUMBER},
            bytes_an_entry={"type": "number"}, bytes_a_day={"type": "number"},
            disk_free_bytes=NUMBER, days_until_full={"type": ["number", "null"]},
            sources={"type": "array", "items": {"type": "object"}},
            integrity=reference("Integrity"), detection={"type": ["object", "null"]},
        ),
        "Integrity": shape(
            "Where the verification of the whole ledger stands.",
            ok=YES_NO, running=YES_NO, overdue=YES_NO, alarms=TEXTS,
            faults={"type": "array", "items": shape(
                "A fault that stands.",
                key=TEXT, where=TEXT, entry={"type": ["integer", "null"]}, problem=TEXT,
                first_seen=INSTANT, last_seen=INSTANT, remedy=TEXT,
                acknowledged_by={"type": ["string", "null"]},
            )},
            round=shape(
                "The round that runs, or the next one.",
                doing=TEXT, done=NUMBER, total=NUMBER, asked=YES_NO, next=INSTANT,
                looked=INSTANT, trouble=TEXT,
            ),
            rounds={"type": "array", "items": shape(
                "A verification end to end that came to its end; the newest first.",
                started=INSTANT, ended=INSTANT, busy_seconds={"type": "number"},
                entries=NUMBER, opened=NUMBER, published=NUMBER, faults=NUMBER,
                warnings=TEXTS, not_checked=TEXTS, rollback=TEXT, index=TEXT,
            )},
        ),
    }  # fmt: skip


def _completion() -> Schema:
    """Return the schema of what can stand at a caret."""
    maybe_text: Schema = {"type": ["string", "null"]}
    kinds = ["field", "value", "operator", "pipe", "function"]
    item = shape(
        "What can be put in instead of the text from start to end; `count` events have the value.",
        text=TEXT, shown=TEXT, kind={"type": "string", "enum": kinds}, about=TEXT,
        field=maybe_text, count={"type": ["integer", "null"]},
    )  # fmt: skip
    return shape(
        "What can stand at the caret; `whole` when the log has no other values that fit.",
        start=NUMBER, end=NUMBER, typed=TEXT, field=maybe_text, items=listed(item),
        whole=YES_NO,
    )  # fmt: skip


def _trace() -> Schema:
    """Return the schema of a story."""
    link = shape(
        "Why the event is in the story.", field=TEXT, value=TEXT, reason=TEXT, inferred=YES_NO
    )
    step = shape(
        "An event, where it stands in the story, and what is not sure about its time.",
        at=INSTANT, offset_seconds={"type": "number"}, system=TEXT, link=link, doubts=TEXTS,
        event=reference("Event"),
    )  # fmt: skip
    gap = shape(
        "Nothing is known for so long behind the step of this number, from 0.",
        after=NUMBER, seconds={"type": "number"},
    )  # fmt: skip
    one = shape(
        "An id that was looked for; one of very many events is not followed.",
        field=TEXT, value=TEXT, events=NUMBER, followed=YES_NO,
    )  # fmt: skip
    return shape(
        "The story of an id, the oldest step first; `whole` when all of it is shown.",
        id=TEXT, steps=listed(step), gaps=listed(gap), ids=listed(one), systems=TEXTS,
        actors=TEXTS, start=INSTANT, seconds={"type": "number"}, whole=YES_NO,
        hidden_own=NUMBER, checkpoint=TEXT, size=NUMBER, warnings=TEXTS,
    )  # fmt: skip


def _profile() -> Schema:
    """Return the schema of a profile."""
    news = shape(
        "A value of the last seven days before the last event, and in how many events since.",
        field=TEXT, value=TEXT, first=INSTANT, events=NUMBER,
    )  # fmt: skip
    peer = shape(
        "Another one of the kind, and how many values of `via` it shares.",
        value=TEXT, shared=NUMBER, events=NUMBER,
    )  # fmt: skip
    return shape(
        "What is known of a value; `heat` counts events by weekday (Monday first) and hour, UTC, "
        "`news` is null when all of it is that new.",
        kind=TEXT, value=TEXT, events=NUMBER, first=INSTANT, last=INSTANT,
        heat=listed(listed(NUMBER)), facets=listed(FACET),
        news={"type": ["array", "null"], "items": news}, peers=listed(peer), via=TEXT,
        is_exact=YES_NO, hidden_own=NUMBER, checkpoint=TEXT, size=NUMBER, warnings=TEXTS,
    )  # fmt: skip


def _source() -> Schema:
    """Return the schema of a source and how it is doing."""
    seconds: Schema = {"type": ["number", "null"]}
    lag = shape(
        "From an event's own time to its receipt, in the last hour; `ahead` came before it.",
        events=NUMBER, median_seconds=SECONDS, p95_seconds=SECONDS, least_seconds=SECONDS,
        ahead=NUMBER,
    )  # fmt: skip
    sequence = shape(
        "Of its numbers in the last 24 hours; no `numbers`: it does not number its events.",
        numbers=NUMBER, gaps=NUMBER, missing=NUMBER,
    )  # fmt: skip
    return shape(
        "A declared sender of records and how it is doing; what is not known is null.",
        name=TEXT, format=TEXT, domain=TEXT, opened=INSTANT, events=NUMBER,
        quarantined=NUMBER, newest=INSTANT, heard=INSTANT, last_hour=NUMBER,
        last_24_hours=listed(NUMBER), silent=YES_NO, silent_seconds=seconds,
        pause_seconds=seconds, lag={**lag, "type": ["object", "null"]},
        clock={"type": ["string", "null"]}, sequence={**sequence, "type": ["object", "null"]},
    )  # fmt: skip


def _lookers() -> Schema:
    """Return the schema of who looked."""
    looker = shape(
        "Who looked: answered looks by action, rows he was shown, refusals.",
        actor=TEXT, acts={"type": "object", "additionalProperties": NUMBER}, looks=NUMBER,
        rows=MAYBE_NUMBER, denied=NUMBER, last=INSTANT,
    )  # fmt: skip
    looked_at = shape(
        "What was looked at by name, and by how many.",
        kind=TEXT, value=TEXT, looks=NUMBER, lookers=MAYBE_NUMBER, last=INSTANT,
    )  # fmt: skip
    subject = shape("What the looks are at.", kind=TEXT, value=TEXT)
    return shape(
        "Reads of the log and refusals: counted, and a page of the events, newest first. "
        "`only_own`: your rights show your own looks, not those of others.",
        subject={**subject, "type": ["object", "null"]}, total=NUMBER, rows=MAYBE_NUMBER,
        denied=NUMBER, lookers=listed(looker), lookers_total=NUMBER,
        subjects=listed(looked_at), subjects_total=NUMBER, refused=listed(reference("Event")),
        looks=listed(reference("Event")), next={"type": ["string", "null"]}, only_own=YES_NO,
        is_exact=YES_NO, hidden_own=NUMBER, checkpoint=TEXT, size=NUMBER, warnings=TEXTS,
    )  # fmt: skip


def _overview() -> Schema:
    """Return the schema of an overview."""
    stretches = {"now": NUMBER, "last": NUMBER, "earlier": NUMBER}
    by_stretch = shape("Of this period, the one before it, and earlier ones.", **stretches)
    ranked = shape(
        "Values in order, and how many such there are.", total=NUMBER,
        rows=listed(shape("Values by field.", values=TEXTS, **stretches)),
    )  # fmt: skip
    field = shape(
        "The values of a field, or of a pair of fields: the most frequent, those without an event "
        "before, those without one now, those with more and with fewer than in the last period.",
        fields=TEXTS, distinct=by_stretch, top=ranked, new=ranked, gone=ranked, more=ranked,
        less=ranked, is_exact=YES_NO,
    )  # fmt: skip
    grid = shape(
        "Events of the most frequent actors (rows) and services (columns).",
        rows=TEXTS, columns=TEXTS, counts=listed(listed(NUMBER)),
    )  # fmt: skip
    refused = shape("Who was refused or failed.", actor=TEXT, outcome=TEXT, events=NUMBER)
    late = shape("Of a source: late events, all.", source=TEXT, late=NUMBER, events=NUMBER)
    bars = shape("Events over time by outcome.", bucket=TEXT, bars=listed({"type": "object"}))
    return shape(
        "A period up to now, against the one before it and earlier ones.",
        period=TEXT, start=INSTANT, end=INSTANT, last_start=INSTANT, earlier_start=INSTANT,
        events=by_stretch, outcomes={"type": "object", "additionalProperties": by_stretch},
        histogram=bars, fields=listed(field), pairs={**field, "type": ["object", "null"]},
        grid={**grid, "type": ["object", "null"]}, refused=listed(refused), late=listed(late),
        is_exact=YES_NO, hidden_own=NUMBER, checkpoint=TEXT, size=NUMBER, warnings=TEXTS,
    )  # fmt: skip


def _views() -> dict[str, Schema]:
    """Return the schemas of saved views."""
    saved = shape("A search to be saved.", name=TEXT, query=TEXT, state=TEXT, shared=YES_NO)
    return {
        "View": shape(
            "A saved search; `state` are further parameters of its address.",
            id=TEXT, name=TEXT, query=TEXT, state=TEXT, owner=TEXT, mine=YES_NO,
            shared=YES_NO, saved=INSTANT,
        ),
        "Views": shape("One's own, then those that others share.",
                         views=listed(reference("View"))),
        "ViewRequest": {**saved, "required": ["name", "query"]},
        "ViewChange": shape("What it is called now, and whether all see it.",
                              id=TEXT, name=TEXT, shared=YES_NO),
        "ViewId": shape("Which one.", id=TEXT),
    }  # fmt: skip


_CLAUSE = shape(
    "A part of a search that found nothing: what it finds alone and the others without it (null "
    "when there are none), and values that resemble one that no event has.",
    text=TEXT,
    alone=NUMBER,
    without={"type": ["integer", "null"]},
    near=TEXTS,
    alone_is_exact=YES_NO,
    without_is_exact=YES_NO,
)

_ERROR: Schema = {
    "type": "object",
    "properties": {
        "code": TEXT,
        "message": TEXT,
        "position": {"type": ["integer", "null"]},
        "suggestion": {"type": ["string", "null"]},
        "others": listed(
            shape(
                "A further mistake of the same search.",
                message=TEXT,
                position=NUMBER,
                suggestion={"type": ["string", "null"]},
            )
        ),
        "meant": MEANT,
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
    properties: dict[str, Schema] = {"index": NUMBER}
    for struct in structs:
        for name, schema in found[struct.__name__]["properties"].items():
            properties[name] = _present(schema)
    change = {name: _present(one) for name, one in found["Change"]["properties"].items()}
    span = {"offset": NUMBER, "length": NUMBER, "rule": TEXT}
    properties |= {
        "time": INSTANT,
        "received": INSTANT,
        "changes": {"type": "array", "items": {"type": "object", "properties": change}},
        "redactions": {"type": "array", "items": {"type": "object", "properties": span}},
        "appended": INSTANT,
        "flags": TEXTS,
        "sentence": TEXT,
        "raw": TEXT,
        "raw_base64": BASE64,
        "details": {"type": ["object", "array"]},
        "withheld": TEXTS,
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
