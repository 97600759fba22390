"""What of an event is looked at: resource, its area, action, network, client, hour of the week.

Values are known by 48-bit keys, so that a profile is small and holds no text; a text as it was is
only kept of the events of the open days, for the sentence of an alert.
"""

from hashlib import blake2b
from typing import Any

from whodid.detection.record import Record

RESOURCE, AREA, ACTION, NETWORK, CLIENT, HOUR = range(6)
DIMENSIONS = ("resource", "area", "action", "network", "client", "hour")
SPARSE = 5
"""Dimensions whose values are texts; the hour of the week is a number."""

KEYS = 1 << 48
"""Number of keys that there are."""

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
WEEK_HOURS = 168

_KNOWN_MAX = 65_536
_KNOWN_CHARS_MAX = 256
_RESOURCES_MAX = 8

UNPROVEN = frozenset({"failure", "denied"})
"""Outcomes of what was tried only: a failed login proves nothing about the actor it names."""


class Keys:
    """Texts → keys; remembers the common ones. The first 48 bits of BLAKE2b, so they never change.

    Names that share a key can be found with some 2^41 trials for one of a profile's values: whoever
    may name resources so freely has easier ways.
    """

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        """Return the key of a text."""
        found = self._known.get(text)
        if found is None:
            digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).digest()
            found = int.from_bytes(digest, "big")
            if len(text) <= _KNOWN_CHARS_MAX:
                if len(self._known) >= _KNOWN_MAX:
                    self._known.clear()
                self._known[text] = found
        return found


def area_of(name: str, parent: str | None, kind: str | None) -> str | None:
    """Return what a resource is part of: its parent, else the path before its last part."""
    if parent:
        return parent
    for mark in ("/", ":", "."):
        before = name.rpartition(mark)[0]
        if before:
            return before
    return kind


def network_of(where: Any) -> str | None:
    """Return the network of an address (/24, IPv6 /48), else the host."""
    ip: str | None = where.ip
    if not ip:
        host: str | None = where.host
        return host
    if ":" in ip:
        parts = ip.split(":")
        return ":".join(parts[:3]) + "::/48" if len(parts) > 3 else ip
    return ip.rpartition(".")[0] + ".0/24"


def client_of(agent: str | None) -> str | None:
    """Return the kind of a user agent without its version, so that an update is nothing new."""
    if not agent:
        return None
    words = []
    for word in agent[:_KNOWN_CHARS_MAX].split():
        name = word.partition("/")[0].strip("(;,)").rstrip("0123456789._-")
        if name:
            words.append(name)
    return " ".join(words[:8]) or None


class Reading:
    """Fields of an event → (key, text) of its values; remembers the common ones."""

    def __init__(self, keys: Keys) -> None:
        self.key = keys
        self._areas: dict[tuple[str, str | None, str | None], tuple[int, str] | None] = {}
        self._networks: dict[str, tuple[int, str]] = {}
        self._clients: dict[str, tuple[int, str] | None] = {}

    def area(self, name: str, parent: str | None, kind: str | None) -> tuple[int, str] | None:
        """Return the area of a resource."""
        fields = (name, parent, kind)
        if fields in self._areas:
            return self._areas[fields]
        text = area_of(name, parent, kind)
        found = None if text is None else (self.key(text), text)
        if len(name) + len(parent or "") + len(kind or "") <= _KNOWN_CHARS_MAX:
            if len(self._areas) >= _KNOWN_MAX:
                self._areas.clear()
            self._areas[fields] = found
        return found

    def network(self, where: Any) -> tuple[int, str] | None:
        """Return the network that an event came from."""
        address = where.ip or where.host
        if not address:
            return None
        found = self._networks.get(address)
        if found is None:
            text = network_of(where) or address
            found = self.key(text), text
            if len(address) <= _KNOWN_CHARS_MAX:
                if len(self._networks) >= _KNOWN_MAX:
                    self._networks.clear()
                self._networks[address] = found
        return found

    def client(self, agent: str) -> tuple[int, str] | None:
        """Return the kind of client."""
        if agent in self._clients:
            return self._clients[agent]
        text = client_of(agent)
        found = None if text is None else (self.key(text), text)
        if len(agent) <= 4 * _KNOWN_CHARS_MAX:
            if len(self._clients) >= _KNOWN_MAX // 8:
                self._clients.clear()
            self._clients[agent] = found
        return found


def fresh_values(
    known: list[dict[int, int]], record: Record, what: Any, time_us: int, reading: Reading
) -> list[tuple[int, int, str]]:
    """Return (dimension, key, text) of the values of an event that are not `known`, each once."""
    hours = time_us // HOUR_US
    hour = (hours // 24 + 3) % 7 * 24 + hours % 24  # Monday 00 UTC is 0
    out = [] if hour in known[HOUR] else [(HOUR, hour, "")]
    if what.resource_name or what.resources:
        _resources(known, what, reading, out)
    action = what.action or what.access
    if action:
        if what.outcome in UNPROVEN:
            action = f"{action} ({what.outcome})"
        key = reading.key(action)
        if key not in known[ACTION]:
            out.append((ACTION, key, action))
    where = record.group(3)
    network = reading.network(where)
    if network is not None and network[0] not in known[NETWORK]:
        out.append((NETWORK, *network))
    if where.agent:
        client = reading.client(where.agent)
        if client is not None and client[0] not in known[CLIENT]:
            out.append((CLIENT, *client))
    return out


def _resources(
    known: list[dict[int, int]], what: Any, reading: Reading, out: list[tuple[int, int, str]]
) -> None:
    name = what.resource_name
    if name:
        key = reading.key(name)
        if key not in known[RESOURCE]:
            out.append((RESOURCE, key, name))
        area = reading.area(name, what.resource_parent, what.resource_type)
        if area is not None and area[0] not in known[AREA]:
            out.append((AREA, *area))
    for other in dict.fromkeys(what.resources[:_RESOURCES_MAX]):
        key = reading.key(other)
        if other != name and key not in known[RESOURCE]:
            out.append((RESOURCE, key, other))
