"""Whose word about the client's address is believed: X-Forwarded-For from trusted networks.

The field is read from the right, where the nearest proxy wrote, and only as far as the hops are
trusted: what a client writes itself stands to the left of what its proxy adds. Without trusted
networks the peer is the client, whatever it says.
"""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

_HOPS_MAX = 32
_REMEMBERED = 4096
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TrustedProxies:
    """The networks of proxies. One owner: the door's event loop."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks: tuple[_Network, ...] = ()
        self._known = lru_cache(_REMEMBERED)(self._is_in)
        self.use(networks)

    def use(self, networks: Iterable[str]) -> None:
        """Trust these from now on."""
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)
        self._known.cache_clear()

    def trusts(self, address: str) -> bool:
        """Tell whether this is a proxy's address."""
        return bool(self._networks) and self._known(address)

    def client_of(self, peer: str, forwarded_for: Iterable[bytes]) -> str:
        """Return the client's address: the first from the right that is no trusted proxy's.

        An entry that is no address ends the way: what stands behind it was told by nobody known.
        """
        client = peer
        if not self.trusts(peer):
            return client
        entries = b",".join(forwarded_for).split(b",")
        for entry in reversed(entries[-_HOPS_MAX:]):
            address = parse_hop(entry)
            if address is None:
                break
            client = address
            if not self.trusts(address):
                break
        return client

    def _is_in(self, address: str) -> bool:
        try:
            found = _bare(ipaddress.ip_address(address))
        except ValueError:
            return False
        return any(found in network for network in self._networks)


def parse_hop(entry: bytes) -> str | None:
    """Return the address of one entry, its port dropped; None for what is no address."""
    text = entry.strip().decode("latin-1").strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(_bare(ipaddress.ip_address(text)))
    except ValueError:
        return None


def _bare(address: _Address) -> _Address:
    """Take the IPv4 address out of ::ffff:192.0.2.1."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
