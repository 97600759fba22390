# Tables of log lines read better whole.
# ruff: noqa: E501
"""`postgres`: the real jsonlog with pgaudit, tricky lines, and 10^5 mutated ones."""

import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chance import SEED
from whodid.event import Mapped, encode_groups
from whodid.normalize import pgaudit, postgres_entry
from whodid.normalize.postgres import Postgres
from whodid.normalize.postgres_entry import session_epoch, zoned_time_us
from whodid.normalize.record import SEQ_NATIVE, prepare
from whodid.testing.format_conformance import check_format, check_record
from whodid.testing.mutate import mutations

DATA = Path(__file__).resolve().parents[2] / "../shared/data/postgres/pg.json"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
FORMAT = Postgres()
ENVELOPE: Any = {
    "event_id": "0", "source": "s", "format_name": "postgres", "mapping": 1, "received_us": 1,
}  # fmt: skip
TIME_US = 1_795_288_419_168_000
BASE = {
    "timestamp": "2026-11-21 19:13:39.168 UTC",
    "user": "alice",
    "dbname": "crm",
    "pid": 29509,
    "remote_host": "192.0.2.7",
    "remote_port": 37562,
    "session_id": "6b01ed63.7345",
    "line_num": 7,
    "ps": "SELECT",
    "error_severity": "LOG",
    "application_name": "psql",
    "backend_type": "client backend",
    "query_id": 0,
}


def map_line(message: str | None = None, **fields: Any) -> Mapped:
    line = {**BASE, **fields}
    if message is not None:
        line["message"] = message
    return FORMAT.map(json.dumps({k: v for k, v in line.items() if v is not None}).encode(), 0)


@needs_data
def test_all_real_lines_are_mapped() -> None:
    lines = DATA.read_bytes().splitlines()
    mapped = [FORMAT.map(line, 0) for line in lines]
    parsed = [json.loads(line) for line in lines]
    assert len(mapped) == 62
    assert all(FORMAT.sniff(line) for line in lines)
    assert [m.quarantine for m in mapped] == [None] * 62
    assert [m.seq for m in mapped] == [line["line_num"] for line in parsed]
    assert [m.native_id for m in mapped] == [
        f"{li['session_id']}/{li['line_num']}" for li in parsed
    ]
    assert len({m.native_id for m in mapped}) == 62
    assert all(m.native_seq and m.time is not None for m in mapped)
    by_epoch: dict[int | None, list[int | None]] = {}
    for m in mapped:
        by_epoch.setdefault(m.epoch, []).append(m.seq)
    assert all(seqs == list(range(1, len(seqs) + 1)) for seqs in by_epoch.values())
    # read off the file by hand
    audits = [m for m, line in zip(mapped, parsed, strict=True) if "AUDIT:" in line["message"]]
    assert len(audits) == 18
    assert Counter(m.what.action for m in audits) == {
        "SELECT": 3, "CREATE EXTENSION": 1, "CREATE ROLE": 1, "CREATE SEQUENCE": 1,
        "CREATE TABLE": 1, "CREATE INDEX": 1, "ALTER SEQUENCE": 1, "GRANT": 1, "INSERT": 1,
        "PREPARE": 1, "EXECUTE": 1, "UPDATE": 1, "DELETE": 1, "COPY": 1, "BEGIN": 1, "ROLLBACK": 1,
    }  # fmt: skip
    assert sum(m.what.rows or 0 for m in audits) == 50 + 1 + 1 + 1 + 1 + 1
    assert Counter(m.who.actor_id for m in mapped) == Counter(line.get("user") for line in parsed)
    assert Counter(m.who.actor_type for m in mapped) == {
        "user": sum(b'"user":' in line for line in lines),
        "anonymous": sum(b'"not initialized"' in line for line in lines),
        "system": sum(b'"remote_host":' not in line for line in lines),
    }
    assert Counter(m.what.outcome for m in mapped if m.what.access == "authenticate") == {
        "success": 6, "failure": 1,
    }  # fmt: skip


