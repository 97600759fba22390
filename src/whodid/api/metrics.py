"""What an operator watches about the log itself, for `/metrics`."""

from whodid.app.answer import Health
from whodid.metrics import Metric, counter, gauge


def log_metrics(health: Health, *, events: int, sources: int) -> list[Metric]:
    """Return what an operator watches about the log itself."""
    return [
        gauge("whodid_ready", "1 when everything the server needs answers.", int(health.ready)),
        gauge("whodid_stopped", "1 when appends have ended.", int(health.stopped is not None)),
        counter("whodid_events_total", "Events in the ledger.", events),
        gauge("whodid_sources", "Declared sources, whodid's own not counted.", sources),
        counter("whodid_duplicates_total", "Redeliveries since the start.", health.duplicates),
        counter("whodid_conflicts_total", "Same id, other bytes, since start.", health.conflicts),
        gauge("whodid_entries", "Durable entries of the log.", health.size),
        gauge("whodid_published_entries", "Entries that are signed.", health.published),
        gauge("whodid_sealed_entries", "Entries in sealed files.", health.sealed),
        gauge("whodid_indexed_entries", "Entries in index segments.", health.indexed),
        gauge(
            "whodid_publish_lag_entries", "Durable, not yet in a signed checkpoint.",
            max(health.size - health.published, 0),
        ),
        gauge(
            "whodid_index_lag_entries", "Durable, not yet in an index segment (searched directly).",
            max(health.size - health.indexed, 0),
        ),
    ]  # fmt: skip
