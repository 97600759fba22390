"""Caddy's JSON logs: its access log, and the access log of its own administration.

`ip` is the peer, or the client that Caddy took from the headers of a proxy it trusts
(`client_ip`); the peer is then in `via`, and so is X-Forwarded-For, which a client may write as it
likes. The actor is who logged in, else the name in a client certificate that was verified.
`request` is Caddy's own id when it is logged (`uuid`), `correlation` the client's `X-Request-Id`.

A request to the administration is `administer`: it can change what Caddy serves. Its other messages
keep their text. Times are seconds as a float (µs are exact) or RFC 3339. It has no id of its own.
"""

from typing import Any, ClassVar

from whodid.event import Content, Context, Mapped, What, Where, Who
from whodid.normalize.address import peer
from whodid.normalize.format import Framing
from whodid.normalize.json_record import decode_mended, integer, text
from whodid.normalize.timestamps import decimal_seconds_us, rfc3339_us
from whodid.normalize.web_request import (
    access_of_method,
    forwarded,
    is_method,
    outcome_of_status,
    path_of,
    trace_of,
)

_NO_DICT: dict[str, Any] = {}
_ADMIN = "admin.api"


class Caddy:
    """The format `caddy`. Invariants: see `Format`; one object gives one event."""

    name: ClassVar[str] = "caddy"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "json"
    records_key: ClassVar[str | None] = None

    def sniff(self, record: bytes) -> bool:
        """Tell whether the line is of one of the loggers for requests."""
        return (
            b'"logger":"http.log.' in record or b'"logger":"admin.api"' in record
        ) and record.lstrip()[:1] == b"{"

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002  # times are whole
        """Map one line; what is no JSON object, or no message of a logger, is quarantined."""
        line, mended = decode_mended(record)
        labels = ("invalid:utf8",) if mended else ()
        if isinstance(line, str):
            return Mapped(quarantine=f"caddy: {line}", labels=labels)
        message = text(line.get("msg"))
        if message is None or ("level" not in line and "logger" not in line):
            return Mapped(quarantine="caddy: no msg of a logger", labels=labels)
        mapped = Mapped(labels=labels)
        _when(line, mapped)
        if line.get("request").__class__ is dict:
            _access(line, line["request"], message, mapped)
        elif line.get("logger") == _ADMIN and text(line.get("method")) is not None:
            _administration(line, mapped)
        else:
            mapped.who = Who(actor_type="system")
            mapped.what = What(access="other")
            mapped.context = Context(service_name="caddy", endpoint=text(line.get("logger")))
            mapped.content = Content(message=message)
        return mapped


def _when(line: dict[str, Any], mapped: Mapped) -> None:
    written = _number(line.get("ts"))
    mapped.original_time = written
    if written is not None:
        time = decimal_seconds_us(written)
        mapped.time = rfc3339_us(written) if time is None else time
        if mapped.time is None:
            mapped.labels += ("invalid:time",)


def _number(value: Any) -> str | None:
    return repr(value) if value.__class__ is float else text(value)


def _dict(value: Any) -> dict[str, Any]:
    return value if value.__class__ is dict else _NO_DICT


def _header(headers: dict[str, Any], name: str) -> str | None:
    """Return the first value of a header; Caddy writes names in canonical case."""
    values = headers.get(name)
    return text(values[0]) if values.__class__ is list and values else None


def _access(line: dict[str, Any], request: dict[str, Any], message: str, mapped: Mapped) -> None:
    headers = _dict(request.get("headers"))
    user = text(line.get("user_id")) or text(_dict(request.get("tls")).get("client_common_name"))
    mapped.who = Who(actor_id=user, actor_type="user") if user else Who(actor_type="anonymous")
    path = _request(line, request, message, mapped)
    _where(request, headers, mapped)
    seconds = _number(line.get("duration"))
    trace, span = trace_of(_header(headers, "Traceparent") or "")
    mapped.context = Context(
        service_name="caddy",
        endpoint=path,
        correlation=_header(headers, "X-Correlation-Id") or _header(headers, "X-Request-Id"),
        trace=text(line.get("traceID")) or trace,
        span=text(line.get("spanID")) or span,
        request=text(line.get("uuid")) or text(line.get("request_id")),
        duration_us=decimal_seconds_us(seconds) if seconds is not None else None,
    )


def _request(
    line: dict[str, Any], request: dict[str, Any], message: str, mapped: Mapped
) -> str | None:
    """Fill in `what`; return the path."""
    method, target = text(request.get("method")), text(request.get("uri"))
    if method is not None and not is_method(method):
        method = None
        mapped.labels += ("broken:request",)
    path = path_of(target) or None if target is not None else None
    outcome, reason = outcome_of_status(text(line.get("status")) or "-")
    if message != "handled request":  # the error log of the same request
        reason = message
        outcome = "failure" if outcome == "unknown" else outcome
    mapped.what = What(
        action=method,
        access=access_of_method(method),
        resource_type="url" if path is not None else None,
        resource_name=path,
        resource_parent=text(request.get("host")),
        outcome=outcome,
        reason=reason,
        bytes=integer(line.get("size")),
    )
    return path


def _where(request: dict[str, Any], headers: dict[str, Any], mapped: Mapped) -> None:
    address, client = text(request.get("remote_ip")), text(request.get("client_ip"))
    written = text(request.get("remote_port"))
    if address is None:  # before Caddy 2.5
        address, _, written = (text(request.get("remote_addr")) or "").rpartition(":")
        address = address.strip("[]")
    via = forwarded(_header(headers, "X-Forwarded-For") or "")
    port = integer(written)
    if client is not None and client != address:
        via = (*(one for one in via if one not in (client, address)), address)
        address, port = client, None
    ip, host = peer(address) if address else (None, None)
    mapped.where = Where(
        ip,
        host,
        port if port is not None and port < 65536 else None,
        _header(headers, "User-Agent"),
        via,
    )


def _administration(line: dict[str, Any], mapped: Mapped) -> None:
    method, path = text(line.get("method")), path_of(text(line.get("uri")) or "") or None
    mapped.who = Who(actor_type="anonymous")
    access = access_of_method(method)
    mapped.what = What(
        action=method,
        access="read" if access == "read" else "administer",
        resource_type="url" if path is not None else None,
        resource_name=path,
        resource_parent=text(line.get("host")),
        outcome="failure" if text(line.get("error")) else "unknown",
        reason=text(line.get("error")),
    )
    address = text(line.get("remote_ip"))
    if address is None:
        address = (text(line.get("remote_addr")) or "").rpartition(":")[0].strip("[]") or None
    ip, host = peer(address) if address else (None, None)
    headers = _dict(line.get("headers"))
    mapped.where = Where(ip, host, agent=_header(headers, "User-Agent"))
    mapped.context = Context(service_name="caddy", endpoint=path)
