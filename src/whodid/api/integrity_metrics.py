"""What an operator watches of continuous validation, as metrics. Pure."""

from whodid.app.integrity_answer import Integrity
from whodid.metrics import Metric, gauge

_S = 1_000_000


def integrity_metrics(found: Integrity) -> list[Metric]:
    """Return the metrics; a time is 0 when it has not come yet."""
    last, clean = found.last, found.last_clean
    return [
        gauge(
            "whodid_verify_running", "1 when the process that verifies reports.", int(found.running)
        ),
        gauge(
            "whodid_verify_last_timestamp_seconds", "When the last whole round ended.",
            last.finished_us / _S if last else 0,
        ),
        gauge(
            "whodid_verify_last_success_timestamp_seconds",
            "When the last whole round ended that found nothing.",
            clean.finished_us / _S if clean else 0,
        ),
        gauge(
            "whodid_verify_last_duration_seconds", "How long the last whole round took.",
            (last.finished_us - last.started_us) / _S if last else 0,
        ),
        gauge(
            "whodid_verify_last_busy_seconds", "Processor time of the last whole round.",
            last.busy_s if last else 0,
        ),
        gauge(
            "whodid_verify_entries", "Entries read by the last whole round.",
            last.entries if last else 0,
        ),
        gauge("whodid_verify_faults", "Faults that stand.", len(found.faults)),
        gauge(
            "whodid_verify_faults_unacknowledged", "Those that nobody acknowledged.",
            len(found.open_faults),
        ),
        gauge(
            "whodid_verify_overdue", "1 when no whole round ended within the interval.",
            int(found.overdue),
        ),
        gauge(
            "whodid_verify_progress_ratio", "Part of the running round that is done.",
            found.done / found.total if found.doing and found.total else 0,
        ),
        gauge(
            "whodid_verify_looked_timestamp_seconds",
            "When new files, heads and the tail were looked at last.", found.looked_us / _S,
        ),
    ]  # fmt: skip
