"""Lines of auth.log: sshd, sudo, su, PAM, cron, logind, account tools, and any other program.

    Mar 27 13:06:56 web1 sshd[1291]: Accepted password for alice from 192.0.2.7 port 22 ssh2
    2026-03-27T13:06:56.123456+00:00 web1 sshd[1291]: …
    Accepted password for alice from 192.0.2.7 port 22 ssh2          (sshd -e, known lines only)

The first form (RFC 3164) has no year and no zone: the year is the latest that puts the line not
more than a day after it was received, the zone is taken for UTC, and the labels `assumed:year`
and `assumed:utc` say so. `resource.parent` or the resource itself is the machine that wrote the
line; `ip` and `host` are the peer's. `correlation` is the process. `message repeated N times` is
mapped as the message it repeats, labelled `repeated:N`; the event stays one.

A line of a program that is not known here keeps its message, without action or actor. A line that
begins with a priority (`<38>Mar 27 …`) is read as well, but `auto` gives it to the format `syslog`.
"""

import re
from typing import ClassVar

from whodid.event import Content, Context, Mapped, What
from whodid.normalize.format import Framing
from whodid.normalize.login_programs import map_program, unrepeated
from whodid.normalize.sshd import map_sshd
from whodid.normalize.syslog_time import SYSLOG_TIME, syslog_time_us

_HEADER = re.compile(
    rf"(?:<[0-9]{{1,3}}>)?{SYSLOG_TIME} (?P<machine>\S{{1,255}}) "
    r"(?:(?P<program>[^\s:\[]{1,64})(?:\[(?P<process>[0-9]{1,10})\])?: ?)?"
).match
_SNIFFED = re.compile(
    rf"{SYSLOG_TIME} \S{{1,255}} [^\s:\[]{{1,64}}(?:\[[0-9]{{1,10}}\])?: ".encode()
).match


class AuthLog:
    """The format `authlog`. Invariants: see `Format`; one line gives one event."""

    name: ClassVar[str] = "authlog"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "lines"
    records_key: ClassVar[str | None] = None

    def sniff(self, record: bytes) -> bool:
        """Tell whether the line starts as syslog writes it, or is one that sshd -e writes."""
        if _SNIFFED(record) is not None:
            return True
        line = record[:2048].decode("utf-8", "replace").rstrip("\r\n")
        return map_sshd(line, None, Mapped())

    def map(self, record: bytes, received_us: int) -> Mapped:
        """Map one line; one without a header that sshd did not write is quarantined."""
        mapped = Mapped()
        try:
            line = record.decode()
        except UnicodeDecodeError:
            line = record.decode("utf-8", "backslashreplace")
            mapped.labels = ("invalid:utf8",)
        line = line.rstrip("\r\n")
        header = _HEADER(line)
        if header is None:
            mapped.context = _BARE
            mapped.content = Content(message=line)
            if not map_sshd(line, None, mapped):
                return Mapped(
                    quarantine="authlog: no `time host program:`, and not sshd's",
                    labels=mapped.labels,
                )
            return mapped
        _when(header, received_us, mapped)
        machine, program, process = header.group("machine", "program", "process")
        text = line[header.end() :]
        text, count = unrepeated(text)
        if count is not None:
            mapped.labels += (f"repeated:{count}",)
        correlation = f"{machine}/{program}[{process}]" if process is not None else None
        mapped.context = Context(service_name=program, correlation=correlation)
        mapped.content = Content(message=text or None)
        if not map_program(program, text, machine, mapped):
            mapped.what = What(access="other", resource_type="host", resource_name=machine)
        return mapped


def _when(header: re.Match[str], received_us: int, mapped: Mapped) -> None:
    written = header["time"]
    mapped.original_time = written
    mapped.time, labels = syslog_time_us(written, received_us)
    mapped.labels += labels


_BARE = Context(service_name="sshd")
