"""What stands before a line of PostgreSQL's stderr log: the known values of `log_line_prefix`.

    %m [%p] %c %l %e [%i] %q%r user=%u,db=%d,app=%a     recommended: all that a csvlog has
    %m [%p] %c %l %q%u@%d %h %a
    %m [%p] %q%u@%d                                     Debian's
    %m [%p]                                             PostgreSQL's own
    %t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h      pgBadger's, any of its parts
    %t [%p]: [%l-1] db=%d,user=%u                       Cloud SQL's
    %t:%r:%u@%d:[%p]:                                   RDS's

each with a blank at its end (but the last), %m and %t either way, then `LOG:  ` and the message.

User, database and application are the client's to choose, before it has logged in, and the server
does not escape them: they may hold `LOG:  `, `,db=` or `@`. Where these three can be read in more
than one way they are left out (`unsure_names`); where a line has several severities at its
beginning, its message is not known either (`unsure_message`). Any other prefix that begins with
`%m [%p]` or `%t [%p]` gives time and message (`unknown`).
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice

from msgspec import Struct

SECONDARY = frozenset({"DETAIL", "HINT", "QUERY", "CONTEXT", "LOCATION", "BACKTRACE", "STATEMENT"})
"""Keywords of lines that belong to the entry before them."""

_NAME_BYTES_MAX = 63
_WINDOW_CHARS = 4 * _NAME_BYTES_MAX + 64
"""How far into a line its severity may begin: three names and an address."""
_CANDIDATES_MAX = 16

_TIME = (
    r"(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r" [A-Za-z0-9+:-]{1,10}?)"
)
_PID = r"\[(?P<pid>[0-9]{1,10})\]"
_SESSION = r"(?P<session>[0-9a-f]{1,8}\.[0-9a-f]{1,8})"
_KEYWORD = re.compile(
    r"(?<![^ :\]])(DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC"
    r"|DETAIL|HINT|QUERY|CONTEXT|LOCATION|BACKTRACE|STATEMENT):  "
).finditer
_NAMED = re.compile(r"(?:^|,)(user|db|app|client|host)=").finditer
_REMOTE = re.compile(r"(\S+?)(?:\(([0-9]{1,5})\))?").fullmatch
_RUN = re.compile(r"\S++").finditer
_HOST = re.compile(r"([^ @]++) ").match


class Prefix(Struct, frozen=True):
    """A line's prefix. `message_at` is where its message begins; `process` names its writer.

    `client` says that a client is connected; None is what the prefix does not tell.
    """

    process: str
    keyword: str
    message_at: int
    time: str | None = None
    session: str | None = None
    line_num: int | None = None
    state: str | None = None
    stage: str | None = None
    client: bool = False
    user: str | None = None
    database: str | None = None
    agent: str | None = None
    remote_host: str | None = None
    remote_port: int | None = None
    unsure_names: bool = False
    unsure_message: bool = False
    unknown: bool = False


class _Names(Struct):
    """What stands between the server's part of a prefix and the severity."""

    user: str = ""
    database: str = ""
    agent: str = ""
    remote: str = ""
    unsure: bool = False
    unknown: bool = False


def read_prefix(line: str) -> Prefix | None:
    """Read the prefix of a line; None when it is of no known form."""
    for head, names_of in _FORMS:
        match = head(line)
        if match is None:
            continue
        start = match.end()
        marks = list(islice(_KEYWORD(line, start, start + _WINDOW_CHARS), _CANDIDATES_MAX))
        for found in marks:
            names = names_of(line[start : found.start()])
            if names is not None and _fit(names):
                return _prefix(match, found, names, several=len(marks) > 1)
    return None


def read_bare(line: str) -> Prefix | None:
    """Read a line that begins with its severity, as with `log_line_prefix = ''`."""
    found = next(_KEYWORD(line, 0, _WINDOW_CHARS), None)
    if found is None or found.start():
        return None
    return Prefix("", found[1], found.end())


def _prefix(match: re.Match[str], found: re.Match[str], names: _Names, *, several: bool) -> Prefix:
    parts = match.groupdict()
    written = names.remote or parts.get("remote")
    remote = _REMOTE(written) if written else None
    unsure = several or names.unsure
    return Prefix(
        f"{parts['time']} {parts['pid']}",
        found[1],
        found.end(),
        parts["time"],
        parts.get("session"),
        int(parts["line"]) if parts.get("line") else None,
        parts.get("state"),
        parts.get("stage"),
        names.unsure or any((names.user, names.database, names.agent, remote, parts.get("user"))),
        None if unsure else _known(names.user or parts.get("user")),
        None if unsure else _known(names.database or parts.get("db")),
        None if unsure else _known(names.agent),
        remote[1] if remote is not None else None,
        int(remote[2]) if remote is not None and remote[2] else None,
        unsure,
        several,
        names.unknown,
    )


