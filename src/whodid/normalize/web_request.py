"""What an HTTP request asks for and how it ended, for the logs of web servers.

It does not read log lines; paths are given without their query, which stays in the raw record.
"""

import re

from whodid.event import Access, Outcome
from whodid.limits import LIST_ITEMS_MAX
from whodid.normalize.access import access_of, http_outcome
from whodid.normalize.address import is_ip

_METHOD = re.compile(r"[A-Z][A-Z_-]{1,31}").fullmatch
_PROTOCOL = re.compile(r"HTTP/[0-9](?:\.[0-9])?").fullmatch
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}.*").fullmatch


def method_and_target(request: str) -> tuple[str | None, str | None]:
    """Split `METHOD target HTTP/x`; the protocol is missing in HTTP/0.9. (None, None) if broken."""
    method, _, target = request.partition(" ")
    if not is_method(method):
        return None, None
    path, _, protocol = target.rpartition(" ")
    if _PROTOCOL(protocol) is None:
        path = target
        if not path.startswith("/"):
            return None, None
    return method, path


def is_method(text: str) -> bool:
    """Tell whether this is a method as servers log it."""
    return _METHOD(text) is not None


def path_of(target: str) -> str:
    """Return the target of a request without its query."""
    return target.partition("?")[0]


def access_of_method(method: str | None) -> Access:
    """Return the access of a method (RFC 9110, 4918); CONNECT opens a tunnel, nobody logs in."""
    return "other" if method is None or method == "CONNECT" else access_of(method) or "other"


def outcome_of_status(status: str) -> tuple[Outcome, str | None]:
    """Return outcome and reason of a status in three digits; `-` is none."""
    if len(status) == 3 and status.isascii() and status.isdigit() and "100" <= status < "600":
        outcome = http_outcome(int(status))
        return outcome, None if outcome == "success" else f"HTTP {status}"
    return "unknown", None if status == "-" else f"HTTP {status}"


def forwarded(text: str) -> tuple[str, ...]:
    """Return the addresses of an X-Forwarded-For; none when it holds anything else."""
    addresses = tuple(item.strip() for item in text.split(",", LIST_ITEMS_MAX))
    return addresses if len(addresses) <= LIST_ITEMS_MAX and all(map(is_ip, addresses)) else ()


def trace_of(traceparent: str) -> tuple[str | None, str | None]:
    """Return (trace, span) of a W3C traceparent, two Nones when it is none."""
    match = _TRACEPARENT(traceparent)
    return (None, None) if match is None else (match[1], match[2])
