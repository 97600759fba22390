"""The native record: what was received, as nested maps and lists, by the names of its format.

JSON and logfmt have names of their own. Access lines get those of the W3C extended log format.
Lines without fields have no native record: their rules use the fields of our Event, or keywords.
"""

import re
from functools import lru_cache
from typing import Any

import msgspec

from whodid.normalize.combined import unescape
from whodid.normalize.logfmt import decode_logfmt
from whodid.normalize.web_request import method_and_target

_decode = msgspec.json.Decoder().decode
_UNREADABLE = (msgspec.MsgspecError, ValueError, OverflowError, RecursionError)
_QUOTED = r'"([^"\\]*+(?:\\.[^"\\]*+|)*+)"'
_ACCESS = re.compile(
    rf"] {_QUOTED} ([0-9]{{3}}|-) ([0-9]{{1,18}}|-)(?: {_QUOTED} {_QUOTED})?", re.DOTALL
).search
_STARTS = (b"{", b" ", b"\n", b"\t", b"\r")
_OTHERS = frozenset(("combined", "logfmt", "syslog", "nginx", "caddy"))
_LINE_CHARS_MAX = 64 * 1024


def native_of(raw: bytes, format_name: str) -> Any:
    """Return a record as nested maps and lists; None when its format has no fields, or is broken.

    For `Record`: never raises.
    """
    name = format_name.partition("+")[0]
    if name == "combined":
        return _access_line(raw)
    if name == "logfmt":
        pairs = decode_logfmt(raw)
        return pairs if isinstance(pairs, dict) else None
    try:
        found = _decode(raw if name != "syslog" and raw[:1] in _STARTS else _message(raw))
    except _UNREADABLE:
        return None
    if found.__class__ is not dict:
        return None
    return {**found, **_web_names(found, name)} if name in {"nginx", "caddy"} else found


@lru_cache(maxsize=256)
def is_json(format_name: str) -> bool:
    """Tell whether the native record is the JSON object that was received, and nothing added."""
    return format_name.partition("+")[0] not in _OTHERS


def _message(raw: bytes) -> bytes:
    """Return the JSON object that a syslog line carries, b"" for none."""
    start = raw.find(b"{")
    return raw[start:].rstrip() if start >= 0 and raw.rstrip()[-1:] == b"}" else b""


def _access_line(raw: bytes) -> dict[str, Any] | None:
    line = raw[:_LINE_CHARS_MAX].decode("utf-8", "backslashreplace").rstrip("\r\n")
    match = _ACCESS(line)
    if match is None:
        return None
    request, status, size, referer, agent = match.groups()
    method, target = method_and_target(unescape(request))
    return _named(
        method, target, status, size,
        unescape(referer) if referer else None, unescape(agent) if agent else None,
    )  # fmt: skip


def _web_names(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Return nginx's or Caddy's fields by the names of the W3C format."""
    if name == "caddy":
        request = found.get("request")
        if request.__class__ is not dict:
            return {}
        headers = request.get("headers")
        headers = headers if headers.__class__ is dict else {}
        return _named(
            request.get("method"), request.get("uri"), found.get("status"), found.get("size"),
            headers.get("Referer"), headers.get("User-Agent"),
        )  # fmt: skip
    method, target = found.get("request_method"), found.get("request_uri")
    if method is None and found.get("request").__class__ is str:
        method, target = method_and_target(found["request"])
    return _named(
        method or found.get("method"), target or found.get("uri"), found.get("status"),
        found.get("body_bytes_sent"), found.get("http_referer") or found.get("ref"),
        found.get("http_user_agent") or found.get("ua"),
    )  # fmt: skip


def _named(
    method: Any, target: Any, status: Any, size: Any, referer: Any, agent: Any
) -> dict[str, Any]:
    named = {
        "cs-method": method, "cs-uri": target, "sc-status": status, "sc-bytes": size,
        "cs-referer": referer, "cs-user-agent": agent,
    }  # fmt: skip
    if target.__class__ is str:
        stem, mark, query = target.partition("?")
        named["cs-uri-stem"] = stem
        if mark:
            named["cs-uri-query"] = query
    return {key: value for key, value in named.items() if value not in (None, "-")}
