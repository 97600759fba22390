"""`/metrics` in the text format of Prometheus, version 0.0.4 (its "exposition formats").

Pure: values in, text out. No label holds content of an event or a name that an outsider chose.
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from whodid.app.answer import Health
from whodid.sources.http import IngestMetrics

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Metric(Struct, frozen=True):
    """One family. `samples` are (labels, value); a counter's name ends in `_total`."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str
    samples: Sequence[tuple[dict[str, str], float]]


def gauge(name: str, text: str, value: float) -> Metric:
    """Return a gauge without labels."""
    return Metric(name, "gauge", text, [({}, value)])


def counter(name: str, text: str, value: float) -> Metric:
    """Return a counter without labels."""
    return Metric(name, "counter", text, [({}, value)])


def render(metrics: Iterable[Metric]) -> str:
    """Return the text."""
    lines: list[str] = []
    for metric in metrics:
        lines += (
            f"# HELP {metric.name} {_escape(metric.help)}",
            f"# TYPE {metric.name} {metric.kind}",
        )
        for labels, value in metric.samples:
            pairs = ",".join(f'{key}="{_label(text)}"' for key, text in labels.items())
            lines.append(f"{metric.name}{{{pairs}}} {value}" if pairs else f"{metric.name} {value}")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _label(text: str) -> str:
    return _escape(text).replace('"', '\\"')


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


def ingest_metrics(doors: Sequence[IngestMetrics]) -> list[Metric]:
    """Return the counters of the ingest doors, added up since they started."""
    requests: dict[int, int] = {}
    for door in doors:
        for status, count in door.requests.items():
            requests[status] = requests.get(status, 0) + count
    by_status = [({"status": str(status)}, count) for status, count in sorted(requests.items())]
    names = ("accepted", "duplicate", "quarantined", "conflict")
    return [
        Metric(
            "whodid_ingest_requests_total", "counter", "Requests to POST /v1/events.", by_status
        ),
        Metric(
            "whodid_ingest_records_total", "counter", "Records by what became of them.",
            [({"result": name}, sum(getattr(door, name) for door in doors)) for name in names],
        ),
        counter(
            "whodid_ingest_body_bytes_total", "Bytes of bodies as received.",
            sum(door.body_bytes for door in doors),
        ),
        counter(
            "whodid_ingest_disconnected_total", "Clients that went away before their answer.",
            sum(door.disconnected for door in doors),
        ),
    ]  # fmt: skip