def _known(name: str | None) -> str | None:
    return None if name == "[unknown]" else name or None


def _fit(names: _Names) -> bool:
    return all(
        len(name.encode("utf-8", "replace")) <= _NAME_BYTES_MAX
        for name in (names.user, names.database, names.agent)
    )


def _nothing(between: str) -> _Names | None:
    return None if between else _Names()


def _at(between: str) -> _Names | None:
    """Read `USER@DATABASE `, or nothing for a process without a client."""
    if not between:
        return _Names()
    if between[-1] != " " or "@" not in between:
        return None
    user, _, database = between[:-1].partition("@")
    if " " in user or " " in database or "@" in database:
        return None
    return _Names(user, database)


def _at_host(between: str) -> _Names | None:
    """Read `USER@DATABASE HOST APPLICATION `, or nothing."""
    if not between:
        return _Names()
    if between[-1] != " ":
        return None
    readings = list(islice(_at_hosts(between), 2))
    if not readings or readings[0][0]:
        return None
    _, user, database, host = readings[0]
    unsure = len(readings) > 1 or "@" in user or "@" in database
    return _Names(user, database, between[host.end() : -1], host[1], unsure)


def _at_hosts(text: str) -> Iterator[tuple[int, str, str, re.Match[str]]]:
    """Yield (start, user, database, host) of each `USER@DATABASE HOST `, the last @ counting.

    By hand, since a pattern tries every @ from every place: a second for a line of 400 of them.
    """
    at = 0
    for run in _RUN(text):
        start, end = max(run.start(), at), run.end()
        host = _HOST(text, end + 1) if start < end and text[end : end + 1] == " " else None
        cut = text.rfind("@", start + 1, end - 1)
        if host is not None and cut > 0:
            yield start, text[start:cut], text[cut + 1 : end], host
            at = host.end()


def _named(between: str) -> _Names | None:
    """Read `user=U,db=D,app=A,client=H `, in any order, each at most once, or nothing."""
    if not between:
        return _Names()
    marks = list(islice(_NAMED(between), 6))
    if not marks or marks[0].start() or between[-1] not in " ,":
        return None
    ends = [mark.start() for mark in marks[1:]] + [len(between) - 1]
    values: dict[str, str] = {}
    for mark, end in zip(marks, ends, strict=True):
        values.setdefault(mark[1], between[mark.end() : end])
    remote = values.get("client") or values.get("host") or ""
    unsure = len(values) != len(marks)
    return _Names(
        values.get("user", ""), values.get("db", ""), values.get("app", ""),
        remote if not unsure and " " not in remote else "", unsure,
    )  # fmt: skip


def _anything(between: str) -> _Names | None:
    """Pass over what is not known, or is a name that could be read in more than one way."""
    if between[-1:] not in (" ", ":", ""):
        return None
    return _Names(unsure="@" in between, unknown=True)


def _remote_and_named(between: str) -> _Names | None:
    """Read `HOST(PORT) user=U,db=D,app=A `, or nothing."""
    if not between:
        return _Names()
    remote, _, named = between.partition(" ")
    names = _named(named)
    if names is None or not named:
        return None
    names.remote = remote
    return names


_Form = tuple[Callable[[str], re.Match[str] | None], Callable[[str], _Names | None]]

_FORMS: tuple[_Form, ...] = (
    (
        re.compile(
            rf"{_TIME} {_PID} {_SESSION} (?P<line>[0-9]{{1,18}}) (?P<state>[0-9A-Z]{{5}})"
            r" \[(?P<stage>[A-Za-z ]{0,64})\] "
        ).match,
        _remote_and_named,
    ),
    (
        re.compile(rf"{_TIME} {_PID} {_SESSION} (?P<line>[0-9]{{1,18}}) ").match,
        _at_host,
    ),
    (
        re.compile(rf"{_TIME} {_PID}:? (?:\[(?P<line>[0-9]{{1,18}})-[0-9]{{1,9}}\] )?").match,
        _named,
    ),
    (re.compile(rf"{_TIME} {_PID} ").match, _at),
    (
        re.compile(
            rf"{_TIME}:(?P<remote>(?:[0-9A-Za-z:._%-]{{1,255}}\([0-9]{{1,5}}\)|\[local\])?)"
            rf":(?P<user>[^@\[\]]{{0,63}})@(?P<db>[^@\[\]]{{0,63}}):{_PID}:"
        ).match,
        _nothing,
    ),
    (
        re.compile(
            rf"{_TIME}:(?P<remote>(?:[0-9A-Za-z:._%-]{{1,255}}\([0-9]{{1,5}}\)|\[local\])?)"
            rf":(?P<user>\[unknown\])@(?P<db>\[unknown\]):{_PID}:"
        ).match,
        _nothing,
    ),
    (re.compile(rf"{_TIME} {_PID}:? ").match, _anything),
)  # fmt: skip
"""The server's part of a prefix, and what reads the rest; the most particular first."""
