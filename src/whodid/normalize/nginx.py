r"""nginx access lines as JSON: `log_format … escape=json` whose keys are nginx's variable names.

    {"time":"$time_iso8601","msec":"$msec","remote_addr":"$remote_addr",…}

Keys may also be `time`, `method`, `uri`, `bytes`, `rt`, `ua`, `ref`, `xff`. `ip` is the peer of the
server: X-Forwarded-For is whatever a client wrote, and becomes `via` only. nginx copies bytes that
are not UTF-8 as they are; they are shown as `\\xhh`. The user of a 401 is the one that was claimed.

The log has no id of its own; `request` is nginx's `$request_id`. It does not read error logs.
"""

from typing import Any, ClassVar

from whodid.event import Content, Context, Mapped, What, Where, Who
from whodid.normalize.address import peer
from whodid.normalize.clf_time import clf_time_us
from whodid.normalize.format import Framing
from whodid.normalize.json_record import decode_mended, integer, text
from whodid.normalize.timestamps import decimal_seconds_us, rfc3339_us
from whodid.normalize.web_request import (
    access_of_method,
    forwarded,
    is_method,
    method_and_target,
    outcome_of_status,
    path_of,
    trace_of,
)

_ABSENT = ("", "-")


class Nginx:
    """The format `nginx`. Invariants: see `Format`; one object gives one event."""

    name: ClassVar[str] = "nginx"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "json"
    records_key: ClassVar[str | None] = None

    def sniff(self, record: bytes) -> bool:
        """Tell whether three of nginx's names are keys."""
        return (
            b'"remote_user"' in record
            and b'"remote_addr"' in record
            and b'"status"' in record
            and record.lstrip()[:1] == b"{"
        )

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002  # times are whole
        """Map one line; what is no JSON, or has neither address nor status, is quarantined."""
        line, mended = decode_mended(record)
        labels = ("invalid:utf8",) if mended else ()
        if isinstance(line, str):
            return Mapped(quarantine=f"nginx: {line}", labels=labels)
        address, status = _text(line, "remote_addr"), _text(line, "status")
        if address is None and status is None:
            return Mapped(quarantine="nginx: neither remote_addr nor status", labels=labels)
        mapped = Mapped(labels=labels)
        _when(line, mapped)
        user = _text(line, "remote_user") or _certificate(line)
        mapped.who = Who(actor_id=user, actor_type="user") if user else Who(actor_type="anonymous")
        path = _what(line, status, mapped)
        ip, host = peer(address) if address is not None else (None, None)
        port = integer(_text(line, "remote_port"))
        mapped.where = Where(
            ip,
            host,
            port if port is not None and port < 65536 else None,
            _text(line, "http_user_agent", "user_agent", "ua"),
            forwarded(_text(line, "http_x_forwarded_for", "xff") or ""),
        )
        _context(line, path, mapped)
        return mapped


def _text(line: dict[str, Any], *names: str) -> str | None:
    """Return the first of these that is there and not empty; a number as text."""
    for name in names:
        value = line.get(name)
        said = repr(value) if value.__class__ is float else text(value)
        if said is not None and said not in _ABSENT:
            return said
    return None


def _certificate(line: dict[str, Any]) -> str | None:
    """Return the subject of a client certificate that nginx has verified."""
    if _text(line, "ssl_client_verify") != "SUCCESS":
        return None
    return _text(line, "ssl_client_s_dn")


def _when(line: dict[str, Any], mapped: Mapped) -> None:
    written = _text(line, "time_iso8601", "time", "timestamp", "@timestamp")
    local = _text(line, "time_local")
    msec = _text(line, "msec")
    mapped.original_time = written or local or msec
    if msec is not None:
        mapped.time = decimal_seconds_us(msec)
    if mapped.time is None and written is not None:
        mapped.time = rfc3339_us(written)
    if mapped.time is None and local is not None:
        mapped.time = clf_time_us(local)
    if mapped.time is None and mapped.original_time is not None:
        mapped.labels += ("invalid:time",)


def _what(line: dict[str, Any], status: str | None, mapped: Mapped) -> str | None:
    """Fill in `what`; return the path."""
    method, target = _text(line, "request_method", "method"), _text(line, "request_uri", "uri")
    request = _text(line, "request")
    if method is None and request is not None:
        method, target = method_and_target(request)
    broken = (request is not None and method is None) or (
        method is not None and not is_method(method)
    )
    if broken:
        method = None
        mapped.labels += ("broken:request",)
        mapped.content = Content(message=request)
    path = None if target is None else path_of(target) or None
    outcome, reason = outcome_of_status(status or "-")
    mapped.what = What(
        action=method,
        access=access_of_method(method),
        resource_type="url" if path is not None else None,
        resource_name=path,
        resource_parent=_text(line, "server_name", "host", "http_host"),
        outcome=outcome,
        reason=reason,
        bytes=integer(_text(line, "body_bytes_sent", "bytes_sent", "bytes")),
    )
    return path


def _context(line: dict[str, Any], path: str | None, mapped: Mapped) -> None:
    seconds = _text(line, "request_time", "rt")
    trace, span = trace_of(_text(line, "http_traceparent", "traceparent") or "")
    mapped.context = Context(
        service_name="nginx",
        endpoint=path,
        correlation=_text(line, "http_x_correlation_id", "http_x_request_id", "correlation_id"),
        trace=_text(line, "otel_trace_id") or trace,
        span=_text(line, "otel_span_id") or span,
        request=_text(line, "request_id"),
        duration_us=decimal_seconds_us(seconds) if seconds is not None else None,
    )
