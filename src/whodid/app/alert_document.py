"""The JSON form of alerts, silences and what people did with them."""

from typing import Any, assert_never

from whodid.app.alert_answer import (
    AlertAnswer,
    AlertsAnswer,
    Effect,
    ShownAlert,
    ShownSilence,
    Value,
    place_text,
)
from whodid.app.document import Document, event_document
from whodid.app.instant import instant
from whodid.detection.alerts.record import AlertRecord, Handled, Raised, Silenced, Unsilenced


def alert_document(shown: ShownAlert) -> Document:
    """Return the JSON form of an alert; what is withheld is null."""
    alert, content = shown.alert, shown.content
    rule = content.rule if content else None
    return {
        "id": alert.id,
        "rule": alert.rule,
        "version": alert.version,
        "title": alert.title,
        "level": alert.level,
        "description": rule.description if rule else "",
        "tags": list(rule.tags) if rule else [],
        "state": alert.state,
        "muted": alert.muted or None,
        "overflow": alert.overflow,
        "key": _pairs(shown.key),
        "values": _pairs(shown.values),
        "why": shown.why,
        "findings": alert.findings,
        "events": alert.events,
        "first": instant(alert.first_us),
        "last": instant(alert.last_us),
        "raised": instant(alert.raised_us),
        "found": instant(alert.seen_us),
        "over": None if alert.quiet_us is None else instant(alert.quiet_us),
        "assignee": alert.assignee or None,
        "acted_by": alert.acted_by or None,
        "acted": instant(alert.acted_us) if alert.acted_us else None,
        "disposition": alert.disposition or None,
        "duplicate_of": alert.duplicate_of or None,
        "previous": alert.previous or None,
        "entry": alert.entry,
        "newest": alert.newest,
    }


def alerts_document(answer: AlertsAnswer) -> Document:
    """Return the JSON form of a page of alerts."""
    return {
        "alerts": [alert_document(shown) for shown in answer.alerts],
        "next": place_text(answer.next),
        "open": answer.open,
        "acknowledged": answer.acknowledged,
        "closed": answer.closed,
        "muted": answer.muted,
        "silences": answer.silences,
        "warnings": answer.warnings,
    }


def alert_answer_document(answer: AlertAnswer) -> Document:
    """Return the JSON form of one alert with its records and events."""
    content = answer.shown.content
    rule = content.rule if content else None
    return {
        **alert_document(answer.shown),
        "author": rule.author if rule else "",
        "references": list(rule.references) if rule else [],
        "false_positives": list(rule.false_positives) if rule else [],
        "matched": [event_document(hit, with_raw=False) for hit in answer.hits],
        "unread": answer.unread,
        "records": [record_document(entry, record) for entry, record in answer.records],
        "records_total": answer.records_total,
        "related": [alert_document(shown) for shown in answer.related],
        "may_handle": answer.may_handle,
        "warnings": answer.warnings,
    }


def record_document(entry: int, record: AlertRecord) -> Document:
    """Return the JSON form of one record: who did what with the alert, and when."""
    found: Document = {"entry": entry, "at": instant(record.at_us)}
    match record:
        case Raised():
            return found | {
                "act": record.kind, "by": None, "findings": record.findings,
                "events": record.events, "why": record.why, "muted": record.muted or None,
            }  # fmt: skip
        case Handled():
            return found | {
                "act": record.act, "by": record.by, "note": record.note,
                "assignee": record.assignee or None, "disposition": record.disposition,
            }  # fmt: skip
        case Silenced():
            return found | {"act": record.kind, "by": record.by, "note": record.reason}
        case Unsilenced():
            return found | {"act": "unmute", "by": record.by, "note": record.note}
        case _:
            assert_never(record)


def silence_document(shown: ShownSilence) -> Document:
    """Return the JSON form of a silence; key and reason are null where they cannot be read."""
    silence, content = shown.silence, shown.content
    return {
        "id": silence.id,
        "kind": silence.kind,
        "rule": silence.rule or None,
        "level": silence.level,
        "key": None if content is None else _pairs(content.key),
        "reason": None if content is None else content.reason,
        "by": silence.author,
        "made": instant(silence.made_us),
        "expires": None if silence.expires_us is None else instant(silence.expires_us),
        "ended": None if silence.ended_us is None else instant(silence.ended_us),
        "ended_by": silence.ended_by or None,
        "muted": silence.muted,
        "last": instant(silence.last_us) if silence.last_us else None,
    }


def effect_document(effect: Effect) -> Document:
    """Return the JSON form of what a silence would have muted."""
    return {
        "days": effect.days,
        "alerts": effect.alerts,
        "muted": effect.muted,
        "findings": effect.findings,
        "events": effect.events,
        "true_positives": effect.true_positives,
        "open": effect.open,
        "examples": [
            {
                "id": alert.id, "title": alert.title, "level": alert.level, "state": alert.state,
                "disposition": alert.disposition or None, "raised": instant(alert.raised_us),
            }
            for alert in effect.examples
        ],
    }  # fmt: skip


def _pairs(pairs: Any) -> list[Document]:
    values: list[Value] = list(pairs)
    return [{"field": name, "value": value} for name, value in values]
