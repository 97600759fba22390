r"""nginx and Apache access lines, "common" and "combined".

    [vhost[:port] ]addr ident user [dd/Mon/yyyy:HH:MM:SS +zzzz] "request" status bytes
    [ "referer" "user agent"][ further fields]

Both servers escape a double quote inside a field (nginx `\x22`, Apache `\"`), so the first bare
one opens the request whatever a client sends; only the user name, which stands before it, may
hold spaces and brackets. Hence the time is read backwards from that quote.

`resource.name` and `endpoint` are the path as logged, without its query, which stays in the raw
record. `ip` is the peer of the server: X-Forwarded-For is whatever a client wrote, and becomes
`via` only. A 401 names the user that was claimed. The format has no id of its own.

It does not read custom formats, nor lines whose quotes were not escaped (`escape=none`).
"""

import re
from typing import ClassVar

from whodid.event import Content, Context, Mapped, What, Where, Who
from whodid.limits import LIST_ITEMS_MAX
from whodid.normalize.address import is_ip, peer
from whodid.normalize.clf_time import clf_time_us, is_clf_time
from whodid.normalize.format import Framing
from whodid.normalize.web_request import (
    access_of_method,
    forwarded,
    method_and_target,
    outcome_of_status,
    path_of,
)

_HEAD_CHARS_MAX = 4096
"""How far into a line the request is looked for when a format is guessed."""

_QUOTED = r'"([^"\\]*+(?:\\.[^"\\]*+|)*+)"'
_TIME_CHARS = 26
_REQUEST = re.compile(rf"{_QUOTED} ([0-9]{{3}}|-) ([0-9]{{1,18}}|-)(?= |$)", re.DOTALL).match
_FIELD = re.compile(rf" (?:{_QUOTED}|([^\s\"]++))(?= |$)", re.DOTALL).match
_CUT = re.compile(r' "([^"\\]*+(?:\\.[^"\\]*+|)*+)\\?$', re.DOTALL).match
_ESCAPE = re.compile(rb'\\(?:x([0-9A-Fa-f]{2})|([\\"nrtbfv]))')
_SECONDS = re.compile(r"(?:(?:rt|request_time)=)?([0-9]{1,9})\.([0-9]{3})").fullmatch
_REQUEST_ID = re.compile(r"[0-9a-f]{32}").fullmatch

_CONTROL = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


class Combined:
    """The format `combined`. Invariants: see `Format`; one line gives one event."""

    name: ClassVar[str] = "combined"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "lines"
    records_key: ClassVar[str | None] = None

    def sniff(self, record: bytes) -> bool:
        """Tell whether a bracketed time stands before the first `] "` of the line."""
        end = record.find(b'] "', 0, _HEAD_CHARS_MAX)
        if end < _TIME_CHARS or record[:1] == b"<":  # in a syslog line
            return False
        return is_clf_time(record[end - _TIME_CHARS : end].decode("latin-1"))

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002  # times are whole
        """Map one access line; a line without `[time] "` is quarantined."""
        labels: tuple[str, ...] = ()
        try:
            line = record.decode()
        except UnicodeDecodeError:
            line = record.decode("utf-8", "backslashreplace")
            labels = ("invalid:utf8",)
        line = line.rstrip("\r\n")
        end = line.find('] "')
        start = end - _TIME_CHARS
        head = line[: start - 2].split(" ") if start > 2 and line[start - 2 : start] == " [" else ()
        if len(head) < 3:
            return Mapped(
                quarantine='combined: no `addr ident user [time] "request"`', labels=labels
            )
        original_time = line[start:end]
        time = clf_time_us(original_time)
        if time is None:
            return Mapped(
                quarantine=f"combined: not a time: {original_time!r}",
                original_time=original_time,
                labels=labels,
            )
        return _map_line(line, end + 2, head, Mapped(time, original_time, labels=labels))


