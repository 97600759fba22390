"""Rate limit of logins that fail, per name and per address. In memory: a restart forgets.

A token bucket each (name: 10, one more a minute; address: 30, one more every 20 s). An attempt is
paid before it is checked, so that parallel guesses do not slip through, and paid back when right.
It does not lock a user out for good, which would let anybody lock out anybody.
"""

import threading
from collections import OrderedDict
from math import ceil

from msgspec import Struct

from whodid.clock import Clock, system_clock
from whodid.ledger.refusals import network_of
from whodid.limits import LOGIN_KEYS_MAX


class Allowance(Struct, frozen=True):
    """`burst` failures at once, then one per `refill_us`."""

    burst: int
    refill_us: int


NAME = Allowance(10, 60 * 1_000_000)
ADDRESS = Allowance(30, 20 * 1_000_000)


class FailedLogins:
    """Counts failures. Safe for threads.

    Invariant: at most LOGIN_KEYS_MAX keys of each kind are held; the least recently used goes
    first. To push out one name's count an attacker needs that many addresses.
    """

    def __init__(self, clock: Clock = system_clock) -> None:
        self._lock = threading.Lock()
        self._names = _Buckets(NAME, clock)
        self._addresses = _Buckets(ADDRESS, clock)

    def begin(self, name: str | None, ip: str | None) -> float:
        """Pay for an attempt: 0.0 when it may be made, else the seconds to wait.

        `name` None is an attempt that names nobody (a bearer token).
        """
        with self._lock:
            wait = self._addresses.wait_s(network_of(ip))
            if wait == 0.0 and name is not None:
                wait = self._names.wait_s(_key(name))
            if wait == 0.0:
                self._addresses.add(network_of(ip), -1)
                if name is not None:
                    self._names.add(_key(name), -1)
            return wait

    def succeeded(self, name: str | None, ip: str | None) -> None:
        """Pay an attempt back, because it was right."""
        with self._lock:
            self._addresses.add(network_of(ip), 1)
            if name is not None:
                self._names.add(_key(name), 1)


class _Buckets:
    """Credit in µs per key: an attempt costs `refill_us`, time gives it back."""

    def __init__(self, allowance: Allowance, clock: Clock) -> None:
        self._cost_us = allowance.refill_us
        self._credit_us_max = allowance.burst * allowance.refill_us
        self._clock = clock
        self._credits: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def wait_s(self, key: str) -> float:
        missing_us = max(self._cost_us - self._credit_us(key), 0)
        return float(ceil(missing_us / 1_000_000))

    def add(self, key: str, attempts: int) -> None:
        credit_us = min(self._credit_us(key) + attempts * self._cost_us, self._credit_us_max)
        self._credits[key] = (credit_us, self._clock())
        self._credits.move_to_end(key)
        if len(self._credits) > LOGIN_KEYS_MAX:
            self._credits.popitem(last=False)

    def _credit_us(self, key: str) -> int:
        credit_us, at_us = self._credits.get(key, (self._credit_us_max, 0))
        passed_us = max(self._clock() - at_us, 0)
        return min(credit_us + passed_us, self._credit_us_max)


def _key(name: str) -> str:
    return name[:64].casefold()
