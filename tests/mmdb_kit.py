"""Writes a file in MaxMind's format (https://maxmind.github.io/MaxMind-DB/, version 2.0)."""

import struct
from ipaddress import ip_network
from pathlib import Path
from typing import Any

_BITS = 128
_MARKER = b"\xab\xcd\xefMaxMind.com"


class Short(int):
    """An unsigned number of 16 bits."""


class Long(int):
    """One of 64 bits."""


def write_mmdb(path: Path, networks: dict[str, Any], kind: str = "Test-City") -> Path:
    """Write records by network, IPv4 and IPv6; one must not lie in another."""
    nodes: list[list[Any]] = [[None, None]]
    data = b""
    for text, record in networks.items():
        network = ip_network(text)
        bits, length = int(network.network_address), network.prefixlen
        if network.version == 4:
            length += 96
        at = 0
        for depth in range(length):
            side = bits >> (_BITS - 1 - depth) & 1
            if depth == length - 1:
                nodes[at][side] = ("data", len(data))
            elif nodes[at][side] is None:
                nodes.append([None, None])
                nodes[at][side] = len(nodes) - 1
            at = nodes[at][side] if depth < length - 1 else at
        data += _encoded(record)
    tree = b"".join(struct.pack(">II", *(_pointer(x, len(nodes)) for x in n)) for n in nodes)
    meta = {
        "binary_format_major_version": Short(2), "binary_format_minor_version": Short(0),
        "build_epoch": Long(1),
        "database_type": kind, "description": {"en": "test"}, "ip_version": Short(6),
        "languages": ["en"], "node_count": len(nodes), "record_size": Short(32),
    }  # fmt: skip
    path.write_bytes(tree + bytes(16) + data + _MARKER + _encoded(meta))
    return path


def _pointer(item: Any, count: int) -> int:
    if item is None:
        return count
    return item if isinstance(item, int) else count + 16 + item[1]


def _encoded(value: Any) -> bytes:
    if isinstance(value, str):
        text = value.encode()
        return _control(2, len(text)) + text
    if isinstance(value, float):
        return _control(3, 8) + struct.pack(">d", value)
    if isinstance(value, Short):
        return _control(5, 2) + struct.pack(">H", value)
    if isinstance(value, Long):
        return _control(9, 8) + struct.pack(">Q", value)
    if isinstance(value, int):
        return _control(6, 4) + struct.pack(">I", value)
    if isinstance(value, list):
        return _control(11, len(value)) + b"".join(map(_encoded, value))
    pairs = b"".join(_encoded(key) + _encoded(item) for key, item in value.items())
    return _control(7, len(value)) + pairs


def _control(kind: int, size: int) -> bytes:
    assert size < 29 + 256
    head, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    if kind < 8:
        return bytes([kind << 5 | head]) + more
    return bytes([head, kind - 7]) + more


def city(country: str, name: str, latitude: float, longitude: float) -> dict[str, Any]:
    """A record as GeoLite2-City has it."""
    return {
        "country": {"iso_code": country}, "city": {"names": {"en": name}},
        "location": {"latitude": latitude, "longitude": longitude},
    }  # fmt: skip


PLACES = {
    "192.0.2.0/24": city("DE", "Berlin", 52.52, 13.405),
    "198.51.100.0/25": city("JP", "Tokyo", 35.68, 139.69),
    "198.51.100.128/25": city("DE", "Potsdam", 52.4, 13.06),
    "203.0.113.0/24": city("US", "New York", 40.71, -74.01),
    "2001:db8:1::/48": city("FR", "Paris", 48.86, 2.35),
}
"""Networks for documentation (RFC 5737, RFC 3849), at places that are not theirs."""
