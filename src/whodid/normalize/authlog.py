"""Lines of auth.log: sshd, sudo, su, PAM, cron, logind, account tools, and any other program.

    Mar 27 13:06:56 web1 sshd[1291]: Accepted password for alice from 192.0.2.7 port 22 ssh2
    2026-03-27T13:06:56.123456+00:00 web1 sshd[1291]: …
    Accepted password for alice from 192.0.2.7 port 22 ssh2          (sshd -e, known lines only)

The first form (RFC 3164) has no year and no zone: the year is the latest that puts the line not
more than a day after it was received, the zone is taken for UTC, and the labels `assumed:year`
and `assumed:utc` say so. `resource.parent` or the resource itself is the machine that wrote the
line; `ip` and `host` are the peer's. `correlation` is the process. `message repeated N times` is
mapped as the message it repeats, labelled `repeated:N`; the event stays one.

A line of a program that is not known here keeps its message, without action or actor.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import ClassVar

from whodid.event import Content, Context, Mapped, What
from whodid.normalize.accounts import map_accounts, map_logind
from whodid.normalize.format import Framing
from whodid.normalize.pam import map_pam
from whodid.normalize.sshd import map_sshd
from whodid.normalize.sudo import map_su, map_sudo
from whodid.normalize.timestamps import naive_us, rfc3339_us

_TIME = (
    r"(?:([A-Z][a-z]{2}) ([ 0-3][0-9]) ([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)"
    r"|([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,]{5,20}(?:Z|[+-][0-9:]{2,6})?))"
)
_HEADER = re.compile(
    rf"(?:<[0-9]{{1,3}}>)?{_TIME} (\S{{1,255}}) (?:([^\s:\[]{{1,64}})(?:\[([0-9]{{1,10}})\])?: ?)?"
).match
_SNIFFED = re.compile(
    rf"(?:<[0-9]{{1,3}}>)?{_TIME} \S{{1,255}} [^\s:\[]{{1,64}}(?:\[[0-9]{{1,10}}\])?: ".encode()
).match
_REPEATED = re.compile(r"message repeated ([0-9]{1,9}) times: \[ ?(.*)\]", re.DOTALL).fullmatch

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = {name: number for number, name in enumerate(_MONTHS, 1)}
_EPOCH_DAYS = date(1970, 1, 1).toordinal()
_DAY_US = 86_400_000_000
_LEAP_YEARS_APART = 8
"""29 February comes again after eight years at most (1896 to 1904)."""


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
        machine, program, process = header.group(7, 8, 9)
        text = line[header.end() :]
        repeated = _REPEATED(text) if text.startswith("message repeated ") else None
        if repeated is not None:
            mapped.labels += (f"repeated:{repeated[1]}",)
            text = repeated[2]
        correlation = f"{machine}/{program}[{process}]" if process is not None else None
        mapped.context = Context(service_name=program, correlation=correlation)
        mapped.content = Content(message=text or None)
        rule = map_pam if text.startswith("pam_") else _PROGRAMS.get(program)
        if rule is None or not rule(text, machine, mapped):
            mapped.what = What(access="other", resource_type="host", resource_name=machine)
        return mapped


def year_completed_us(month: int, day: int, second_of_day: int, received_us: int) -> int | None:
    """Return the µs UTC of a time without year: the latest not over a day after `received_us`.

    None when no year has that day.
    """
    latest_us = received_us + _DAY_US
    try:
        year = date.fromordinal(latest_us // _DAY_US + _EPOCH_DAYS).year
    except (ValueError, OverflowError):
        return None
    for candidate in range(year, max(0, year - _LEAP_YEARS_APART - 1), -1):
        try:
            days = date(candidate, month, day).toordinal() - _EPOCH_DAYS
        except ValueError:
            continue
        time_us = days * _DAY_US + second_of_day * 1_000_000
        if time_us <= latest_us:
            return time_us
    return None


def _when(header: re.Match[str], received_us: int, mapped: Mapped) -> None:
    month, day, hour, minute, second, written = header.group(1, 2, 3, 4, 5, 6)
    if written is not None:
        mapped.original_time = written
        mapped.time = rfc3339_us(written)
        if mapped.time is None:
            mapped.time = naive_us(written)
            mapped.labels += ("invalid:time" if mapped.time is None else "assumed:utc",)
        return
    mapped.original_time = header.string[header.start(1) : header.end(5)]
    number = _MONTH.get(month)
    if number is not None and day.strip(" ").isdigit():
        second_of_day = int(hour) * 3600 + int(minute) * 60 + int(second)
        mapped.time = year_completed_us(number, int(day), second_of_day, received_us)
    mapped.labels += ("invalid:time",) if mapped.time is None else ("assumed:year", "assumed:utc")


_BARE = Context(service_name="sshd")
_PROGRAMS: dict[str | None, Callable[[str, str | None, Mapped], bool]] = {
    "sshd": map_sshd, "sshd-session": map_sshd, "sshd-auth": map_sshd,
    "sudo": map_sudo, "su": map_su, "systemd-logind": map_logind,
    "useradd": map_accounts, "usermod": map_accounts, "userdel": map_accounts,
    "groupadd": map_accounts, "groupmod": map_accounts, "groupdel": map_accounts,
    "passwd": map_accounts, "chpasswd": map_accounts, "chage": map_accounts,
    "gpasswd": map_accounts, "newusers": map_accounts,
}  # fmt: skip
"""Program → what maps its messages; PAM speaks in every program's name."""
