"""Tell an IP address from a host name in the text of a log. Nothing is resolved or rewritten."""

import re
from ipaddress import IPv6Address

_IPV4 = re.compile(
    r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}"
).fullmatch
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9_.])?").fullmatch

IPV6_CHARS_MAX = 64
"""Longest text that is tried as an IPv6 address; with a zone it has at most 39 + 1 + 15."""


def is_ip(text: str) -> bool:
    """Tell whether the text is one IPv4 or IPv6 address (RFC 4291 text, zone allowed)."""
    if _IPV4(text) is not None:
        return True
    if ":" not in text or len(text) > IPV6_CHARS_MAX:
        return False
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def peer(text: str) -> tuple[str | None, str | None]:
    """Return (ip, host) of a peer as a log names it, verbatim; what is neither gives two Nones."""
    if is_ip(text):
        return text, None
    if _HOST(text) is not None:
        return None, text
    return None, None
