"""How long until the next try: doubling, bounded, and spread by chance.

Chance keeps receivers that came back from being asked by everybody at once (AWS Builders' Library,
"Timeouts, retries, and backoff with jitter").
"""

from collections.abc import Callable

from whodid.limits import DELIVERY_BACKOFF_S, DELIVERY_BACKOFF_S_MAX

Random = Callable[[], float]
"""Returns a number in [0, 1)."""

_DOUBLINGS_MAX = 30


def backoff_us(attempts: int, random: Random, least_s: float = 0.0) -> int:
    """Return the wait after so many attempts, µs: from half of it to all of it, not below least."""
    doubled = DELIVERY_BACKOFF_S * float(1 << min(max(attempts, 1) - 1, _DOUBLINGS_MAX))
    whole = min(doubled, DELIVERY_BACKOFF_S_MAX)
    return round(max(whole * (1 - random() / 2), least_s) * 1e6)