def unescape(text: str) -> str:
    r"""Undo the escapes of nginx and Apache; escaped bytes that are not UTF-8 stay `\xhh`."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_unescaped, text.encode()).decode("utf-8", "backslashreplace")


def _unescaped(match: re.Match[bytes]) -> bytes:
    digits, char = match.groups()
    if digits is not None:
        return bytes((int(digits, 16),))
    return _CONTROL.get(char, char)


def _map_line(line: str, at: int, head: list[str], mapped: Mapped) -> Mapped:
    """Fill in what stands before the time (`head`) and from the request's quote (`at`) on."""
    parent = None
    if len(head) > 3 and head[2] == "-" and is_ip(head[1]) and not is_ip(head[0]):
        parent = head.pop(0).rsplit(":", 1)[0]
    user = unescape(" ".join(head[2:])) if head[2:] not in (["-"], ['""']) else None
    mapped.who = Who(actor_id=user, actor_type="user") if user else Who(actor_type="anonymous")
    ip, host = peer(head[0])
    match = _REQUEST(line, at)
    if match is None:
        mapped.labels += ("cut:request",)
        mapped.where = Where(ip, host)
        mapped.content = Content(message=unescape(line[at + 1 :]) or None)
        return mapped
    request, status, size = match.groups()
    agent, extra = _agent(line, match.end(), mapped)
    via, seconds, request_id = _extra(line, extra)
    mapped.where = Where(ip, host, None, agent, via)
    path = _request(request, status, size, parent, mapped)
    if path is not None or seconds is not None or request_id is not None:
        mapped.context = Context(endpoint=path, request=request_id, duration_us=seconds)
    return mapped


def _request(
    request: str, status: str, size: str, parent: str | None, mapped: Mapped
) -> str | None:
    """Fill in `what` from the request line and the status; return the path."""
    method, path = _method_and_path(request)
    if method is None and request != "-":
        mapped.labels += ("broken:request",)
        mapped.content = Content(message=unescape(request) or None)
    outcome, reason = outcome_of_status(status)
    mapped.what = What(
        action=method,
        access=access_of_method(method),
        resource_type="url" if path is not None else None,
        resource_name=path,
        resource_parent=parent,
        outcome=outcome,
        reason=reason,
        bytes=int(size) if size != "-" else None,
    )
    return path


def _method_and_path(request: str) -> tuple[str | None, str | None]:
    method, target = method_and_target(request)
    return method, None if target is None else unescape(path_of(target)) or None


def _agent(line: str, at: int, mapped: Mapped) -> tuple[str | None, int]:
    """Read referer and user agent when both are quoted; return the agent and where they end."""
    referer = _FIELD(line, at)
    if referer is None or referer[1] is None:
        if referer is None and len(line) > at:
            mapped.labels += ("cut:referer",)
        return None, at
    end = referer.end()
    quoted = _FIELD(line, end)
    if quoted is not None and quoted[1] is not None:
        text = quoted[1]
        return (unescape(text) if text not in ("-", "") else None), quoted.end()
    cut = _CUT(line, end)
    if cut is None:
        return None, end
    mapped.labels += ("cut:agent",)
    return unescape(cut[1]) or None, len(line)


def _extra(line: str, at: int) -> tuple[tuple[str, ...], int | None, str | None]:
    """Read further fields that only one thing can be: (via, duration µs, request id).

    A quoted list of addresses is X-Forwarded-For; one number with three decimals, the request
    time in seconds; 32 lower-case hex digits, nginx's request id. Anything else stays raw.
    """
    if at >= len(line):
        return (), None, None
    via: tuple[str, ...] = ()
    durations: list[int] = []
    request_id = None
    for _ in range(LIST_ITEMS_MAX):
        field = _FIELD(line, at)
        if field is None:
            break
        at = field.end()
        text = field[1] if field[1] is not None else field[2]
        seconds = _SECONDS(text)
        if seconds is not None:
            durations.append(int(seconds[1]) * 1_000_000 + int(seconds[2]) * 1000)
        elif _REQUEST_ID(text) is not None:
            request_id = text
        elif field[1] is not None and not via:
            via = forwarded(text)
    return via, durations[0] if len(durations) == 1 else None, request_id
