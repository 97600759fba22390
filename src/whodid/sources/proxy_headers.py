"""Which header fields pass the proxy, and which it makes itself (RFC 9110 section 7.6)."""

from collections.abc import Iterable

from whodid.sources.asgi import Scope

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_OURS = frozenset(
    {b"content-length", b"forwarded", b"x-real-ip", b"x-client-ip", b"true-client-ip", b"expect"}
)
_BY_PROXIES = frozenset({b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"true-client-ip"})
"""What proxies add. A client may add it too, and is then no longer taken for a local one."""

PROXIED = b"x-whodid-proxied"
"""Tells the server behind that somebody between the client and us passed the request on."""

_KEPT_ALWAYS = frozenset({b"host", b"cookie", b"authorization"})
"""What a client cannot take away by naming it in Connection."""
_SERVERS = frozenset({b"date", b"server"})
"""The server in front of the proxy gives its own."""


class BadFramingError(Exception):
    """Where the request ends is not sure, or it has no one host."""


def forwarded(scope: Scope) -> tuple[list[tuple[bytes, bytes]], int | None]:
    """Return the fields to send on, and the length of the body (None: not known, or none).

    Raises BadFramingError.
    """
    headers: list[tuple[bytes, bytes]] = list(scope["headers"])
    named = _named_in_connection(headers) - _KEPT_ALWAYS
    kept = [
        (name, value)
        for name, value in headers
        if name not in _HOP_BY_HOP
        and name not in _OURS
        and name not in named
        and not name.startswith((b"x-forwarded-", b"x-whodid-"))
        and b"_" not in name  # to some servers X_Forwarded_For is X-Forwarded-For
    ]
    if any(name in _BY_PROXIES or name.startswith(b"x-forwarded-") for name, _ in headers):
        kept.append((PROXIED, b"1"))
    hosts = sum(name == b"host" for name, _ in kept)
    if hosts > 1:
        raise BadFramingError
    if hosts == 0:  # HTTP/1.0
        kept.append((b"host", b"localhost"))
    lengths = [value for name, value in headers if name == b"content-length"]
    length: int | None = None
    if any(name == b"transfer-encoding" for name, _ in headers):
        if lengths:
            raise BadFramingError  # two framings: the classic way to smuggle a request
        kept.append((b"transfer-encoding", b"chunked"))
    elif lengths:
        if len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > 18:
            raise BadFramingError
        length = int(lengths[0])
        kept.append((b"content-length", lengths[0]))
    client = scope.get("client")
    if client and client[0]:
        kept.append((b"x-forwarded-for", str(client[0]).encode()))
    kept.append((b"x-forwarded-proto", str(scope.get("scheme", "http")).encode()))
    return kept, length


def returned(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the fields of an answer that go back to the client."""
    lowered = [(name.lower(), value) for name, value in headers]
    named = _named_in_connection(lowered)
    return [
        (name, value)
        for name, value in lowered
        if name not in _HOP_BY_HOP and name not in _SERVERS and name not in named
    ]


def _named_in_connection(headers: Iterable[tuple[bytes, bytes]]) -> set[bytes]:
    return {
        part.strip().lower()
        for name, value in headers
        if name == b"connection"
        for part in value.split(b",")
    }
