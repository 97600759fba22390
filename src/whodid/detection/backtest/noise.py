"""How loud rules would have been: alerts a day, and who or what they would have been about.

Findings of one rule about the same key are one alert until nothing comes for QUIET_US, as the live
alerts fold them (silences and graver alerts aside, which nobody can know of a rule that is new).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from whodid.detection.finding import Finding
from whodid.detection.rule import Head
from whodid.limits import BACKTEST_KEYS_SHOWN

DAY_US = 86_400_000_000
QUIET_US = 24 * 3_600_000_000
_NOBODY = "(no key)"


class Noise(Struct, frozen=True):
    """Of one rule: findings, the alerts they fold to, and where these concentrate.

    `most_a_day` is the loudest day (UTC); `keys` are the most frequent keys with their alerts;
    `excluded` of the alerts somebody excluded.
    """

    rule: Head
    findings: int
    alerts: int
    events: int
    alerts_a_day: float
    most_a_day: int
    days: int
    keys: tuple[tuple[str, int], ...]
    excluded: int = 0


def none_excluded(_: Finding) -> bool:
    """Exclude nothing."""
    return False


def noise(
    findings: Iterable[Finding], first_us: int, last_us: int,
    excluded: Callable[[Finding], bool] = none_excluded,
) -> list[Noise]:  # fmt: skip
    """Return how loud each rule was that found something, the loudest first."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in findings:
        by_rule.setdefault(finding.rule.id, []).append(finding)
    days = max((last_us - first_us) / DAY_US, 1.0)
    found = [_of_rule(rule, days, excluded) for rule in by_rule.values()]
    return sorted(found, key=lambda item: (-item.alerts, item.rule.title))


def alerts_of(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Fold findings of one rule to alerts, by time."""
    open_ones: dict[tuple[tuple[str, str], ...], list[Finding]] = {}
    folded: list[list[Finding]] = []
    for finding in sorted(findings, key=lambda item: item.time_us):
        known = open_ones.get(finding.key)
        if known is not None and finding.time_us - known[-1].time_us < QUIET_US:
            known.append(finding)
            continue
        open_ones[finding.key] = [finding]
        folded.append(open_ones[finding.key])
    return folded


def key_text(finding: Finding) -> str:
    """Return what a finding is about, in few words."""
    return ", ".join(f"{name}={value}" for name, value in finding.key) or _NOBODY


def _of_rule(findings: list[Finding], days: float, excluded: Callable[[Finding], bool]) -> Noise:
    alerts = alerts_of(findings)
    a_day = Counter(alert[0].time_us // DAY_US for alert in alerts)
    keys = Counter(key_text(alert[0]) for alert in alerts)
    return Noise(
        findings[0].rule, len(findings), len(alerts), sum(item.count for item in findings),
        len(alerts) / days, max(a_day.values()), len(a_day),
        tuple(keys.most_common(BACKTEST_KEYS_SHOWN)), sum(excluded(alert[0]) for alert in alerts),
    )  # fmt: skip
