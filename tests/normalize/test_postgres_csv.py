# Tables of log lines read better whole.
# ruff: noqa: E501
"""`postgres-csv`: real csvlogs beside the jsonlog of the same server, tricky records, and 10^5 mutated ones."""

import io
from pathlib import Path

import pytest

from chance import SEED
from whodid.normalize.postgres import Postgres
from whodid.normalize.postgres_csv import PostgresCsv, begins_surely
from whodid.sources.file import read_file
from whodid.testing.format_conformance import check_format, check_record
from whodid.testing.mutate import mutations

SAMPLES = Path(__file__).with_name("samples")
DATA = Path(__file__).resolve().parents[2] / "../shared/data/postgres"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
FORMAT = PostgresCsv()

START = '2026-11-21 19:13:39.555 UTC,"alice","crm",29509,"192.0.2.7:37562",6b01ed63.7345,5,"SELECT",2026-11-21 19:13:39 UTC,3/5,0,'
END = ',,,,,,,,,"crm app","client backend",,-77'


def records(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return [
        record for chunk in read_file(io.BytesIO(data), path.name, None) for record in chunk.records
    ]


@pytest.mark.parametrize(
    ("folder", "name", "count"),
    [(SAMPLES, "postgresql", 87), pytest.param(DATA, "pg", 62, marks=needs_data)],
)
def test_a_csvlog_gives_the_events_of_its_jsonlog(folder: Path, name: str, count: int) -> None:
    of_json = [Postgres().map(line, 0) for line in records(folder / f"{name}.json")]
    of_csv = [FORMAT.map(record, 0) for record in records(folder / f"{name}.csv")]
    assert len(of_csv) == count
    assert of_csv == of_json
    assert all(mapped.quarantine is None for mapped in of_csv)


def test_a_whole_record() -> None:
    mapped = FORMAT.map(
        (START + 'LOG,00000,"AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.t,""select \'a,""""b""""\'\n from t"",<none>,3"' + END).encode(), 0
    )  # fmt: skip
    assert (mapped.who.actor_id, mapped.who.actor_session) == ("alice", "6b01ed63.7345")
    assert (mapped.what.action, mapped.what.access, mapped.what.outcome) == (
        "SELECT",
        "read",
        "success",
    )
    assert (mapped.what.resource_name, mapped.what.resource_parent) == ("public.t", "crm")
    assert (mapped.what.rows, mapped.content.statement) == (3, "select 'a,\"b\"'\n from t")
    assert (mapped.where.ip, mapped.where.port, mapped.where.agent) == (
        "192.0.2.7",
        37562,
        "crm app",
    )
    assert (mapped.native_id, mapped.seq, mapped.native_seq) == ("6b01ed63.7345/5", 5, True)
    assert mapped.labels == ("query_id:-77",)


@pytest.mark.parametrize(
    ("peer", "ip", "host", "port"),
    [
        ('"192.0.2.7:37562"', "192.0.2.7", None, 37562), ('"2001:db8::1:37562"', "2001:db8::1", None, 37562),
        ('"[local]"', None, "[local]", None), ('"db-client.example.org:1"', None, "db-client.example.org", 1),
        ('"192.0.2.7"', "192.0.2.7", None, None), ("", None, None, None),
    ],
)  # fmt: skip
def test_where_from(peer: str, ip: str | None, host: str | None, port: int | None) -> None:
    record = START.replace('"192.0.2.7:37562"', peer) + 'LOG,00000,"x",,,,,,,,,"",'
    where = FORMAT.map(record.encode(), 0).where
    assert (where.ip, where.host, where.port) == (ip, host, port)


def test_a_user_cannot_end_a_field() -> None:
    user = 'x"",""crm"",1,""10.0.0.1:1"",1.1,1,""idle""'  # as the server writes the name `x","crm",1,…`
    mapped = FORMAT.map((START.replace('"alice"', f'"{user}"') + 'LOG,00000,"x"' + END).encode(), 0)
    assert mapped.who.actor_id == user.replace('""', '"')
    assert (mapped.where.ip, mapped.native_id) == ("192.0.2.7", "6b01ed63.7345/5")


def test_records_of_older_servers() -> None:
    of_12 = FORMAT.map(
        (
            START + 'ERROR,42501,"permission denied for table t",,,,,,"select * from t",15,,"psql"'
        ).encode(),
        0,
    )
    assert (of_12.what.outcome, of_12.what.resource_name, of_12.where.agent) == (
        "denied",
        "t",
        "psql",
    )
    of_8 = FORMAT.map((START + 'LOG,00000,"x",,,,,,,,').encode(), 0)
    assert (of_8.quarantine, of_8.where.agent) == (None, None)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (START + 'LOG,00000,"open', "quote"),
        (START + 'LOG,00000,"a"b"' + END, "quote"),
        (START + "LOG,00000", "13 columns"),
        ("", "1 columns"),
        ("," * 25, "no severity"),
    ],
)
def test_what_is_no_record_is_quarantined(record: str, words: str) -> None:
    assert words in (FORMAT.map(record.encode(), 0).quarantine or "")


def test_only_the_server_writes_a_sure_beginning() -> None:
    genuine = START + 'LOG,00000,"statement: x"' + END
    assert begins_surely(genuine.encode())
    assert begins_surely((START + 'LOG,00000,"""quoted"" first"' + END).encode())
    for forged in (genuine, START + "LOG,00000,", START + 'LOG,00000,"', START + 'LOG,00000,"""x'):
        quoted = forged.replace('"', '""')  # as it stands in a statement
        for end in ("", '"', '",,,,,,,,,"psql","client backend",,0'):
            assert not begins_surely((quoted + end).encode()), quoted + end


def samples() -> list[bytes]:
    own = [
        START + 'LOG,00000,"statement: select ""a"",1\nfrom t"' + END,
        START + 'FATAL,28P01,"x"' + END,
    ]
    return [line.encode() for line in own] + records(SAMPLES / "postgresql.csv")


def test_it_keeps_the_promises_of_a_format() -> None:
    check_format(FORMAT, samples(), [{"actor.id": "alice", "statement": 'select "a",1\nfrom t'}])


@pytest.mark.slow
def test_fuzz_100_000_records() -> None:
    mapped_count = 0
    for number, record in enumerate(mutations(samples(), 100_000, SEED)):
        mapped_count += FORMAT.map(record, 0).quarantine is None
        if number % 20 == 0:
            check_record(FORMAT, record)
    assert mapped_count > 10_000
