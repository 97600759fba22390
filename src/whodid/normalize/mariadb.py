r"""Lines of MariaDB's (and Percona's) `server_audit` plugin.

    20261121 19:14:15,db1,alice,192.0.2.7,5,10,QUERY,crm,'select 1',0
    YYYYMMDD HH:MM:SS,server,user,host,connection,query,operation,database,object,code

A query is quoted and its quotes are escaped, so nothing in it can end the line. Names are not: a
user name is the client's to choose before it logs in, and may hold commas. A line is read by the
operation that leaves a whole line behind it; a user whose name then holds a comma, and a table of
which that is true, are left out and labelled. (A name with line breaks makes lines of its own,
which nothing can tell from genuine ones.)

Times are local without a zone: taken for UTC, labelled `assumed:utc`. Connection and query numbers
begin again with each start of the server and are no identity; `request` is both, which links the
tables of a query with its text. Without the time it is the plugin's syslog form.
"""

import re
from typing import ClassVar

from whodid.event import Access, Content, Context, Mapped, Outcome, What, Where, Who
from whodid.normalize.address import peer
from whodid.normalize.format import Framing
from whodid.normalize.sql_verb import verb_of_sql
from whodid.normalize.timestamps import naive_us

_OPERATIONS = (
    r"CONNECT|DISCONNECT|FAILED_CONNECT|PROXY_CONNECT|CHANGEUSER|QUERY(?:_[A-Z]{2,12})?"
    r"|READ|WRITE|CREATE|DROP|ALTER|RENAME"
)
_TIME = re.compile(r"([0-9]{8}) ([0-9]{2}:[0-9]{2}:[0-9]{2}),").match
_SNIFFED = re.compile(
    rf"[0-9]{{8}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}},[^,]{{0,255}},.{{0,600}}?"
    rf",[0-9]{{1,20}},[0-9]{{1,20}},(?:{_OPERATIONS}),".encode(),
    re.DOTALL,
).match
_OPERATION = re.compile(rf",([0-9]{{1,20}}),([0-9]{{1,20}}),({_OPERATIONS}),").finditer
_QUERY_REST = re.compile(r"([^']*),'((?:[^'\\]++|\\.|)*+)',([0-9]{1,6})", re.DOTALL).fullmatch
_OTHER_REST = re.compile(r"([^,]*),(.*),([0-9]{0,6})", re.DOTALL).fullmatch
_NO_OBJECT_REST = re.compile(r"([^,]*),(),([0-9]{1,6})", re.DOTALL).fullmatch
_ESCAPE = re.compile(r"\\(.)", re.DOTALL).sub
_CONTROL = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "Z": "\x1a", "b": "\b"}

_HEAD_CHARS_MAX = 1024
"""How far into a line its operation may stand: server, user and host."""

_TABLE_ACCESS: dict[str, Access] = {
    "READ": "read", "WRITE": "update", "CREATE": "create", "DROP": "delete", "ALTER": "update",
    "RENAME": "update",
}  # fmt: skip
_DENIED = frozenset({"1044", "1142", "1143", "1227", "1345", "1370", "1410", "1419", "1698"})
"""Codes of a privilege that is missing; 1045 is a password that is wrong."""


class Mariadb:
    """The format `mariadb`. Invariants: see `Format`; one line gives one event."""

    name: ClassVar[str] = "mariadb"
    mapping: ClassVar[int] = 1
    framing: ClassVar[Framing] = "lines"
    records_key: ClassVar[str | None] = None

    def sniff(self, record: bytes) -> bool:
        """Tell whether time, server, two numbers and an operation stand first."""
        return _SNIFFED(record) is not None

    def map(self, record: bytes, received_us: int) -> Mapped:  # noqa: ARG002  # times are whole
        """Map one line; one without a known operation is quarantined."""
        mapped = Mapped()
        try:
            line = record.decode()
        except UnicodeDecodeError:
            line = record.decode("utf-8", "backslashreplace")
            mapped.labels = ("invalid:utf8",)
        line = line.rstrip("\r\n")
        start = _when(line, mapped)
        for found in _OPERATION(line, start):
            if found.start() > start + _HEAD_CHARS_MAX:
                break
            rest = _rest(found[3], line[found.end() :])
            if rest is not None:
                _fill(line[start : found.start()], found, rest, mapped)
                return mapped
        return Mapped(quarantine="mariadb: no operation with a whole line", labels=mapped.labels)


