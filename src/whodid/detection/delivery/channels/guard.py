"""Addresses that a request may reach: the internet, and what the settings name.

A receiver's name is somebody else's to resolve: without this, one that resolves to 169.254.169.254
or to a service of this machine would be sent what whodid's network position lets through.
What counts is the address that is connected to, after it was resolved.
"""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from whodid.detection.delivery.channels.channel import NotTakenError
from whodid.errors import UsageError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolved: TypeAlias = tuple[int, tuple[Any, ...]]
"""(address family, what `connect` takes)."""

Resolve: TypeAlias = Callable[[str, int], Sequence[Resolved]]

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def resolve_by_system(host: str, port: int) -> list[Resolved]:
    """Return the addresses of a host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(int(family), address) for family, _, _, _, address in found]


class Guard:
    """What `allow` names may be private: hosts, addresses, networks."""

    def __init__(self, allow: Sequence[str], resolve: Resolve = resolve_by_system) -> None:
        self._resolve = resolve
        self._networks = []
        self._hosts = set()
        for item in allow:
            try:
                self._networks.append(ipaddress.ip_network(item.strip("[]")))
            except ValueError:
                self._hosts.add(_bare(item))
        for host in self._hosts:
            if not host or "/" in host or ":" in host:
                raise UsageError(f"allow_hosts: {host!r} is no host, address or network")

    def names(self, host: str) -> bool:
        """Tell whether the settings name this host, or the address that it is."""
        try:
            found = ipaddress.ip_address(host)
        except ValueError:
            return _bare(host) in self._hosts
        return any(found in network for network in self._networks)

    def permits(self, address: str, *, private: bool) -> bool:
        """Tell whether an address may be connected to; `private`: its host was named.

        Raises ValueError for what is no address.
        """
        found = ipaddress.ip_address(address.partition("%")[0])
        if any(found in network for network in self._networks):
            return True
        return private or _is_public(found)

    def addresses(self, host: str, port: int) -> list[Resolved]:
        """Return where a host may be connected to. Raises NotTakenError when that is nowhere."""
        try:
            found = list(self._resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise NotTakenError(f"its host cannot be resolved ({type(error).__name__})") from error
        named = _bare(host) in self._hosts
        permitted = [item for item in found if self.permits(str(item[1][0]), private=named)]
        if not permitted:
            raise NotTakenError(
                "its host resolves to a private or local address only, which is not connected to: "
                "name it in the channel's allow_hosts if that is right"
                if found
                else "its host has no address"
            )
        return permitted

    def networks(self) -> list[str]:
        """Return the networks, and the addresses that the named hosts have now."""
        found = [str(network) for network in self._networks]
        for host in sorted(self._hosts):
            try:
                found += [str(item[1][0]) for item in self._resolve(host, 0)]
            except OSError:
                continue
        return found


def _bare(host: str) -> str:
    return host.strip().rstrip(".").lower()


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is None and address.teredo is not None:
            return False
        if inner is not None:
            return _is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_unspecified
