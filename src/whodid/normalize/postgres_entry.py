"""What an entry of PostgreSQL's log means, whichever format wrote it.

jsonlog, csvlog and stderr write the same entry in three ways; `map_entry` makes one event of it.

Native id `session/line_num`; the session is an epoch of its own in which `line_num` counts
1, 2, 3 …, so a missing line is known. `agent` is the application name, which the client chose.

What each kind of line is sure of: a `statement:` line is written before the statement runs, so
its outcome is unknown; a `duration:` line after it has ended (success); a pgaudit line when it
was permitted (success; should it fail later, its ERROR line is an event of its own). Access of
SQL text is read from its first word only, and not at all when there may be several statements.

It does not parse SQL, nor guess the offset of a time zone's abbreviation that has more than one.
"""

import re

from msgspec import Struct

from whodid.event import Access, ActorType, Content, Context, Mapped, Outcome, What, Where, Who
from whodid.normalize import pgaudit
from whodid.normalize.address import peer
from whodid.normalize.sql_verb import verb_of_sql, verb_of_words
from whodid.normalize.timestamps import naive_us, rfc3339_us

_SESSION = re.compile(r"([0-9a-f]{1,8})\.([0-9a-f]{1,8})").fullmatch
_STATEMENT = re.compile(
    r"(?:duration: ([0-9]{1,12})\.([0-9]{3}) ms(?:  |$))?"
    r"(?:(statement|parse|bind|execute(?: fetch from)?)(?: [^:]*+)?: (.*))?",
    re.DOTALL,
).fullmatch
_SESSION_TIME = re.compile(
    r"disconnection: session time: ([0-9]{1,9}):([0-9]{2}):([0-9]{2})\.([0-9]{3})(?= |$)"
).match
_DENIED_OBJECT = re.compile(
    r"(?:permission denied for|must be owner of) "
    r"(table|(?:materialized )?view|sequence|schema|database|column|function|procedure|routine"
    r"|index|type|language|tablespace|foreign table|foreign server|large object|relation) (.+)",
    re.DOTALL,
).fullmatch
_PARAMETER = re.compile(r"\$[0-9]{1,5} = ('(?:[^']++|''|)*+'|NULL)").findall
_ABBREVIATION = re.compile(r"[A-Za-z]{1,10}").fullmatch
_VERB = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,31}(?: [A-Za-z][A-Za-z0-9_.]{0,31}|){0,7}+").match

_MINUTE_US = 60_000_000

_OFFSET_MINUTES = {
    "UTC": 0, "GMT": 0, "Z": 0, "WET": 0, "WEST": 60, "BST": 60, "CET": 60, "CEST": 120,
    "EET": 120, "EEST": 180, "MSK": 180, "SAST": 120, "CAT": 120, "EAT": 180, "WAT": 60,
    "PKT": 300, "WIB": 420, "HKT": 480, "AWST": 480, "JST": 540, "KST": 540, "ACST": 570,
    "ACDT": 630, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780, "EST": -300, "EDT": -240,
    "MST": -420, "MDT": -360, "PDT": -420, "AKST": -540, "AKDT": -480, "HST": -600,
}  # fmt: skip
"""Abbreviations that had one offset only in tzdata since 2022, when jsonlog began (a test asks
tzdata). CST, CDT, IST and PST had several."""

_CONTEXT = Context(service_name="postgres")
_REFUSALS = ("no pg_hba.conf entry", "pg_hba.conf rejects")
_FAILED = frozenset({"ERROR", "FATAL", "PANIC"})
_LOGIN_MESSAGES = (
    "connection authenticated", "connection authorized", "replication connection authorized",
    "disconnection",
)  # fmt: skip