@needs_data
def test_a_real_select_and_a_real_update() -> None:
    mapped = [FORMAT.map(line, 0) for line in DATA.read_bytes().splitlines()]
    select = next(m for m in mapped if m.what.rows == 1)
    assert (select.who.actor_id, select.what.action, select.what.access) == (
        "alice",
        "SELECT",
        "read",
    )
    assert (select.what.resource_type, select.what.resource_name) == ("table", "public.customers")
    assert (select.what.resource_parent, select.what.outcome) == ("postgres", "success")
    assert (select.where.ip, select.where.port, select.where.agent) == ("127.0.0.1", 37562, "crm")
    assert select.content.statement == "select * from customers where id = 3 "
    update = next(m for m in mapped if m.what.rows == 1 and m.what.action == "UPDATE")
    assert update.content.statement == (
        "update customers set name='multi\nline, \"quoted\" value' where id=5;"
    )
    executed = next(m for m in mapped if m.content.params)
    assert (executed.what.action, executed.content.params) == ("SELECT", ("7",))


@pytest.mark.parametrize(
    ("message", "action", "access", "type_", "name", "rows"),
    [
        ("SESSION,1,1,READ,SELECT,TABLE,public.t,select 1,<none>,12", "SELECT", "read", "table", "public.t", 12),
        ("SESSION,1,1,READ,SELECT,TABLE,public.t,select 1,<none>", "SELECT", "read", "table", "public.t", None),
        ("OBJECT,1,1,WRITE,DELETE,TABLE,public.t,delete,<not logged>,3", "DELETE", "delete", "table", "public.t", 3),
        ("SESSION,1,1,WRITE,MERGE,TABLE,a.t,merge,<none>,3", "MERGE", "update", "table", "a.t", 3),
        ("SESSION,1,1,WRITE,COPY,TABLE,a.t,copy,<none>,0", "COPY", "create", "table", "a.t", None),
        ("SESSION,1,1,WRITE,TRUNCATE TABLE,,,truncate t,<none>", "TRUNCATE TABLE", "delete", None, None, None),
        ("SESSION,1,1,FUNCTION,EXECUTE,FUNCTION,public.f,select f(),<none>", "EXECUTE", "execute", "function", "public.f", None),
        ("SESSION,1,1,ROLE,GRANT,TABLE,,grant,<none>", "GRANT", "administer", "table", None, None),
        ("SESSION,1,1,ROLE,DROP ROLE,,,drop,<none>", "DROP ROLE", "administer", None, None, None),
        ("SESSION,1,1,DDL,DROP TABLE,TABLE,public.t,drop,<none>", "DROP TABLE", "delete", "table", "public.t", None),
        ("SESSION,1,1,MISC,SET,,,set x=1,<none>", "SET", "other", None, None, None),
        ('SESSION,1,1,READ,SELECT,TABLE,"public.""A,b""",select 1,<none>', "SELECT", "read", "table", 'public."A,b"', None),
    ],
)  # fmt: skip
def test_pgaudit(
    message: str, action: str, access: str, type_: str | None, name: str | None, rows: int | None
) -> None:
    mapped = map_line(f"AUDIT: {message}")
    assert (mapped.what.action, mapped.what.access) == (action, access)
    assert (mapped.what.resource_type, mapped.what.resource_name) == (type_, name)
    assert mapped.what.rows == rows
    assert mapped.what.outcome == "success"
    assert mapped.what.resource_parent == "crm"
    assert mapped.content.params == ()


def test_pgaudit_params_are_a_list_in_a_field() -> None:
    mapped = map_line(
        'AUDIT: SESSION,1,1,READ,SELECT,,,"select $1, $2","7,""a,b"",""say """"x""""""",1'
    )
    assert mapped.content.statement == "select $1, $2"
    assert mapped.content.params == ("7", "a,b", 'say "x"')


@given(st.lists(st.text(), min_size=1, max_size=12))
def test_csv_gives_back_what_was_quoted(fields: list[str]) -> None:
    text = ",".join('"' + field.replace('"', '""') + '"' for field in fields)
    assert pgaudit.split_csv(text, 0, 20) == fields


