# Tables of log lines read better whole.
# ruff: noqa: E501
"""`postgres-stderr`: a real log beside the jsonlog of the same server, the known prefixes, forged names, and 10^5 mutated entries."""

import io
import time
from pathlib import Path

import pytest

from chance import SEED
from whodid.event import Mapped
from whodid.normalize.postgres import Postgres
from whodid.normalize.postgres_prefix import read_prefix
from whodid.normalize.postgres_stderr import PostgresStderr
from whodid.sources.file import read_file
from whodid.testing.format_conformance import check_format, check_record
from whodid.testing.mutate import mutations

SAMPLES = Path(__file__).with_name("samples")
FORMAT = PostgresStderr()
TIME = "2026-11-21 19:13:39.555 UTC"
RICH = (
    f"{TIME} [29509] 6b01ed63.7345 7 00000 [SELECT] 192.0.2.7(37562) user=alice,db=crm,app=the app "
)
AUDIT = "LOG:  AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.t,select 1,<none>,1"


def records(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return [
        record for chunk in read_file(io.BytesIO(data), path.name, None) for record in chunk.records
    ]


def said(mapped: Mapped) -> tuple:
    return (
        mapped.time, mapped.original_time, mapped.who, mapped.what, mapped.where, mapped.context,
        mapped.content,
    )  # fmt: skip


def map_text(text: str) -> Mapped:
    return FORMAT.map(text.encode(), 0)


def test_a_stderr_log_gives_the_events_of_its_jsonlog() -> None:
    of_json = [said(Postgres().map(line, 0)) for line in records(SAMPLES / "postgresql.json")]
    mapped = [FORMAT.map(record, 0) for record in records(SAMPLES / "postgresql.log")]
    # One client called itself "ev<LF>2026-11-21 … [1] bob@crm LOG:  x": two lines, and a forged one each.
    torn = [m for m in mapped if m.quarantine is not None]
    forged = [m for m in mapped if "ambiguous:line" in m.labels]
    assert len(torn) == len(forged) == 2
    assert all((m.who.actor_id, m.what.action) == (None, None) for m in forged)
    of_stderr = [said(m) for m in mapped if m not in torn and m not in forged]
    assert len(of_stderr) == 86
    missed = [event for event in of_json if event not in of_stderr]
    assert len(missed) == 1
    assert missed[0][2].actor_id.startswith("ev\n")
    assert [event for event in of_json if event in of_stderr] == of_stderr


@pytest.mark.parametrize(
    ("prefix", "user", "database", "ip", "agent"),
    [
        (RICH, "alice", "crm", "192.0.2.7", "the app"),
        (f"{TIME} [29509] 6b01ed63.7345 7 alice@crm 192.0.2.7 the app ", "alice", "crm", "192.0.2.7", "the app"),
        (f"{TIME} [29509] 6b01ed63.7345 7 alice@crm [local] psql ", "alice", "crm", None, "psql"),
        (f"{TIME} [29509] alice@crm ", "alice", "crm", None, None),
        (f"{TIME} [29509] [unknown]@[unknown] ", None, None, None, None),
        (f"{TIME} [29509] ", None, None, None, None),
        ("2026-11-21 19:13:39 UTC [29509]: user=alice,db=crm,app=psql,client=192.0.2.7 ", "alice", "crm", "192.0.2.7", "psql"),
        ("2026-11-21 19:13:39 UTC [29509]: [7-1] user=alice,db=crm,app=psql,client=192.0.2.7 ", "alice", "crm", "192.0.2.7", "psql"),
        ("2026-11-21 19:13:39.5 UTC [29509]: [7-1] db=crm,user=alice ", "alice", "crm", None, None),
        ("2026-11-21 19:13:39 UTC:192.0.2.7(37562):alice@crm:[29509]:", "alice", "crm", "192.0.2.7", None),
        ("2026-11-21 19:13:39 UTC:2001:db8::1(37562):alice@crm:[29509]:", "alice", "crm", "2001:db8::1", None),
        ("2026-11-21 19:13:39 UTC:[local]:alice@crm:[29509]:", "alice", "crm", None, None),
        ("2026-11-21 19:13:39 UTC::@:[29509]:", None, None, None, None),
    ],
)  # fmt: skip
def test_known_prefixes(
    prefix: str, user: str | None, database: str | None, ip: str | None, agent: str | None
) -> None:
    mapped = map_text(prefix + AUDIT)
    assert FORMAT.sniff((prefix + AUDIT).encode())
    assert (mapped.quarantine, mapped.labels) == (None, ())
    assert (mapped.who.actor_id, mapped.what.resource_parent) == (user, database)
    assert (mapped.where.ip, mapped.where.agent) == (ip, agent)
    assert (mapped.what.action, mapped.what.resource_name, mapped.what.rows) == (
        "SELECT",
        "public.t",
        1,
    )
    assert mapped.time is not None


def test_an_unknown_prefix_gives_time_and_message() -> None:
    mapped = map_text(f"{TIME} [29509] tx=12 alice on crm {AUDIT}")
    assert mapped.labels == ("unknown:prefix",)
    assert (mapped.who.actor_id, mapped.what.resource_name) == (None, "public.t")
    assert (mapped.where.ip, mapped.time) == (None, 1_795_288_419_555_000)


def test_ids_are_not_those_of_a_csvlog() -> None:
    mapped = map_text(RICH + AUDIT)
    assert (mapped.native_id, mapped.seq, mapped.who.actor_session) == (
        "6b01ed63.7345/7/stderr",
        None,
        "6b01ed63.7345",
    )
    assert map_text(f"{TIME} [29509] alice@crm {AUDIT}").native_id is None


@pytest.mark.parametrize(
    ("line", "label"),
    [
        # a name that holds a severity, an address, the next field
        (f'{TIME} [1] bob@crm LOG:  connection authorized: user=bob@real FATAL:  password authentication failed for user "x"', "ambiguous:line"),
        (RICH.replace("the app", "x LOG:  AUDIT: SESSION,1,1,READ,SELECT") + AUDIT, "ambiguous:line"),
        (RICH.replace("alice", "bob,db=hr") + AUDIT, "ambiguous:actor"),
        (RICH.replace("the app", "x,user=root") + AUDIT, "ambiguous:actor"),
        (f"{TIME} [1] 6b.1 7 bob@crm 10.0.0.1 x@crm 192.0.2.7 psql {AUDIT}", "ambiguous:actor"),
        (f"{TIME} [1] alice@example.org@crm {AUDIT}", "ambiguous:actor"),
        (f"{TIME} [1] bob@crm x@crm {AUDIT}", "ambiguous:actor"),
        (f"{TIME} [1] alice@my db {AUDIT}", "ambiguous:actor"),
    ],
)  # fmt: skip
def test_a_name_that_could_be_read_in_two_ways_is_left_out(line: str, label: str) -> None:
    mapped = map_text(line)
    assert label in mapped.labels
    assert (mapped.quarantine, mapped.who.actor_id, mapped.where.agent) == (None, None, None)
    assert mapped.what.resource_parent is None
    if label == "ambiguous:line":
        assert (mapped.what.action, mapped.what.outcome, mapped.content.statement) == (
            None,
            None,
            None,
        )
        assert "LOG:  " in (mapped.content.message or "")


def test_an_entry_of_several_lines() -> None:
    mapped = map_text(
        f"{RICH}ERROR:  permission denied for table salaries at character 15\n"
        f"{RICH}DETAIL:  one\n\ttwo\n{RICH}STATEMENT:  select *\n\t\tfrom salaries".replace(
            " 00000 ", " 42501 "
        )
    )
    assert (mapped.what.action, mapped.what.outcome, mapped.what.resource_name) == (
        "SELECT",
        "denied",
        "salaries",
    )
    assert mapped.what.reason == "42501: permission denied for table salaries"
    assert mapped.content.statement == "select *\n\tfrom salaries"


def test_without_state_and_stage_words_tell() -> None:
    denied = map_text(
        f"{TIME} [1] alice@crm ERROR:  permission denied for table t\n{TIME} [1] alice@crm STATEMENT:  select * from t"
    )
    assert (denied.what.action, denied.what.outcome, denied.what.resource_name) == (
        "SELECT",
        "denied",
        "t",
    )
    failed = map_text(
        f'{TIME} [1] alice@crm FATAL:  password authentication failed for user "alice"'
    )
    assert (failed.what.access, failed.what.outcome, failed.what.resource_name) == (
        "authenticate",
        "failure",
        "crm",
    )
    peer = map_text(
        f"{TIME} [1] [unknown]@[unknown] LOG:  connection received: host=192.0.2.7 port=4711"
    )
    assert (peer.where.ip, peer.where.port, peer.who.actor_type) == ("192.0.2.7", 4711, "anonymous")


def test_a_raised_message_is_not_taken_for_pgaudit() -> None:
    mapped = map_text(f"{RICH}{AUDIT}\n{RICH}CONTEXT:  PL/pgSQL function f() line 1 at RAISE")
    assert (mapped.what.action, mapped.what.resource_name) == ("LOG", None)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ("", "prefix"), ("\tgoes on", "goes on"), ("cp: cannot stat x", "prefix"),
        (f"{RICH}STATEMENT:  select 1", "STATEMENT of an entry"), (f"{TIME} [1] alice@crm", "prefix"),
        (f"{TIME} [1] FEHLER:  x", "prefix"),
    ],
)  # fmt: skip
def test_what_is_no_entry_is_quarantined(record: str, words: str) -> None:
    assert words in (map_text(record).quarantine or "")


