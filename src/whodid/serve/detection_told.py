"""How detection stands, from the metrics that its process told last."""

from collections.abc import Sequence

from whodid.app.detection_standing import DetectionStanding, Telling
from whodid.metrics import Labels, Metric
from whodid.serve.metrics_file import STALE_US, Snapshot
from whodid.serve.supervisor_metrics import MEMORY

_DETECTOR, _SUPERVISOR = "detector", "supervisor"
_RULES = "whodid_detection_rules"


def detection_told(snapshots: Sequence[Snapshot], now_us: int) -> DetectionStanding | None:
    """Return how it stands; None when no detector told of itself since the server started."""
    own = next((item for item in snapshots if item.process == _DETECTOR), None)
    if own is None:
        return None
    told = _Told(own.metrics)
    rules = {labels["state"]: int(value) for labels, value in told.of(_RULES)}
    age_us = max(now_us - own.written_us, 0)
    return DetectionStanding(
        up=age_us <= STALE_US,
        age_s=age_us / 1e6,
        behind=told.whole("whodid_detection_lag_entries"),
        behind_s=told.one("whodid_detection_lag_seconds"),
        rules=rules.get("used", 0),
        blind=rules.get("blind", 0),
        faulty=rules.get("faulty", 0),
        doubtful=rules.get("doubtful", 0),
        unusable=rules.get("unusable", 0),
        state_bytes=told.whole("whodid_detection_state_bytes"),
        memory_bytes=_memory(snapshots),
        events=told.whole("whodid_detection_events_total"),
        findings=told.whole("whodid_detection_findings_total"),
        failures=told.whole("whodid_detector_failures_total"),
        failed_events=told.whole("whodid_detection_failed_events_total"),
        channels=tuple(_channels(told)),
        trouble=bool(told.one("whodid_alert_outbox_trouble")),
    )


class _Told:
    """Metrics by name."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._by_name = {metric.name: metric.samples for metric in metrics}

    def of(self, name: str) -> Sequence[tuple[Labels, float]]:
        return self._by_name.get(name, ())

    def one(self, name: str) -> float:
        return next((value for _, value in self.of(name)), 0.0)

    def whole(self, name: str) -> int:
        return int(self.one(name))

    def by_channel(self, name: str) -> dict[str, float]:
        return {labels["channel"]: value for labels, value in self.of(name)}


def _channels(told: _Told) -> list[Telling]:
    waiting = told.by_channel("whodid_alert_messages_waiting")
    oldest = told.by_channel("whodid_alert_messages_oldest_seconds")
    dead = told.by_channel("whodid_alert_messages_given_up")
    lost = told.by_channel("whodid_alert_messages_lost_total")
    return [
        Telling(
            name, int(count), oldest.get(name, 0.0), int(dead.get(name, 0)), int(lost.get(name, 0))
        )
        for name, count in waiting.items()
    ]


def _memory(snapshots: Sequence[Snapshot]) -> int:
    """Return the memory of the detector's process, as the supervisor told it."""
    for item in snapshots:
        if item.process == _SUPERVISOR:
            for labels, value in _Told(item.metrics).of(MEMORY):
                if labels.get("process") == _DETECTOR:
                    return int(value)
    return 0
