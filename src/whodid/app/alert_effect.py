"""What a silence or an exclusion would have muted, told from the alerts of the past."""

from whodid.app.alert_answer import Effect
from whodid.detection.alerts.alert import Silence
from whodid.detection.alerts.reads import Reads
from whodid.detection.alerts.silence import mutes
from whodid.detection.rule import Level

_DAY_US = 86_400_000_000
_EXAMPLES_MAX = 10


def effect_of(
    reads: Reads, rule: str, level: Level | None, tags: tuple[bytes, ...], days: int, now_us: int
) -> Effect:  # fmt: skip
    """Look at every alert that was seen in the last days."""
    since_us = now_us - days * _DAY_US
    silence = Silence("", "silence", rule, level, tags, "", now_us, None, 0)
    past = reads.alerts("seen_us >= ?", since_us)
    muted = [one for one in past if mutes(silence, one.rule, one.level, one.tags)]
    return Effect(
        days, len(past), len(muted), sum(one.findings for one in muted),
        sum(one.events for one in muted),
        sum(one.disposition == "true positive" for one in muted),
        sum(one.state == "open" and not one.muted for one in muted), muted[:_EXAMPLES_MAX],
    )  # fmt: skip
