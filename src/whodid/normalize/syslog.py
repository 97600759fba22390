"""Syslog lines, RFC 5424 and RFC 3164: an envelope around what a program says.

The message goes to who knows it: programs of a login (sshd, sudo, su, PAM, logind …) as in
`authlog`; else the format that takes the message for its own (JSON, also behind `@cee:`, an access
line, PostgreSQL, MariaDB), which the registry hands in. Its event keeps what the envelope says
beside: the time when it has none of its own, the machine as `resource.parent` or as a label
`machine:…`, and the process as `correlation`. Structured data of an enterprise (`audit@32473`) is
read like the short JSON form when the message is of no format.

Facility and severity are labels. `action` of any other message is its MSGID. `[timeQuality
isSynced="0"]` is labelled `unsynced:time`. It does not join parts of a message that a sender has
split, and does not undo the escapes of relays (`#012`).
"""

import re
from collections.abc import Callable
from typing import ClassVar

import msgspec
from msgspec import structs

from whodid.event import EMPTY_CONTENT, Content, Context, Mapped, What
from whodid.normalize.access import access_of
from whodid.normalize.format import Format, Framing
from whodid.normalize.login_programs import is_login_program, map_program, unrepeated
from whodid.normalize.syslog_line import SyslogLine, read_syslog
from whodid.normalize.syslog_time import syslog_time_us

_NO_HEADER = "syslog: neither a priority nor a time"
_SNIFFED_BYTES = 1024
_COOKIE = "@cee:"
_FIRST_PART = re.compile(r"\A\[[0-9]{1,9}-1\] ").sub  # PostgreSQL numbers messages and their parts
_ASSUMED = ("assumed:year", "assumed:utc", "missing:time", "invalid:time")

Resolve = Callable[[str | None, bytes], Format | None]
"""(program, message) → the format of the message, None when there is none."""


class Syslog:
    """The format `syslog`. Invariants: see `Format`; one line gives one event."""

    name: ClassVar[str] = "syslog"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "lines"
    records_key: ClassVar[str | None] = None

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    def sniff(self, record: bytes) -> bool:
        """Tell whether a priority and the header of one of the two RFCs stand first."""
        if record[:1] != b"<":
            return False
        line = read_syslog(record[:_SNIFFED_BYTES].decode("utf-8", "replace"))
        return line is not None and line.header

    def map(self, record: bytes, received_us: int) -> Mapped:
        """Map one line; one without priority and time is quarantined."""
        mapped = Mapped()
        try:
            text = record.decode()
        except UnicodeDecodeError:
            text = record.decode("utf-8", "backslashreplace")
            mapped.labels = ("invalid:utf8",)
        line = read_syslog(text.rstrip("\r\n"))
        if line is None:
            return Mapped(quarantine=_NO_HEADER, labels=mapped.labels)
        _envelope(line, received_us, mapped)
        said, count = unrepeated(line.text)
        if count is not None:
            mapped.labels += (f"repeated:{count}",)
        mapped.content = Content(message=said or None)
        if map_program(line.app, said, line.host, mapped):
            return mapped
        inner = None if is_login_program(line.app) else self._inner(line, said, received_us)
        if inner is not None:
            return _join(line, mapped, inner)
        mapped.what = What(
            line.message_id,
            (access_of(line.message_id) if line.message_id else None) or "other",
            "host" if line.host else None,
            line.host,
        )
        return mapped

    def _inner(self, line: SyslogLine, said: str, received_us: int) -> Mapped | None:
        """Map the message, else the structured data, by the format that knows it."""
        text = said[len(_COOKIE) :].lstrip(" ") if said.startswith(_COOKIE) else said
        if line.app is not None and line.app.startswith("postgres"):
            text = _FIRST_PART("", text)
        raw = text.encode("utf-8", "replace")
        known = self._resolve(line.app, raw)
        if known is None:
            raw = _as_json(line)
            known = self._resolve(None, raw) if raw else None
        if known is None:
            return None
        inner = known.map(raw, received_us)
        if inner.content == EMPTY_CONTENT and said:
            inner.content = Content(message=said)
        return inner if inner.quarantine is None else None


def _envelope(line: SyslogLine, received_us: int, mapped: Mapped) -> None:
    if line.severity is not None:
        mapped.labels += (f"facility:{line.facility}", f"severity:{line.severity}")
    if line.time is not None:
        mapped.original_time = line.time
        mapped.time, labels = syslog_time_us(line.time, received_us)
        mapped.labels += labels
    if not line.header:
        mapped.labels += ("invalid:header",)
    for name, params in line.elements:
        if name == "timeQuality" and ("isSynced", "0") in params:
            mapped.labels += ("unsynced:time",)
    mapped.context = Context(service_name=line.app, correlation=_process(line))


def _process(line: SyslogLine) -> str | None:
    if line.process is None:
        return None
    return f"{line.host}/{line.app}[{line.process}]" if line.host else f"{line.app}[{line.process}]"


def _as_json(line: SyslogLine) -> bytes:
    """Return the parameters of enterprises as one JSON object; empty when there are none."""
    found: dict[str, str] = {}
    for name, params in line.elements:
        if "@" in name:
            for key, value in params:
                found.setdefault(key, value)
    return msgspec.json.encode(found) if found else b""


def _join(line: SyslogLine, outer: Mapped, inner: Mapped) -> Mapped:
    """Return the event of the message with what only the envelope says."""
    if inner.time is None or ("assumed:utc" in inner.labels and "assumed:utc" not in outer.labels):
        inner.time, inner.original_time = outer.time, outer.original_time
        inner.labels = tuple(label for label in inner.labels if label not in _ASSUMED)
    else:
        outer.labels = tuple(label for label in outer.labels if label not in _ASSUMED)
    inner.labels += outer.labels
    context = inner.context
    inner.context = structs.replace(
        context,
        service_name=context.service_name or line.app,
        correlation=context.correlation or outer.context.correlation,
    )
    if line.host is not None:
        if inner.what.resource_parent is None:
            inner.what = structs.replace(inner.what, resource_parent=line.host)
        elif inner.what.resource_parent != line.host:
            inner.labels += (f"machine:{line.host}",)
    return inner
