"""When a round is due, and when one is overdue. Pure."""

from whodid.limits import VALIDATION_EARLY_SHARE
from whodid.validation.report import Report

HOUR_US = 3600 * 1_000_000


def due_us(report: Report) -> int:
    """Return when the next round begins: so early that it ends within the interval.

    That is a quarter of the interval before its end, or twice what the last one took.
    """
    last = report.last
    if last is None:
        return report.since_us
    took_us = last.finished_us - last.started_us
    early_us = max(round(report.every_us * VALIDATION_EARLY_SHARE), 2 * took_us)
    return last.finished_us + max(report.every_us - early_us, 0)


def overdue(report: Report, now_us: int) -> bool:
    """Tell whether the ledger was not verified end to end within the interval."""
    last = report.last
    since_us = report.since_us if last is None else last.finished_us
    return now_us - since_us > report.every_us