def zoned_time_us(written: str) -> tuple[int | None, str | None]:
    """Return (µs, None) of `2026-11-21 19:13:39.168 UTC`, or (None, label of what is wrong)."""
    local, _, zone = written.rpartition(" ")
    offset_minutes = _OFFSET_MINUTES.get(zone)
    if offset_minutes is not None:
        time = naive_us(local)
        if time is None:
            return None, "invalid:time"
        return time - offset_minutes * _MINUTE_US, None
    time = rfc3339_us(written)
    if time is None and _ABBREVIATION(zone) is not None and naive_us(local) is not None:
        return None, f"unknown:timezone:{zone}"
    return time, "invalid:time" if time is None else None


def session_epoch(session_id: str) -> int | None:
    """Return the u64 of a session id: its start in seconds, then the 32 bits of its process id."""
    match = _SESSION(session_id)
    return None if match is None else int(match[1], 16) << 32 | int(match[2], 16)


class Entry(Struct, frozen=True):
    """One entry as the server wrote it; None is what it did not write.

    `remote`: a client is connected, whether or not it is known from where. `context`: the entry
    came from within a function.
    """

    severity: str
    message: str
    written: str | None = None
    user: str | None = None
    database: str | None = None
    remote: bool = False
    remote_host: str | None = None
    remote_port: int | None = None
    session: str | None = None
    line_num: int | None = None
    stage: str = ""
    state: str | None = None
    detail: str | None = None
    context: bool = False
    statement: str | None = None
    agent: str | None = None
    query_id: int = 0


def map_entry(entry: Entry) -> Mapped:
    """Map one entry."""
    mapped = Mapped()
    _identify(entry, mapped)
    _when(entry, mapped)
    _where(entry, mapped)
    if entry.severity in _FAILED:
        _failure(entry, mapped)
    elif entry.context or not _known(entry, mapped):
        # A function can RAISE LOG any text, pgaudit's too; its entry has a context.
        user = mapped.who.actor_type == "user"
        action = entry.severity if user else _verb(entry.message) or entry.severity
        mapped.what = What(action, "other", resource_parent=entry.database)
        mapped.content = Content(message=entry.message or None)
    if entry.query_id:
        mapped.labels += (f"query_id:{entry.query_id}",)
    return mapped


def _identify(entry: Entry, mapped: Mapped) -> None:
    session, line_num = entry.session, entry.line_num
    if session is not None and line_num:
        mapped.native_id = f"{session}/{line_num}"
        mapped.epoch = session_epoch(session)
        if mapped.epoch is not None:
            mapped.seq, mapped.native_seq = line_num, True
    if entry.user is not None:
        mapped.who = Who(actor_id=entry.user, actor_type="user", actor_session=session)
    else:
        nobody: ActorType = "anonymous" if entry.remote else "system"
        mapped.who = Who(actor_type=nobody, actor_session=session)


def _when(entry: Entry, mapped: Mapped) -> None:
    mapped.original_time = entry.written
    if mapped.original_time is not None:
        mapped.time, label = zoned_time_us(mapped.original_time)
        if label is not None:
            mapped.labels = (label,)


def _where(entry: Entry, mapped: Mapped) -> None:
    mapped.context = _CONTEXT
    remote, agent = entry.remote_host, entry.agent
    if remote is None and agent is None:
        return
    if remote is None or remote == "[local]":  # a Unix socket
        ip, host = None, remote
    else:
        ip, host = peer(remote)
    port = entry.remote_port
    mapped.where = Where(ip, host, port if port is not None and port < 65536 else None, agent)


def _known(entry: Entry, mapped: Mapped) -> bool:
    """Map a line of a kind with a shape of its own; False when it is of none."""
    message = entry.message
    if message.startswith(pgaudit.PREFIX):
        return _audit(entry, mapped)
    if message.startswith(_LOGIN_MESSAGES):
        _login(entry, mapped)
        return True
    match = _STATEMENT(message)
    if match is None or not message:
        return False
    _statement(entry, match, mapped)
    return True


