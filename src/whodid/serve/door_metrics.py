"""What a door tells of itself."""

from whodid.metrics import Histogram, Metric, counter, gauge, histogram
from whodid.serve.acceptor import AcceptorMetrics
from whodid.sources.http import IngestMetrics


class RequestMetrics:
    """Counts answered requests by route and status. One owner: the door's event loop.

    Routes are templates of ours (`sources.route`), so there are few.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[str, int], int] = {}
        self._times: dict[str, Histogram] = {}

    def count(self, _method: str, route: str, status: int, took_s: float) -> None:
        """Count one; status 0 is a client that went away before its answer."""
        key = (route, status)
        self._counts[key] = self._counts.get(key, 0) + 1
        times = self._times.get(route)
        if times is None:
            times = self._times[route] = Histogram()
        times.observe(took_s)

    def metrics(self) -> list[Metric]:
        """Return how it stands."""
        return [
            Metric(
                "whodid_http_requests_total", "counter",
                "Requests by template of the address and status; 0: the client went away.",
                [({"route": r, "code": str(s)}, n) for (r, s), n in sorted(self._counts.items())],
            ),
            Metric(
                "whodid_http_request_duration_seconds", "histogram",
                "Time from a request's head to the end of its answer.",
                histograms=[({"route": r}, t.buckets()) for r, t in sorted(self._times.items())],
            ),
        ]  # fmt: skip


def door_metrics(
    requests: RequestMetrics,
    ingest: IngestMetrics,
    connections: AcceptorMetrics,
    *,
    open_connections: int,
    queue_rows: int,
) -> list[Metric]:
    """Return everything."""
    return [
        *requests.metrics(),
        *ingest_metrics(ingest),
        gauge("whodid_connections_open", "Open connections.", open_connections),
        counter("whodid_connections_total", "Connections accepted.", connections.accepted),
        counter(
            "whodid_connections_refused_total", "Connections closed at once: too many.",
            connections.refused,
        ),
        counter(
            "whodid_tls_handshakes_failed_total", "TLS handshakes that failed.",
            connections.handshakes_failed,
        ),
        gauge("whodid_ingest_queue_rows", "Records on their way to the sequencer.", queue_rows),
    ]  # fmt: skip


def ingest_metrics(door: IngestMetrics) -> list[Metric]:
    """Return the counters of `POST /v1/events`."""
    return [
        Metric(
            "whodid_ingest_records_total", "counter", "Records by source and what became of them.",
            [
                ({"source": source, "result": result}, count)
                for source, tally in sorted(door.sources.items())
                for result, count in tally.items()
            ],
        ),
        Metric(
            "whodid_ingest_refused_total", "counter", "Deliveries refused, by code of the error.",
            [({"code": code}, count) for code, count in sorted(door.refused.items())],
        ),
        counter(
            "whodid_ingest_body_bytes_total", "Bytes of bodies as received.", door.body_bytes
        ),
        counter(
            "whodid_ingest_decompress_refused_total",
            "Compressed bodies that were broken or too large.", door.decompress_refused,
        ),
        counter(
            "whodid_ingest_disconnected_total", "Clients that went away before their answer.",
            door.disconnected,
        ),
        gauge(
            "whodid_ingest_body_held_bytes", "Bodies of deliveries in memory.",
            door.held.size_bytes,
        ),
        histogram(
            "whodid_ingest_ack_seconds", "Time from a whole body until its records are durable.",
            door.acknowledged,
        ),
    ]  # fmt: skip
