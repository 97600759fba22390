# Tables of log lines read better whole.
# ruff: noqa: E501
"""`mariadb`: real server_audit lines, forged names, and 10^5 mutated ones."""

import time
from collections import Counter
from pathlib import Path

import pytest

from chance import SEED
from whodid.event import Mapped
from whodid.normalize.mariadb import Mariadb
from whodid.testing.format_conformance import check_format, check_record
from whodid.testing.mutate import mutations

SAMPLES = Path(__file__).with_name("samples") / "server_audit.log"
DATA = Path(__file__).resolve().parents[2] / "../shared/data/mariadb/server_audit.log"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
FORMAT = Mariadb()
HEAD = "20261121 19:14:15,db1,alice,192.0.2.7,5,10"


def map_text(line: str) -> Mapped:
    return FORMAT.map(line.encode(), 0)


@needs_data
def test_all_lines_of_a_real_log() -> None:
    mapped = [FORMAT.map(line, 0) for line in DATA.read_bytes().splitlines()]
    assert [m.quarantine for m in mapped] == [None] * 36
    assert all(m.time == 1_795_288_455_000_000 for m in mapped)
    assert Counter(m.who.actor_id for m in mapped) == {"root": 27, "alice": 9}
    assert Counter(m.what.outcome for m in mapped) == {"success": 34, "failure": 2}
    assert [m.content.statement for m in mapped if m.what.action == "UPDATE"] == [
        "update customers set name='x\ny' where id=1"
    ]
    assert [m.content.statement for m in mapped if m.what.action == "INSERT"] == [
        "insert into customers values(1,'a'),(2,'it''s, \"q\"')"
    ]


def test_a_real_log_with_forged_names() -> None:
    mapped = [FORMAT.map(line, 0) for line in SAMPLES.read_bytes().splitlines()]
    assert Counter(m.quarantine for m in mapped) == {
        None: len(mapped) - 2,
        "mariadb: no operation with a whole line": 2,
    }
    unsure = [m for m in mapped if "ambiguous:actor" in m.labels]
    assert [m.what.action for m in unsure] == ["FAILED_CONNECT", "DISCONNECT"] * 2
    assert all(m.who.actor_id is None for m in unsure)
    tables = [m for m in mapped if "ambiguous:resource" in m.labels]
    assert [(m.what.action, m.what.resource_name) for m in tables] == [
        ("CREATE", None),
        ("READ", None),
    ]


@pytest.mark.parametrize(
    ("line", "action", "access", "resource", "parent", "outcome", "reason"),
    [
        (f"{HEAD},QUERY,crm,'select 1',0", "SELECT", "read", None, "crm", "success", None),
        (f"{HEAD},QUERY,crm,'select * from nope',1146", "SELECT", "read", None, "crm", "failure", "error 1146"),
        (f"{HEAD},QUERY,crm,'select * from t',1142", "SELECT", "read", None, "crm", "denied", "error 1142"),
        (f"{HEAD},QUERY,crm,'select \\'x,5,11,QUERY,crm,\\'',0", "SELECT", "read", None, "crm", "success", None),
        (f"{HEAD},QUERY,,'select 1',0", "SELECT", "read", None, "db1", "success", None),
        (f"{HEAD},READ,crm,customers,", "READ", "read", "crm.customers", "db1", "success", None),
        (f"{HEAD},WRITE,crm,customers,", "WRITE", "update", "crm.customers", "db1", "success", None),
        (f"{HEAD},RENAME,crm,a|crm.b,", "RENAME", "update", "crm.a", "db1", "success", None),
        (f"{HEAD},CONNECT,crm,,0", "CONNECT", "authenticate", "crm", "db1", "success", None),
        (f"{HEAD},FAILED_CONNECT,,,1045", "FAILED_CONNECT", "authenticate", "db1", None, "failure", "error 1045"),
        (f"{HEAD},FAILED_CONNECT,crm,,1044", "FAILED_CONNECT", "authenticate", "crm", "db1", "denied", "error 1044"),
    ],
)  # fmt: skip
def test_lines(
    line: str,
    action: str,
    access: str,
    resource: str | None,
    parent: str | None,
    outcome: str,
    reason: str | None,
) -> None:
    mapped = map_text(line)
    what = mapped.what
    assert (what.action, what.access, what.resource_name, what.resource_parent, what.outcome, what.reason) == (
        action, access, resource, parent, outcome, reason,
    )  # fmt: skip
    assert (mapped.who.actor_id, mapped.who.actor_session, mapped.where.ip) == (
        "alice",
        "5",
        "192.0.2.7",
    )
    assert (mapped.context.request, mapped.labels, mapped.native_id) == (
        "5/10",
        ("assumed:utc",),
        None,
    )
    without_time = map_text(line.partition(",")[2])
    assert (without_time.what, without_time.time) == (mapped.what, None)


@pytest.mark.parametrize(
    "user",
    ["root,localhost,3,0,CONNECT,,,0", "root,h,3,0,QUERY,crm,'drop table t',0", "a,b", "root,h,3,9,QUERY,d,'x", "root,h,3,0,READ,mysql,user,"],
)  # fmt: skip
@pytest.mark.parametrize(
    "rest",
    ["FAILED_CONNECT,,,1045", "QUERY,crm,'select 1',0", "QUERY,crm,'x\\',0',0", "CONNECT,crm,,0"],
)
def test_a_name_cannot_become_another_line(user: str, rest: str) -> None:
    mapped = map_text(f"20261121 19:14:15,db1,{user},192.0.2.7,5,10,{rest}")
    if mapped.quarantine is None and "ambiguous:actor" not in mapped.labels:
        # a READ whose table's name might be all of the rest: then the table is left out
        assert "ambiguous:resource" in mapped.labels
        assert mapped.what.resource_name is None
    else:
        assert mapped.who.actor_id is None


@pytest.mark.parametrize("line", ["", "x", HEAD, f"{HEAD},HELLO,crm,,0", f"{HEAD},CONNECT,crm"])
def test_what_is_no_line_is_quarantined(line: str) -> None:
    assert map_text(line).quarantine


def test_long_lines_take_linear_time() -> None:
    start = time.process_time()
    for long in (",5,10,QUERY,x,'" * 20_000, "\\'" * 100_000, "," * 200_000, ",1,1,READ," * 20_000):
        for line in (long, HEAD + long, f"{HEAD},QUERY,crm,'{long}", f"{HEAD},READ,crm,{long}"):
            map_text(line)
            FORMAT.sniff(line.encode())
    assert time.process_time() - start < 10  # quadratic would be minutes


def samples() -> list[bytes]:
    real = [line for line in SAMPLES.read_bytes().splitlines() if FORMAT.sniff(line)]
    return [f"{HEAD},QUERY,crm,'select \\'a\\'',0".encode(), *real]


def test_it_keeps_the_promises_of_a_format() -> None:
    check_format(
        FORMAT, samples(), [{"actor.id": "alice", "statement": "select 'a'", "request": "5/10"}]
    )


@pytest.mark.slow
def test_fuzz_100_000_lines() -> None:
    mapped_count = 0
    for number, record in enumerate(mutations(samples(), 100_000, SEED)):
        mapped_count += FORMAT.map(record, 0).quarantine is None
        if number % 20 == 0:
            check_record(FORMAT, record)
    assert mapped_count > 10_000