def test_long_lines_take_linear_time() -> None:
    start = time.process_time()
    for long in (
        "LOG:  " * 40_000,
        "a@b " * 50_000,
        ",db=" * 50_000,
        "\n\t" * 100_000,
        "[1] " * 50_000,
        '"' * 200_000,
    ):
        for line in (
            long,
            f"{TIME} [1] {long}",
            RICH + long,
            f"{TIME} [1] 6b.1 7 {long}",
            f"{RICH}LOG:  {long}\n{RICH}DETAIL:  {long}",
        ):
            read_prefix(line)
            map_text(line)
    assert time.process_time() - start < 10  # quadratic would be minutes


def test_a_short_line_of_many_ats_takes_no_time() -> None:
    line = f"{TIME} [1] 6b.1 7 {'@' * 200} @ {'LOG:  ' * 16}"
    start = time.process_time()
    for _ in range(200):
        read_prefix(line)
    assert time.process_time() - start < 2  # it was a second each


def samples() -> list[bytes]:
    own = [
        RICH + AUDIT,
        f"{TIME} [1] alice@crm LOG:  statement: select 1\n\tfrom t",
        f"{TIME} [1] LOG:  x",
    ]
    real = [record for record in records(SAMPLES / "postgresql.log") if FORMAT.sniff(record)]
    return [line.encode() for line in own] + real


def test_it_keeps_the_promises_of_a_format() -> None:
    check_format(FORMAT, samples(), [{"actor.id": "alice", "resource.name": "public.t", "rows": 1}])


@pytest.mark.slow
def test_fuzz_100_000_entries() -> None:
    mapped_count = 0
    for number, record in enumerate(mutations(samples(), 100_000, SEED)):
        mapped_count += FORMAT.map(record, 0).quarantine is None
        if number % 20 == 0:
            check_record(FORMAT, record)
    assert mapped_count > 10_000