@pytest.mark.parametrize(
    "message",
    [
        "AUDIT: ", "AUDIT: SESSION,1,1", 'AUDIT: SESSION,1,1,READ,SELECT,TABLE,t,"open,<none>,1',
        'AUDIT: SESSION,1,1,READ,SELECT,TABLE,t,"a"b,<none>,1', "AUDIT: OTHER,1,1,A,B,C,D,E,F",
    ],
)  # fmt: skip
def test_what_pgaudit_never_wrote_is_a_message(message: str) -> None:
    mapped = map_line(message)
    assert (mapped.what.action, mapped.what.access, mapped.what.outcome) == ("LOG", "other", None)
    assert mapped.content.message == message


def test_a_raised_message_is_not_taken_for_pgaudit() -> None:
    mapped = map_line(
        "AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.innocent,select 1,<none>,1",
        context="PL/pgSQL function inline_code_block line 1 at RAISE",
    )
    assert (mapped.what.action, mapped.what.resource_name, mapped.what.rows) == ("LOG", None, None)


@pytest.mark.parametrize(
    ("message", "action", "outcome", "duration_us"),
    [
        ("connection authorized: user=alice database=crm", "connection authorized", "success", None),
        ("replication connection authorized: user=r", "replication connection authorized", "success", None),
        ("disconnection: session time: 1:02:03.456 user=alice database=crm host=[local]",
         "disconnection", "success", 3_723_456_000),
    ],
)  # fmt: skip
def test_logins(message: str, action: str, outcome: str, duration_us: int | None) -> None:
    mapped = map_line(message)
    assert (mapped.what.action, mapped.what.access) == (action, "authenticate")
    assert mapped.what.outcome == outcome
    assert (mapped.what.resource_type, mapped.what.resource_name) == ("database", "crm")
    assert mapped.context.duration_us == duration_us


def test_the_method_is_what_the_server_wrote_last() -> None:
    mapped = map_line(
        'connection authenticated: identity="eve" method=trust (x" method=md5 (/etc/pg_hba.conf:9)'
    )
    assert mapped.labels == ("method:md5",)
    assert (mapped.who.actor_id, mapped.who.actor_name) == ("alice", 'eve" method=trust (x')


@pytest.mark.parametrize(
    ("message", "fields", "what"),
    [
        (
            'password authentication failed for user "alice"',
            {"error_severity": "FATAL", "state_code": "28P01", "ps": "authentication"},
            ("password authentication failed", "authenticate", "failure", "database", "crm"),
        ),
        (
            'no pg_hba.conf entry for host "192.0.2.7", user "alice", database "crm"',
            {"error_severity": "FATAL", "state_code": "28000", "ps": "authentication"},
            ("no pg_hba.conf entry", "authenticate", "denied", "database", "crm"),
        ),
        (
            'database "nope" does not exist',
            {"error_severity": "FATAL", "state_code": "3D000", "ps": "startup", "dbname": "nope"},
            ("database", "authenticate", "failure", "database", "nope"),
        ),
        (
            "permission denied for table customers",
            {
                "error_severity": "ERROR",
                "state_code": "42501",
                "statement": "select * from customers",
            },
            ("SELECT", "read", "denied", "table", "customers"),
        ),
        (
            "permission denied for materialized view big one",
            {"error_severity": "ERROR", "state_code": "42501", "statement": "x"},
            ("SELECT", "read", "denied", "materialized view", "big one"),
        ),
        (
            "must be owner of table customers",
            {"error_severity": "ERROR", "state_code": "42501", "ps": "DROP TABLE"},
            ("DROP TABLE", "delete", "denied", "table", "customers"),
        ),
        (
            "division by zero",
            {
                "error_severity": "ERROR",
                "state_code": "22012",
                "ps": "idle",
                "statement": "insert x",
            },
            ("INSERT", "create", "failure", None, None),
        ),
    ],
)
def test_failures(message: str, fields: dict, what: tuple) -> None:
    mapped = map_line(message, **fields)
    got = mapped.what
    assert (got.action, got.access, got.outcome, got.resource_type, got.resource_name) == what
    assert got.reason == f"{fields['state_code']}: {message}"


