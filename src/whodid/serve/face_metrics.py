"""What the faces tell of themselves; their requests are counted by the doors."""

from whodid.metrics import Metric, counter, gauge


def face_metrics(*, tails: int, failed_logins: int) -> list[Metric]:
    """Return everything."""
    return [
        gauge("whodid_tails_open", "Live tails.", tails),
        counter(
            "whodid_logins_failed_total", "Logins and tokens that were refused.", failed_logins
        ),
    ]  # fmt: skip
