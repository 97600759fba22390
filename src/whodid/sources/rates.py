"""How fast something may go on: a token bucket a key, and the error for who is faster."""

import ipaddress
from typing import Protocol

from whodid.errors import RefusedError


class TooFastError(RefusedError):
    """A rate was passed; come back after `retry_after_s`."""

    code = "too_fast"


class Rate(Protocol):
    """A rate for each key. `take` is quick: it runs on the event loop."""

    def take(self, key: str, amount: float) -> float:
        """Take `amount` if the key has anything left, and return 0; else the seconds to wait.

        More than is left may be taken: then the key owes, and waits the longer. 0 only asks.
        """
        ...


class NoLimit:
    """A rate that everything keeps."""

    def take(self, _key: str, _amount: float) -> float:
        """Return 0."""
        return 0.0


def client_key(address: str) -> str | None:
    """Return what a client is known by: its address, for IPv6 its /64; None for loopback."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if found.is_loopback:
        return None
    if found.version == 6:
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
