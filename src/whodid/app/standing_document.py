"""The JSON form of where a ledger stands (`whodid status`, `GET /v1/status`)."""

from whodid.app.answer import Standing
from whodid.app.detection_standing import (
    DetectionStanding,
    detection_attention,
    detection_document,
)
from whodid.app.document import Document, integrity_document, source_document


def standing_document(found: Standing, detection: DetectionStanding | None = None) -> Document:
    """Return the JSON form; sizes are bytes, lags are entries. No detection: nothing told of it."""
    attention = [*found.attention, *detection_attention(detection)]
    health, growth = found.health, found.growth
    days = found.days_until_full
    return {
        "ok": not attention,
        "attention": attention,
        "version": found.version,
        "format": found.format,
        "origin": found.origin,
        "ledger_id": found.ledger_id,
        "running": found.running,
        "stopped": health.stopped,
        "entries": {
            "size": health.size,
            "unpublished": max(health.size - health.published, 0),
            "unsealed": max(health.size - health.sealed, 0),
            "unindexed": max(health.size - health.indexed, 0),
            "last_7_days": growth.entries_7_days,
            "last_30_days": growth.entries_30_days,
            "a_day": growth.entries_a_day,
        },
        "bytes": {**found.bytes, "total": sum(found.bytes.values())},
        "bytes_an_entry": found.bytes_each,
        "bytes_a_day": growth.bytes_a_day,
        "disk_free_bytes": found.disk_free_bytes,
        "days_until_full": None if days is None else round(days, 1),
        "sources": [source_document(source) for source in found.sources],
        "integrity": integrity_document(found.integrity),
        "detection": detection_document(detection),
    }
