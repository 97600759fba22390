"""The shapes of what the API tells of alerts, as JSON Schema 2020-12."""

from whodid.api.schema_parts import (
    INSTANT,
    LEVEL,
    MAYBE_NUMBER,
    MAYBE_TEXT,
    NUMBER,
    TEXT,
    TEXTS,
    YES_NO,
    Schema,
    listed,
    reference,
    shape,
)
from whodid.app.alert_acts import ACTS, HOURS_DEFAULT
from whodid.detection.alerts.alert import DISPOSITIONS, STATES
from whodid.detection.rule import LEVELS
from whodid.limits import ALERT_NOTE_CHARS_MAX

_MAYBE_LEVEL: Schema = {"type": ["string", "null"], "enum": [*LEVELS, None]}
_NOTE: Schema = {"type": "string", "maxLength": ALERT_NOTE_CHARS_MAX}
_PAIR = shape("A field and its value; null: withheld.", field=TEXT, value=MAYBE_TEXT)


def alert_schemas() -> dict[str, Schema]:
    """Return every schema by name."""
    alert = _alert()
    return {
        "Alert": alert,
        "AlertDetail": _detail(alert),
        "Alerts": shape(
            "A page of alerts; the counts are null for a reader who does not see all of them.",
            alerts=listed(reference("Alert")), next=MAYBE_TEXT,
            open={"type": ["object", "null"], "additionalProperties": NUMBER},
            acknowledged=MAYBE_NUMBER, closed=MAYBE_NUMBER, muted=MAYBE_NUMBER, silences=NUMBER,
            warnings=TEXTS,
        ),
        "AlertAct": {
            "type": "object",
            "properties": {
                "act": {"type": "string", "enum": list(ACTS)}, "note": _NOTE, "assignee": TEXT,
                "disposition": {"type": "string", "enum": ["", *DISPOSITIONS]},
                "duplicate_of": TEXT,
            },
            "required": ["act"],
            "additionalProperties": False,
        },
        "Silences": shape("What is muted, the newest first.",
                          silences=listed(reference("Silence"))),
        **_silences(),
    }  # fmt: skip


def _alert() -> Schema:
    return shape(
        "An alert; `key`, `values` and `why` hold null where they are withheld.",
        id=TEXT, rule=TEXT, version=TEXT, title=TEXT, level=LEVEL, description=TEXT, tags=TEXTS,
        state={"type": "string", "enum": list(STATES)}, muted=MAYBE_TEXT, overflow=YES_NO,
        key=listed(_PAIR), values=listed(_PAIR), why=MAYBE_TEXT, findings=NUMBER, events=NUMBER,
        first=INSTANT, last=INSTANT, raised=INSTANT, found=INSTANT, over=INSTANT,
        assignee=MAYBE_TEXT, acted_by=MAYBE_TEXT, acted=INSTANT, disposition=MAYBE_TEXT,
        duplicate_of=MAYBE_TEXT, previous=MAYBE_TEXT, entry=NUMBER, newest=NUMBER,
    )  # fmt: skip


def _detail(alert: Schema) -> Schema:
    record: Schema = {
        "type": "object",
        "description": "What was found again, or done; `entry` is where it stands in the ledger.",
        "properties": {
            "entry": NUMBER, "at": INSTANT, "act": TEXT, "by": MAYBE_TEXT, "note": TEXT,
            "assignee": MAYBE_TEXT, "disposition": MAYBE_TEXT, "findings": NUMBER,
            "events": NUMBER, "why": TEXT, "muted": MAYBE_TEXT,
        },
        "required": ["entry", "at", "act", "by"],
    }  # fmt: skip
    more: dict[str, Schema] = {
        "author": TEXT, "references": TEXTS, "false_positives": TEXTS,
        "matched": listed(reference("Event")), "unread": NUMBER, "records": listed(record),
        "records_total": NUMBER, "related": listed(reference("Alert")), "may_handle": YES_NO,
        "warnings": TEXTS,
    }  # fmt: skip
    return {
        "type": "object",
        "description": "An alert with its matched events (`unread` of them are not here), what "
        "was found and done since, and alerts of the same entity.",
        "properties": {**alert["properties"], **more},
        "required": [*alert["required"], *more],
    }


def _silences() -> dict[str, Schema]:
    kind: Schema = {"type": "string", "enum": ["silence", "exclusion"]}
    example = shape(
        "An alert that it would have muted.", id=TEXT, title=TEXT, level=LEVEL, state=TEXT,
        disposition=MAYBE_TEXT, raised=INSTANT,
    )  # fmt: skip
    return {
        "Silence": shape(
            "What is muted: all that is not null must hold, `level` and lesser ones.",
            id=TEXT, kind=kind, rule=MAYBE_TEXT, level=_MAYBE_LEVEL,
            key={"type": ["array", "null"], "items": _PAIR}, reason=MAYBE_TEXT, by=TEXT,
            made=INSTANT, expires=INSTANT, ended=INSTANT, ended_by=MAYBE_TEXT, muted=NUMBER,
            last=INSTANT,
        ),
        "SilenceRequest": {
            "type": "object",
            "properties": {
                "reason": _NOTE, "kind": kind, "rule": TEXT,
                "level": {"type": "string", "enum": ["", *LEVELS]},
                "key": {"type": "object", "additionalProperties": TEXT},
                "hours": {"type": "number", "exclusiveMinimum": 0, "default": HOURS_DEFAULT},
            },
            "required": ["reason"],
            "additionalProperties": False,
        },
        "SilenceEnd": {
            "type": "object", "properties": {"note": _NOTE}, "additionalProperties": False,
        },
        "Effect": shape(
            "Of the alerts of so many days, how many a silence would have muted, and how many of "
            "these somebody closed as an attack.",
            days=NUMBER, alerts=NUMBER, muted=NUMBER, findings=NUMBER, events=NUMBER,
            true_positives=NUMBER, open=NUMBER, examples=listed(example),
        ),
    }  # fmt: skip