@pytest.mark.parametrize(
    ("message", "action", "access", "outcome", "duration_us", "statement"),
    [
        ("statement: select 1", "SELECT", "read", "unknown", None, "select 1"),
        ("statement: select 1; drop table t", "statement", "other", "unknown", None, "select 1; drop table t"),
        ("statement: select 1 ; ", "SELECT", "read", "unknown", None, "select 1 ; "),
        ("statement: with x as (delete from t) select 1", "WITH", "other", "unknown", None, "with x as (delete from t) select 1"),
        ("statement: alter role bob superuser", "ALTER", "administer", "unknown", None, "alter role bob superuser"),
        ("statement: /* x */ select 1", "statement", "other", "unknown", None, "/* x */ select 1"),
        ("execute <unnamed>: update t set a=1", "UPDATE", "update", "unknown", None, "update t set a=1"),
        ("execute fetch from <unnamed>/C_1: select 1", "SELECT", "read", "unknown", None, "select 1"),
        ("duration: 1.234 ms", "duration", "other", "success", 1234, None),
        ("duration: 61000.005 ms  statement: delete\nfrom t", "DELETE", "delete", "success", 61_000_005, "delete\nfrom t"),
        ("duration: 0.100 ms  parse S_1: delete from t", "parse", "other", "success", 100, "delete from t"),
        ("duration: 0.100 ms  bind S_1/P: delete from t", "bind", "other", "success", 100, "delete from t"),
    ],
)  # fmt: skip
def test_statements(
    message: str,
    action: str,
    access: str,
    outcome: str,
    duration_us: int | None,
    statement: str | None,
) -> None:
    mapped = map_line(message)
    assert (mapped.what.action, mapped.what.access) == (action, access)
    assert mapped.what.outcome == outcome
    assert mapped.context.duration_us == duration_us
    assert mapped.content.statement == statement


def test_parameters_of_a_prepared_statement() -> None:
    mapped = map_line(
        "execute S_1: select $1, $2, $3",
        detail="Parameters: $1 = '7', $2 = NULL, $3 = 'it''s, $4 = ''x'",
    )
    assert mapped.content.params == ("7", "NULL", "it's, $4 = 'x")


def test_where_and_who() -> None:
    local = map_line("x", remote_host="[local]", remote_port=None)
    assert (local.where.ip, local.where.host, local.where.port) == (None, "[local]", None)
    named = map_line("x", remote_host="db.example.org")
    assert (named.where.ip, named.where.host) == (None, "db.example.org")
    chatter = map_line(
        "checkpoint starting: time", user=None, dbname=None, remote_host=None, remote_port=None,
        application_name=None,
    )  # fmt: skip
    assert (chatter.who.actor_type, chatter.who.actor_id) == ("system", None)
    assert (chatter.what.action, chatter.what.access) == ("checkpoint starting", "other")
    knock = map_line("connection received: host=192.0.2.7 port=5", user=None, dbname=None)
    assert (knock.who.actor_type, knock.what.action) == ("anonymous", "connection received")
    assert map_line("x", query_id=-77).labels == ("query_id:-77",)


def test_native_sequence() -> None:
    mapped = map_line("x")
    assert (mapped.native_id, mapped.epoch, mapped.seq) == (
        "6b01ed63.7345/7", 0x6B01ED63_00007345, 7,
    )  # fmt: skip
    prepared = prepare(mapped, b"{}", **ENVELOPE)
    assert (prepared.seq_kind, prepared.seq) == (SEQ_NATIVE, 7)
    assert session_epoch("ffffffff.ffffffff") == (1 << 64) - 1
    assert session_epoch("6B01.1") is None
    assert session_epoch("123456789.1") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-21 19:13:39.168 UTC", (TIME_US, None)),
        ("2026-11-21 19:13:39.168 GMT", (TIME_US, None)),
        ("2026-11-21 20:13:39.168 CET", (TIME_US, None)),
        ("2026-11-21 14:13:39.168 EST", (TIME_US, None)),
        ("2026-11-22 00:43:39.168 +0530", (TIME_US, None)),
        ("2026-11-21 16:13:39.168 -03", (TIME_US, None)),
        ("2026-11-21 19:13:39.168 IST", (None, "unknown:timezone:IST")),
        ("2026-11-21 19:13:39.168 CST", (None, "unknown:timezone:CST")),
        ("2026-11-21 19:13:39.168 XYZ", (None, "unknown:timezone:XYZ")),
        ("2026-13-21 19:13:39.168 UTC", (None, "invalid:time")),
        ("2026-11-21 19:13:39.168", (None, "invalid:time")),
        ("rubbish", (None, "invalid:time")),
        ("", (None, "invalid:time")),
    ],
)
def test_times(text: str, expected: tuple) -> None:
    assert zoned_time_us(text) == expected


