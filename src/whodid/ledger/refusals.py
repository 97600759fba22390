"""Refused attempts, counted: one entry per reason, token and network until somebody takes them.

A door refuses tokens far faster than events may be written about it, and it may not write own
events at all. So it counts, the sequencer adds up the doors' counts, and a process that may write
own events takes them once a minute. Bounded: beyond REFUSALS_MAX kinds only their number is kept.

What is counted and not yet taken is lost when the server is killed.
"""

import ipaddress
import threading
from collections.abc import Iterable

from msgspec import Struct

from whodid.limits import REFUSALS_MAX

MANY = "several"
"""The reason under which what found no place of its own is counted."""

_TEXT_CHARS_MAX = 64


class Refused(Struct, frozen=True):
    """So many attempts of one kind. `token` is a token's public id, `network` an address or /64."""

    reason: str
    network: str
    token: str
    count: int
    first_us: int
    last_us: int


class Refusals:
    """Adds up until `take`. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[tuple[str, str, str], Refused] = {}

    def note(self, reason: str, ip: str | None, token: str | None, now_us: int) -> None:
        """Count one attempt."""
        self.add([Refused(reason, network_of(ip), token or "", 1, now_us, now_us)])

    def add(self, items: Iterable[Refused]) -> None:
        """Add counts; texts are cut, since they come from another process."""
        with self._lock:
            for item in items:
                self._add(item)

    def _add(self, item: Refused) -> None:
        key = (
            item.reason[:_TEXT_CHARS_MAX], item.network[:_TEXT_CHARS_MAX],
            item.token[:_TEXT_CHARS_MAX],
        )  # fmt: skip
        if key not in self._found and len(self._found) >= REFUSALS_MAX:
            key = (MANY, "", "")
        known = self._found.get(key)
        count, first, last = max(item.count, 0), item.first_us, item.last_us
        if known is not None:
            count += known.count
            first, last = min(first, known.first_us), max(last, known.last_us)
        self._found[key] = Refused(*key, count, first, last)

    def take(self) -> list[Refused]:
        """Return what was counted, the earliest first, and begin anew."""
        with self._lock:
            found, self._found = self._found, {}
        return sorted(found.values(), key=lambda item: item.first_us)


def network_of(ip: str | None) -> str:
    """Return the address, or the /64 of an IPv6 address, which is one customer; empty for none."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)