def _when(line: str, mapped: Mapped) -> int:
    """Read the time; return where what follows it begins."""
    match = _TIME(line)
    if match is None:
        return 0
    day, clock = match.groups()
    mapped.original_time = f"{day} {clock}"
    mapped.time = naive_us(f"{day[:4]}-{day[4:6]}-{day[6:]}T{clock}")
    mapped.labels += ("invalid:time" if mapped.time is None else "assumed:utc",)
    return match.end()


def _rest(operation: str, rest: str) -> tuple[str, str, str] | None:
    """Read database, object and code behind an operation; None when they are not all there is."""
    if operation.startswith("QUERY"):
        match = _QUERY_REST(rest)
        if match is None:
            return None
        return match[1], _ESCAPE(_unescaped, match[2]), match[3]
    match = (_OTHER_REST if operation in _TABLE_ACCESS else _NO_OBJECT_REST)(rest)
    return None if match is None else (match[1], match[2], match[3])


def _unescaped(match: re.Match[str]) -> str:
    return _CONTROL.get(match[1], match[1])


def _fill(head: str, found: re.Match[str], rest: tuple[str, str, str], mapped: Mapped) -> None:
    connection, query, operation = found.groups()
    database, name, code = rest
    server, _, names = head.partition(",")
    user, _, host = names.rpartition(",")
    if "," in user:
        mapped.labels += ("ambiguous:actor",)
        mapped.who = Who(actor_session=connection)
    elif user:
        mapped.who = Who(actor_id=user, actor_type="user", actor_session=connection)
    else:
        mapped.who = Who(actor_type="anonymous", actor_session=connection)
    ip, host_name = peer(host)
    mapped.where = Where(ip, host_name)
    mapped.context = Context(
        service_name="mariadb",
        request=f"{connection}/{query}" if query != "0" else None,
    )
    if operation.startswith("QUERY"):
        _query(operation, database or server or None, name, code, mapped)
    elif operation in _TABLE_ACCESS:
        _table(operation, database, name, server or None, mapped)
    else:
        _connection(operation, database, code, server or None, mapped)


def _outcome(code: str) -> tuple[Outcome, str | None]:
    if code == "0":
        return "success", None
    if not code:
        return "unknown", None
    return ("denied" if code in _DENIED else "failure"), f"error {code}"


def _query(operation: str, parent: str | None, sql: str, code: str, mapped: Mapped) -> None:
    action, access = verb_of_sql(sql)
    outcome, reason = _outcome(code)
    mapped.what = What(
        action or operation, access, resource_parent=parent, outcome=outcome, reason=reason
    )
    mapped.content = Content(statement=sql or None)


def _table(operation: str, database: str, name: str, server: str | None, mapped: Mapped) -> None:
    """Map a table that a query opened: the server logs it when it was permitted."""
    table: str | None = f"{database}.{name}" if database else name
    others: tuple[str, ...] = ()
    if operation == "RENAME" and "|" in name:
        old, _, new = name.partition("|")
        table, others = f"{database}.{old}", (new,)
    if "," in name or ("|" in name and name.count("|") > 1):
        mapped.labels += ("ambiguous:resource",)
        table, others = None, ()
    mapped.what = What(
        operation,
        _TABLE_ACCESS[operation],
        "table",
        table or None,
        server,
        resources=others,
        outcome="success",
    )


def _connection(
    operation: str, database: str, code: str, server: str | None, mapped: Mapped
) -> None:
    outcome, reason = _outcome(code)
    mapped.what = What(
        operation,
        "authenticate",
        "database" if database else "host" if server else None,
        database or server,
        server if database else None,
        outcome=outcome,
        reason=reason,
    )