def test_abbreviations_are_certain_in_tzdata() -> None:
    zones = available_timezones()
    if len(zones) < 300:
        pytest.skip("no tzdata here")
    offsets: dict[str | None, set[timedelta | None]] = {}
    for zone in zones:
        for day in range(0, 365 * 4, 20):
            moment = (datetime(2022, 10, 1, tzinfo=UTC) + timedelta(days=day)).astimezone(
                ZoneInfo(zone)
            )
            offsets.setdefault(moment.tzname(), set()).add(moment.utcoffset())
    for name, minutes in postgres_entry._OFFSET_MINUTES.items():
        if name != "Z":
            assert offsets[name] == {timedelta(minutes=minutes)}, name


@pytest.mark.parametrize(
    "record",
    [
        b"", b"[]", b"null", b"{}", b'{"error_severity":[]}', b"\xff", b"[" * 100_000,
        b'{"error_severity":"LOG","x":' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"error_severity":"LOG","error_severity":"ERROR"}',
        b'{"error_severity":"LOG"', b'{"error_severity":"LOG"} x',
    ],
)  # fmt: skip
def test_what_is_no_log_line_is_quarantined(record: bytes) -> None:
    assert (FORMAT.map(record, 0).quarantine or "").startswith("postgres: ")


def test_fields_of_any_type_are_answered() -> None:
    for value in (0, -1, 1 << 70, 1.5, True, None, [], {}, "", "\x00\x1b[31m", "x" * 100_000):
        for key in [*BASE, "message", "detail", "state_code", "statement", "context"]:
            line = {**BASE, "message": "duration: 1.000 ms  statement: select 1", key: value}
            mapped = FORMAT.map(json.dumps(line).encode(), 0)
            encode_groups(prepare(mapped, json.dumps(line).encode(), **ENVELOPE).event)


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(record: bytes) -> None:
    assert FORMAT.map(record, 0).quarantine
    assert not FORMAT.sniff(record)


def test_time_is_linear_in_hostile_lines() -> None:
    start = time.process_time()
    for piece in (
        '"',
        '""',
        ",",
        '","',
        "'",
        "$1 = '",
        "$1 = ''",
        " ",
        "; ",
        "a ",
        ": ",
        '" method=',
    ):
        long = piece * (200_000 // len(piece))
        for message in (
            long, f"AUDIT: {long}", f"AUDIT: SESSION,1,1,READ,SELECT,TABLE,t,{long}",
            f'AUDIT: SESSION,1,1,READ,SELECT,TABLE,t,"{long}', f"statement: {long}",
            f"execute {long}", f'connection authenticated: identity="{long}',
            f"permission denied for {long}",
        ):  # fmt: skip
            map_line(message)
            map_line(message, error_severity="ERROR", state_code="42501", statement=long)
        map_line("execute x: y", detail=f"Parameters: {long}")
    assert time.process_time() - start < 10  # quadratic would be minutes


def samples() -> list[bytes]:
    audit = 'AUDIT: SESSION,1,1,READ,SELECT,TABLE,"a.""b""",select 1,"7,""x""",1'
    messages = (audit, "statement: select 1", "duration: 1.234 ms  statement: x", "hello")
    lines = [json.dumps({**BASE, "message": message}).encode() for message in messages]
    return lines + (DATA.read_bytes().splitlines() if DATA.exists() else [])


def test_it_keeps_the_promises_of_a_format() -> None:
    expected = {"actor.id": "alice", "resource.name": 'a."b"', "params": ("7", "x"), "rows": 1}
    check_format(FORMAT, samples(), [expected])


@pytest.mark.slow
def test_fuzz_100_000_lines() -> None:
    mapped_count = 0
    for number, record in enumerate(mutations(samples(), 100_000, SEED)):
        mapped_count += FORMAT.map(record, 0).quarantine is None
        if number % 20 == 0:
            check_record(FORMAT, record)
    assert mapped_count > 10_000