def _audit(entry: Entry, mapped: Mapped) -> bool:
    audit = pgaudit.parse(entry.message)
    if audit is None:
        return False
    mapped.what = What(
        audit.command,
        audit.access,
        audit.object_type,
        audit.object_name,
        entry.database,
        outcome="success",
        rows=audit.rows,
    )
    mapped.content = Content(statement=audit.statement, params=audit.params)
    return True


def _statement(entry: Entry, match: re.Match[str], mapped: Mapped) -> None:
    """Map `[duration: 1.234 ms][  statement: SQL]`."""
    ms, thousandths, kind, sql = match.groups()
    outcome: Outcome = "unknown"
    if ms is not None:
        outcome = "success"
        duration_us = int(ms) * 1000 + int(thousandths)
        mapped.context = Context(service_name="postgres", duration_us=duration_us)
    action, access = (None, "other") if sql is None else verb_of_sql(sql)
    if kind in ("parse", "bind"):
        action, access = kind, "other"
    mapped.what = What(
        action or kind or "duration", access, resource_parent=entry.database, outcome=outcome
    )
    detail = entry.detail
    params: tuple[str, ...] = ()
    if detail is not None and detail[:12].lower() == "parameters: ":
        params = tuple(
            value if value == "NULL" else value[1:-1].replace("''", "'")
            for value in _PARAMETER(detail)
        )
    mapped.content = Content(statement=sql or None, params=params)


def _login(entry: Entry, mapped: Mapped) -> None:
    """Map the lines about a connection that was let in, and its end."""
    message, database = entry.message, entry.database
    mapped.what = What(
        message.partition(":")[0],
        "authenticate",
        "database" if database else None,
        database,
        outcome="success",
    )
    mapped.content = Content(message=message)
    match = _SESSION_TIME(message)
    if match is not None:
        hours, minutes, seconds, ms = map(int, match.groups())
        duration_us = (((hours * 60 + minutes) * 60 + seconds) * 1000 + ms) * 1000
        mapped.context = Context(service_name="postgres", duration_us=duration_us)
    elif message.startswith('connection authenticated: identity="'):
        # The name is the client's to choose, so what the server wrote is found from the right.
        identity, found, method = message[36:].rpartition('" method=')
        if found:
            mapped.labels += (f"method:{method.partition(' ')[0]}",)
            if identity != mapped.who.actor_id:
                who = mapped.who
                mapped.who = Who(who.actor_id, identity, who.actor_type, None, who.actor_session)


def _failure(entry: Entry, mapped: Mapped) -> None:
    """Map ERROR, FATAL and PANIC: a login that failed, or a statement."""
    severity, message, state, stage = entry.severity, entry.message, entry.state, entry.stage
    sql, parent = entry.statement, entry.database
    type_ = name = None
    outcome: Outcome = "failure"
    action: str | None
    access: Access
    login = severity == "FATAL" and stage in ("authentication", "startup")
    if login or (state is not None and state.startswith("28")):
        action, access = _verb(message).partition(" for ")[0], "authenticate"
        type_, name, parent = ("database" if parent else None), parent, None
        if message.startswith(_REFUSALS) or message.endswith(" is not permitted to log in"):
            outcome = "denied"
    else:
        action, access = (None, "other") if sql is None else verb_of_sql(sql)
        if stage.isascii() and stage.isupper():
            word, _, second = stage.partition(" ")
            action, access = stage, verb_of_words(word, second or None)[1]
    refused = _DENIED_OBJECT(message) if state in ("42501", None) else None
    if state == "42501" or refused is not None:
        outcome = "denied"
        if refused is not None:
            type_, name = refused.groups()
    mapped.what = What(
        action or severity,
        access,
        type_,
        name,
        parent,
        outcome=outcome,
        reason=f"{state}: {message}" if state else message or None,
    )
    mapped.content = Content(message=message or None, statement=sql)


def _verb(message: str) -> str:
    match = _VERB(message)
    return match[0] if match is not None else ""
