r"""A syslog line without its meaning: RFC 5424, and RFC 3164 with what is common beside it.

    <165>1 2003-10-11T22:14:15.003Z host app procid msgid [id@32473 name="value"] message
    <34>Oct 11 22:14:15 host app[pid]: message
    <34>2003-10-11T22:14:15.003+02:00 host app[pid]: message
    <34>Oct 11 22:14:15 app[pid]: message                  (from this machine: no host)
    <34>anything                                           (RFC 3164 4.3.3: no header)

In structured data `\"`, `\\` and `\]` are escaped, so no value can end its element.
"""

import re

from msgspec import Struct

from whodid.limits import LIST_ITEMS_MAX
from whodid.normalize.syslog_time import SYSLOG_TIME

_PRIORITY = re.compile(r"<([0-9]{1,3})>").match
_NEW = re.compile(
    r"<(?:0|[1-9][0-9]{0,2})>1 (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) "
).match
_OLD = re.compile(rf"{SYSLOG_TIME} ").match
_HOST = re.compile(r"([^\s:\[\]]{1,255}|[0-9a-fA-F:.]{2,45}) ").match
_TAG = re.compile(r"([^\s:\[\]]{1,64})(?:\[([^\s\]]{1,64})\](?:: ?| )|: ?)").match
_ELEMENT = re.compile(
    r'\[([^\s=\]"]{1,32})((?: [^\s=\]"]{1,32}="(?:[^"\\\]]++|\\.|)*+"|)*+)\]', re.DOTALL
).match
_PARAM = re.compile(r' ([^\s=\]"]{1,32})="((?:[^"\\\]]++|\\.|)*+)"', re.DOTALL).findall
_ESCAPE = re.compile(r'\\(["\\\]])').sub
_PRIORITY_END = 192
_SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_FACILITIES = (
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "audit", "alert", "clock", *(f"local{number}" for number in range(8)),
)  # fmt: skip


class SyslogLine(Struct, frozen=True):
    """One line. `elements` are (SD-ID, ((name, value), …)); `header` says that there was one."""

    text: str
    facility: str | None = None
    severity: str | None = None
    time: str | None = None
    host: str | None = None
    app: str | None = None
    process: str | None = None
    message_id: str | None = None
    elements: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    header: bool = True


def read_syslog(line: str) -> SyslogLine | None:
    """Read a line; None when it has neither a priority nor a time."""
    priority = _PRIORITY(line)
    facility = severity = None
    at = 0
    if priority is not None and int(priority[1]) < _PRIORITY_END:
        facility = _FACILITIES[int(priority[1]) >> 3]
        severity = _SEVERITIES[int(priority[1]) & 7]
        at = priority.end()
        new = _NEW(line)
        if new is not None:
            found = _of_5424(line, new, facility, severity)
            if found is not None:
                return found
    old = _OLD(line, at)
    if old is None:
        return SyslogLine(line[at:], facility, severity, header=False) if at else None
    at = old.end()
    tag = _TAG(line, at)
    host = None
    if tag is None or not (tag[2] or line[at:].startswith(f"{tag[1]}: ")):
        named = _HOST(line, at)
        if named is not None:
            host = named[1]
            tag = _TAG(line, named.end())
            at = named.end()
    app, process = (None, None) if tag is None else tag.groups()
    text = line[at:] if tag is None else line[tag.end() :]
    return SyslogLine(text, facility, severity, old["time"], host, app, process)


def _of_5424(line: str, new: re.Match[str], facility: str, severity: str) -> SyslogLine | None:
    at = new.end()
    elements: list[tuple[str, tuple[tuple[str, str], ...]]] = []
    if line.startswith("-", at):
        at += 1
    else:
        while (element := _ELEMENT(line, at)) is not None and len(elements) < LIST_ITEMS_MAX:
            elements.append((element[1], tuple(_params(element[2]))))
            at = element.end()
        if not elements:
            return None
    if at < len(line) and line[at] != " ":
        return None
    time, host, app, process, message_id = (None if part == "-" else part for part in new.groups())
    # rsyslog keeps the blank behind the tag of a message that came in the old form
    text = line[at + 1 :].removeprefix("\ufeff").removeprefix(" ")
    return SyslogLine(
        text, facility, severity, time, host, app, process, message_id, tuple(elements)
    )


def _params(text: str) -> list[tuple[str, str]]:
    return [
        (name, _ESCAPE(lambda found: found[1], value))
        for name, value in _PARAM(text)[:LIST_ITEMS_MAX]
    ]
