"""Findings of one rule over history → what people are shown of them."""

from collections import Counter
from collections.abc import Callable, Sequence

from whodid.app.rule_backtest.task import Day, Found, Spared
from whodid.detection.alerts.alert import Silence
from whodid.detection.alerts.fingerprint import Tagger
from whodid.detection.alerts.silence import mutes
from whodid.detection.backtest.noise import DAY_US, alerts_of
from whodid.detection.backtest.tune import suggestions
from whodid.detection.finding import Finding
from whodid.limits import BACKTEST_DAYS_SHOWN, BACKTEST_FINDINGS_SHOWN

_EVENTS_SHOWN = 5


def is_excluded(finding: Finding, exclusions: Sequence[Silence], tagger: Tagger) -> bool:
    """Tell whether an exclusion in force mutes alerts of a finding."""
    if not exclusions:
        return False
    tags, rule = tagger.key_tags(finding.key), finding.rule
    return any(mutes(one, rule.id, rule.level, tags) for one in exclusions)


def by_day(
    findings: Sequence[Finding], excluded: Callable[[Finding], bool]
) -> tuple[tuple[Day, ...], int, int]:
    """Return the days on which alerts begin, those that are not among them, and the excluded."""
    alerts: Counter[int] = Counter()
    muted: Counter[int] = Counter()
    for alert in alerts_of(findings):
        day = alert[0].time_us // DAY_US
        alerts[day] += 1
        muted[day] += excluded(alert[0])
    last = max(alerts, default=0)
    shown = sorted(day for day in alerts if day > last - BACKTEST_DAYS_SHOWN)
    days = tuple(Day(day * DAY_US, alerts[day], muted[day]) for day in shown)
    return days, sum(alerts.values()) - sum(day.alerts for day in days), sum(muted.values())


def newest(findings: Sequence[Finding]) -> tuple[Found, ...]:
    """Return the last findings, the newest first."""
    last = sorted(findings, key=lambda one: one.time_us)[: -BACKTEST_FINDINGS_SHOWN - 1 : -1]
    return tuple(
        Found(
            one.time_us, one.count, one.key, one.why,
            tuple(match.id for match in one.matches[:_EVENTS_SHOWN]),
        )
        for one in last
    )  # fmt: skip


def spared(
    findings: Sequence[Finding], values_of: Callable[[int], dict[str, str] | None]
) -> tuple[Spared, ...]:
    """Return what could be left out of a rule."""
    return tuple(
        Spared(one.values, one.alerts, one.left, one.days, one.as_sigma())
        for one in suggestions(findings, values_of)
    )
