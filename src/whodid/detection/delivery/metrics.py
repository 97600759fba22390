"""What the outbox counts, as metrics. Channels are named by the operator, and are few."""

from collections.abc import Mapping

from whodid.detection.delivery.outbox import Outbox, Standing
from whodid.metrics import Metric, counter, gauge


def outbox_metrics(outbox: Outbox, now_us: int) -> list[Metric]:
    """Return the metrics. Raises LedgerError when outbox.db cannot be read."""
    beats = {name: beat.last_ok_us for name, beat in dict(outbox.beats).items()}
    return metrics_of(
        outbox.standing(), outbox.outcomes, beats, outbox.unrouted, outbox.trouble, now_us
    )


def metrics_of(
    standing: Mapping[str, Standing], outcomes: Mapping[tuple[str, str], int],
    beats: Mapping[str, int], unrouted: int, trouble: str, now_us: int,
) -> list[Metric]:  # fmt: skip
    """Return the metrics of channels (by name), tries by (channel, outcome), and beats (µs)."""
    told = [
        ({"channel": channel, "outcome": outcome.replace(" ", "_")}, float(count))
        for (channel, outcome), count in sorted(dict(outcomes).items())  # another thread counts on
    ]

    def each(name: str, kind: str, text: str, values: list[float]) -> Metric:
        labels: list[dict[str, str]] = [{"channel": channel} for channel in standing]
        samples = list(zip(labels, values, strict=True))
        return Metric(name, "counter" if kind == "counter" else "gauge", text, samples)

    all_ = list(standing.values())
    ages = [max(0.0, (now_us - one.oldest_us) / 1e6) if one.waiting else 0.0 for one in all_]
    return [
        Metric("whodid_alert_deliveries_total", "counter", "Tries to tell of alerts.", told),
        each("whodid_alert_messages_waiting", "gauge", "Messages that wait.",
             [float(one.waiting) for one in all_]),
        each("whodid_alert_messages_oldest_seconds", "gauge", "Age of the oldest of these.", ages),
        each("whodid_alert_messages_given_up", "gauge", "Messages that can be sent again.",
             [float(one.dead) for one in all_]),
        each("whodid_alert_messages_lost_total", "counter", "Left out: the outbox was full.",
             [float(one.lost) for one in all_]),
        each("whodid_alert_outbox_full", "gauge", "1 when further messages are left out.",
             [float(one.full) for one in all_]),
        Metric("whodid_alert_heartbeat_timestamp_seconds", "gauge", "Last heartbeat taken.",
               [({"channel": name}, when / 1e6) for name, when in beats.items()]),
        counter("whodid_alert_unrouted_total", "Changes that no route is for.", unrouted),
        gauge("whodid_alert_outbox_trouble", "1 when it cannot do its work.", int(bool(trouble))),
    ]  # fmt: skip
