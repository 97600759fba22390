"""SQL over the events: what it sees, what it may ask, and what hostile SQL costs."""

import json
import os
import re
import time
from pathlib import Path

import duckdb
import msgspec
import pytest

from whodid.app import querying
from whodid.app.answer import Caller
from whodid.app.reading import LedgerReading
from whodid.app.sql import child
from whodid.app.sql.allowed import FUNCTIONS
from whodid.app.sql.answer import sql_document
from whodid.app.sql.columns import table_of
from whodid.app.sql.engine import Engine
from whodid.errors import AccessDeniedError, LeftError, QueryError, RefusedError, UsageError
from whodid.limits import SQL_CHARS_MAX
from whodid.query.rights import EVERYTHING, NOTHING, rights
from whodid.sources.intake import Delivery

ALL = Caller("ada", "api", rights=EVERYTHING)
FEW = Caller("rita", "api", rights=rights("source:shop -resource:payroll", ["ip", "outcome"]))


def record(number):
    return {
        "id": f"e{number}", "userId": ("alice", "bob")[number % 2], "action": "READ",
        "resource": ("customers", "payroll", "orders")[number % 3], "rows": number * 10,
        "ip": f"10.0.0.{number % 4}", "timestamp": f"2026-11-17T10:{number:02d}:00Z",
        "status": ("SUCCESS", "DENIED")[number % 2],
    }  # fmt: skip


@pytest.fixture
def reading(directory, keys, port, clock, intake):
    for name in ("shop", "hr"):
        port.declare_source(name, "json", name)
        records = [msgspec.json.encode(record(n)) for n in range(12)]
        intake.accept(Delivery(name, records, clock()))
    reading = LedgerReading(directory, keys, port, clock)
    yield reading
    reading._reader.close()


def asked(reading, sql, text="", *, caller=ALL, own=False, at=None):
    """The document of an answer."""
    return json.loads(b"".join(sql_document(reading.sql(caller, sql, text, own=own, at=at))))


def rows(reading, sql, text="", **more):
    return asked(reading, sql, text, **more)["rows"]


def test_a_table_of_events(reading):
    document = asked(
        reading,
        "select actor_id, count(*) as n, sum(rows), max(time), avg(rows) from events "
        "where source = 'hr' group by all order by n, actor_id",
    )
    assert document["columns"] == [
        {"name": "actor_id", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"},
        {"name": 'sum("rows")', "type": "HUGEINT"}, {"name": 'max("time")', "type": "TIMESTAMP"},
        {"name": 'avg("rows")', "type": "DOUBLE"},
    ]  # fmt: skip
    assert document["rows"] == [
        ["alice", 6, 300, "2026-11-17T10:10:00.000000Z", 50.0],
        ["bob", 6, 360, "2026-11-17T10:11:00.000000Z", 60.0],
    ]
    assert (document["events"], document["more"], document["warnings"]) == (24, False, [])
    assert document["checkpoint"].count("\n") > 3


def test_the_events_of_a_search_only(reading):
    assert rows(reading, "select count(*) from events", "actor:alice rows:>50") == [[6]]
    assert rows(reading, "select count(*) from events", "payroll") == [[8]]
    with pytest.raises(QueryError, match="pipes are not answered"):
        asked(reading, "select 1", "| stats count()")


RECURSIVE = "with recursive r as (select 1 n union all"
NUMBERED = "row_number() over (partition by ip order by time)"


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("select 1", [[1]]),
        ("select 9223372036854775807::hugeint * 4, 1.5::decimal(4,2), 'nan'::double", [
            ["36893488147419103228", 1.5, "nan"]]),
        ("select [1, null], {'a': date '2026-01-02'}, null, true, interval 5 minutes", [
            [[1, None], {"a": "2026-01-02"}, None, True, "0:05:00"]]),
        (f"{RECURSIVE} select n + 1 from r where n < 4) select list(n) from r", [[[1, 2, 3, 4]]]),
        (f"select count(*) from (select *, {NUMBERED} k from events) where k = 1", [[4]]),
        ("select id is not null, message, len(native_id) > 0 from events limit 1", [
            [True, None, True]]),
        ("select resources, labels is null or len(labels) > 0 from events limit 1", [[None, True]]),
        ("from events select count(*) filter (outcome = 'denied')", [[12]]),
        ('select min("index") < max(index) from events', [[True]]),
        ("select * exclude (n) from (select 1 n, 2 m)", [[2]]),
    ],
)  # fmt: skip
def test_what_can_be_said(reading, sql, found):
    assert rows(reading, sql) == found


REFUSED = [
    ("", "one SELECT"), ("select 1; select 2", "one SELECT"), ("selct 1", "syntax error"),
    ("copy events to '/tmp/x'", "one SELECT"), ("attach '/tmp/x'", "one SELECT"),
    ("pragma database_list", "one SELECT"), ("install httpfs", "one SELECT"),
    ("load json", "one SELECT"), ("set threads = 8", "one SELECT"),
    ("create table x as select 1", "one SELECT"), ("drop table events", "one SELECT"),
    ("insert into events select * from events", "one SELECT"), ("explain select 1", "one SELECT"),
    ("export database '/tmp/x'", "one SELECT"), ("call pragma_version()", "one SELECT"),
    ("describe events", "not allowed"), ("show tables", "not allowed"),
    ("select getenv('HOME')", "'getenv' is not allowed"),
    ("select current_setting('threads')", "not allowed"),
    ("select * from read_csv('/etc/passwd')", "'read_csv' is no table"),
    ("select * from read_text('/etc/passwd')", "no table"),
    ("select * from read_parquet('https://evil.example/x')", "no table"),
    ("select * from '/etc/passwd'", "no table"),
    ("select * from glob('/*')", "no table"), ("select * from duckdb_settings()", "no table"),
    ("select * from duckdb_secrets()", "no table"), ("select * from query('select 1')", "no table"),
    ("select * from information_schema.tables", "no table"),
    ("select * from sqlite_master", "no table"), ("select * from pg_catalog.pg_tables", "no table"),
    ('with "/etc/passwd" as (select 1) select * from "/etc/passwd"', "letters, digits"),
    ("select * from system.main.events", "no table"),
    ("select (select content from read_text('/etc/passwd'))", "no table"),
    ("select 1 where exists (from read_blob('/etc/passwd'))", "no table"),
    ("select list_transform([1], lambda x: getenv('HOME'))", "not allowed"),
    ("select list_aggregate([1], 'sum')", "not allowed"), ("select repeat('x', 99)", "not allowed"),
    ("select range(10)", "not allowed"), ("select * from range(10)", "no table"),
    ("select nextval('x')", "not allowed"), ("select random()", "not allowed"),
    ("select count(*) over (order by getenv('x')) from events", "not allowed"),
    ("select main.lower('x')", "not allowed"), ("select ?", "not allowed"),
    ("select nothing from events", "not found"), ("select sum('x')", "sum"),
    ("select " + "(" * 3000 + "1" + ")" * 3000, "depth"),
    ("select 1" + "+1" * 5000, "depth"),
]  # fmt: skip


@pytest.fixture(scope="module")
def engine():
    """The engine of a child, in this process, over an empty table."""
    engine = child.connect(256 * 2**20)
    columns = [known.column for known in table_of(EVERYTHING).values()]
    empty = child._empty(columns)
    engine.register("events", empty)
    engine.execute("SET lock_configuration = true").fetchall()
    return engine


@pytest.mark.parametrize(("sql", "reason"), REFUSED, ids=[sql[:40] for sql, _ in REFUSED])
def test_what_cannot_be_said(engine, sql, reason):
    with pytest.raises((QueryError, duckdb.Error)) as caught:
        child.bind(engine, sql if child.parse(engine, sql) else "")
    said = str(caught.value)
    if isinstance(caught.value, duckdb.Error):
        said, _ = child.told(caught.value)
    assert re.search(reason, said)
    assert len(said) < 500


@pytest.mark.parametrize(
    ("sql", "reason"),
    [("select a\0b", "U\\+0000"), ("select '\ud800'", "U\\+D800"), ("  ", "write one SELECT"),
     ("select " + "1," * SQL_CHARS_MAX + "1", "at most 16,384"), REFUSED[12], REFUSED[17],
     ("select " + "(" * 3000 + "1" + ")" * 3000, "depth"), REFUSED[-3], REFUSED[-4]],
)  # fmt: skip
def test_what_is_refused_is_no_read(reading, sql, reason):
    with pytest.raises(QueryError, match=reason) as caught:
        reading.sql(ALL, sql)
    assert 0 <= caught.value.position <= len(sql)
    assert len(str(caught.value)) < 500
    assert not any(e.event.what.action == "sql" for e in reading.search(ALL, "", own=True).events)


@pytest.mark.parametrize(
    ("sql", "position"),
    [
        ("select é, acces from events", 10), ("select 1,\n  getenv('é')", 12),
        ("select 'é'\nfrom evnts", 16), ("selct 1", 0), ("select sum(1+2", 13),
    ],
)  # fmt: skip
def test_errors_have_a_place_in_characters(reading, sql, position):
    with pytest.raises(QueryError) as caught:
        reading.sql(ALL, sql)
    assert caught.value.position in {position, 7}
    assert f"at {caught.value.position}" in str(caught.value)


_WALLED = r"(?i)disabled|locked|not.*(allowed|found|exist)|permission"


def test_an_engine_without_the_list_reaches_nothing_either():
    """The second wall: what the list would have let through by mistake."""
    engine = child.connect(64 * 2**20)
    engine.execute("SET lock_configuration = true").fetchall()
    for sql in (
        "select * from read_csv('/etc/passwd')", "select * from '/etc/passwd'",
        "copy (select 1) to '/tmp/whodid-sql'", "attach '/tmp/whodid-sql.db'", "install httpfs",
        "load httpfs", "set threads = 4", "set enable_external_access = true",
        "select * from read_text('/etc/hostname')", "export database '/tmp/whodid-sql'",
        "select * from glob('/etc/*')", "set temp_directory = '/tmp'",
    ):  # fmt: skip
        with pytest.raises(Exception, match=_WALLED):
            engine.execute(sql).fetchall()


# --- rights and own events -----------------------------------------------------------------------


def test_denied_fields_are_no_columns_and_denied_rows_no_rows(reading):
    document = asked(reading, "select count(*), count(distinct source) from events", caller=FEW)
    assert document["rows"] == [[8, 1]]
    assert document["events"] == 8
    assert document["warnings"] == [
        "your rights show a part of the events; others are not counted",
        "withheld from you: ip, outcome, raw",
    ]
    names = [c["name"] for c in asked(reading, "select * from events", caller=FEW)["columns"]]
    assert {"ip", "outcome"}.isdisjoint(names)
    assert "payroll" not in json.dumps(asked(reading, "select * from events", caller=FEW))


@pytest.mark.parametrize(
    "sql",
    ["select ip from events", "select count(*) from events e where e.\"IP\" like '10%'",
     "select count(*) from events a join events b using (outcome)",
     "select 1 from events order by outcome"],
)  # fmt: skip
def test_a_denied_field_cannot_be_named_and_the_refusal_is_an_event(reading, sql):
    with pytest.raises(AccessDeniedError, match="withheld from you"):
        reading.sql(FEW, sql)
    own = reading.search(ALL, "service:whodid action:sql outcome:denied").events
    assert [(hit.event.who.actor_id, hit.event.content.statement) for hit in own] == [("rita", sql)]
    with pytest.raises(AccessDeniedError, match="reads no events"):
        reading.sql(Caller("nobody", "api", rights=NOTHING), "select 1")


def test_the_read_is_an_event_with_its_sql_in_the_content_only(reading):
    sql = "select 'a secret', count(*) from events"
    asked(reading, sql, "actor:alice")
    event = reading.search(ALL, "service:whodid action:sql").events[0].event
    assert event.content.statement == f"{sql}\n-- events: actor:alice"
    assert (event.who.actor_id, event.what.rows, event.what.access) == ("ada", 12, "read")
    assert "secret" not in str((event.what, event.who, event.where, event.context))


def test_no_answer_when_the_read_cannot_be_recorded(reading, monkeypatch):
    def refuse(*_args):
        raise RefusedError("the disk is full")

    monkeypatch.setattr(reading._own, "write", refuse)
    with pytest.raises(RefusedError, match="disk is full"):
        reading.sql(ALL, "select 1")
    assert _children() == []


def test_own_events_are_hidden_until_they_are_asked_for(reading):
    reading.search(ALL, "x")
    found = asked(reading, "select count(*) from events")
    assert (found["rows"], found["hidden_own"]) == ([[24]], 1)
    assert rows(reading, "select count(*) > 24 from events", own=True) == [[True]]
    assert rows(reading, "select distinct service_name from events", "service:whodid") == [
        ["whodid"]
    ]


# --- bounds --------------------------------------------------------------------------------------

RUNS = "events a, events b, events c, events d, events e, events f, events g"
NESTED = """
    with a as (select 1 x from (values (1), (2), (3), (4)) t(x)),
    b as (select 1 x from a, a a1, a a2, a a3, a a4), c as (select 1 x from b, b b1, b b2),
    d as (select count(*) n from c, c c1) select n from d
"""
BOMBS = {
    "recursive": f"{RECURSIVE} select n + 1 from r) select count(*) from r",
    "cross": f"select sum(a.index * b.rows - c.port) from {RUNS}",
    "nested": NESTED,
    "hashes": f"select count(*) from {RUNS} where md5(a.id || b.id || c.id || g.id) = 'x'",
}
GROWING = (
    "with recursive r as (select {0} s, 1 n union all select s || s, n + 1 from r where n < 40)"
)
LARGE = {
    "text": GROWING.format("'x'") + " select max(len(s)) from r",
    "list": GROWING.format("[1]") + " select s from r",
    "group": f"select list(a.id || b.id || c.id) from {RUNS}",
}


def _children():
    """The processes of the engine that are still there."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"whodid.app.sql.child" in (folder / "cmdline").read_bytes():
                stat = (folder / "stat").read_text()
                if int(stat.rsplit(")", 1)[1].split()[1]) == os.getpid():
                    found.append(folder.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end(reading, monkeypatch, name):
    monkeypatch.setattr(querying, "SQL_SECONDS_MAX", 1.0)
    with pytest.raises(UsageError, match=r"more than 1 s|of memory|ended"):
        asked(reading, BOMBS[name])
    assert _children() == []
    assert rows(reading, "select 1") == [[1]]


@pytest.mark.parametrize("name", LARGE)
def test_memory_is_bounded(reading, monkeypatch, name):
    monkeypatch.setattr(querying, "SQL_MEMORY_BYTES_MAX", 64 * 2**20)
    monkeypatch.setattr(querying, "SQL_SECONDS_MAX", 10.0)
    with pytest.raises(UsageError, match=r"memory|ended|more than 10 s"):
        asked(reading, LARGE[name])
    assert _children() == []


def test_an_answer_has_so_many_rows_and_bytes(reading, monkeypatch):
    many = "select a.index from events a, events b, events c"
    monkeypatch.setattr(querying, "SQL_ANSWER_ROWS_MAX", 700)
    found = asked(reading, many)
    assert (len(found["rows"]), found["more"]) == (700, True)
    found = asked(reading, f"select * from ({many}) limit 700")
    assert (len(found["rows"]), found["more"]) == (700, False)
    monkeypatch.setattr(querying, "SQL_ANSWER_ROWS_MAX", 10**6)
    monkeypatch.setattr(querying, "SQL_ANSWER_BYTES_MAX", 5000)
    found = asked(reading, many)
    assert found["more"]
    assert len(json.dumps(found["rows"])) < 6000


def test_as_of_a_size_of_the_log(reading, intake, clock):
    sizes = [reading.durable]
    whole = [asked(reading, PINNED, at=sizes[0])]
    for number in range(3):
        intake.accept(Delivery("shop", [msgspec.json.encode(record(20 + number))], clock()))
        sizes.append(reading.durable)
        whole.append(asked(reading, PINNED, at=sizes[-1]))
    for size, before in zip(sizes, whole, strict=True):
        again = asked(reading, PINNED, at=size)
        assert again["rows"] == before["rows"]
        assert (again["size"], again["events"]) == (size, before["events"])
        assert again["checkpoint"] == before["checkpoint"]
        assert again["checkpoint"].split("\n")[1] == str(size)
        assert again["newer"] == reading.durable - size - 1  # its own event comes after
        opened = "select count(message), count(*) from events"
        assert asked(reading, opened, at=size)["rows"][0][1] == before["events"]
    assert [one["events"] for one in whole] == [24, 25, 26, 27]
    assert whole[0]["newer"] == 0
    assert asked(reading, "select 1")["newer"] is None
    with pytest.raises(UsageError, match="there is no head of"):
        reading.sql(ALL, "select 1", at=10**6)


PINNED = "select actor_id, count(*), max(index) from events group by 1 order by 1"


def test_as_of_a_size_the_clock_stands_still(reading, intake, clock):
    size = reading.durable
    last = reading._reader.row(size - 1).leaf().appended_us
    clocks = "now() get_current_timestamp() current_timestamp"
    for expression in clocks.split():
        sql = f"select epoch_us({expression})"
        assert rows(reading, sql, at=size) == [[last]], expression
        assert rows(reading, sql) != [[last]]
    for expression in ("current_date", "today()"):
        sql = f"select epoch_us({expression})"
        assert rows(reading, sql, at=size) == [[last // 86_400_000_000 * 86_400_000_000]]
    assert rows(reading, "select age(time, time) from events limit 1", at=size)
    with pytest.raises(QueryError, match="age takes two times"):
        asked(reading, "select age(time) from events", at=size)
    for word in ("localtimestamp", "LocalTime", "current_time"):
        assert rows(reading, f"select {word}")
        with pytest.raises(QueryError, match="tells the time, not"):
            reading.sql(ALL, f"select {word}", at=size)
    found = asked(reading, "select count(*) from events", "received:[now-1d TO now]", at=size)
    assert found["rows"] == [[found["events"]]]


def test_too_many_events_to_open_or_to_look_at(reading, monkeypatch):
    monkeypatch.setattr(querying, "SQL_OPENED_ROWS_MAX", 10)
    with pytest.raises(UsageError, match="message can only be read by opening"):
        reading.sql(ALL, "select message from events")
    assert len(rows(reading, "select message from events", "actor:alice source:hr")) == 6
    monkeypatch.setattr("whodid.index.extract._OPENED_AT_ONCE", 2)
    few = "select native_id, actor_id, rows, resources from events"
    assert [row[1] for row in rows(reading, few, "source:hr rows:<100")] == ["alice", "bob"] * 5
    monkeypatch.setattr(querying, "SQL_ROWS_MAX", 20)
    with pytest.raises(UsageError, match="24 events are more than 20"):
        reading.sql(ALL, "select actor_id from events")
    monkeypatch.setattr("whodid.app.sql.engine.SQL_TABLE_BYTES_MAX", 10)
    with pytest.raises(UsageError, match="MiB of columns"):
        reading.sql(ALL, "select ip from events", "actor:alice")
    assert _children() == []


def test_whoever_left_ends_it(reading):
    caller = msgspec.structs.replace(ALL, left=lambda: time.monotonic() > end)
    end = time.monotonic() + 1.5
    with pytest.raises(LeftError):
        asked(reading, BOMBS["recursive"], caller=caller)
    assert _children() == []


def test_an_answer_that_nobody_takes_ends_its_engine(reading):
    answer = reading.sql(ALL, "select a.index from events a, events b, events c, events d")
    assert len(_children()) == 1
    del answer
    assert _children() == []


def test_a_crash_of_the_engine_is_an_error(reading, monkeypatch):
    monkeypatch.setattr(
        "whodid.app.sql.engine._MODULE", "whodid.errors"
    )  # a process that ends without a word
    with pytest.raises(RefusedError, match="did not answer"):
        reading.sql(ALL, "select 1")
    monkeypatch.setattr("whodid.app.sql.engine._MODULE", "no.such.module")
    with pytest.raises(UsageError, match="ended \\(code 1\\)"):
        reading.sql(ALL, "select 1")


def test_the_child_is_given_nothing(reading, monkeypatch):
    monkeypatch.setenv("WHODID_TOKEN", "secret")
    seen = []
    popen = Engine.__init__.__globals__["subprocess"].Popen

    def spy(*args, **options):
        seen.append(options)
        return popen(*args, **options)

    monkeypatch.setattr("whodid.app.sql.engine.subprocess.Popen", spy)
    rows(reading, "select 1")
    assert set(seen[0]["env"]) == {"PATH", "TZ"}
    assert seen[0]["cwd"] == "/"


WINDOWS = {
    "row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead",
    "first_value", "last_value", "nth_value",
}  # fmt: skip
SYNTAX = {
    "nullif",
    "if",
    "ifnull",
    "grouping",
    "grouping_id",
    "!~~",
    "!~~*",
    "current_date",
    "row",
    "unnest",
}


def test_the_list_names_functions_that_there_are_and_no_other_is_let_through(engine):
    found = engine.execute("select function_name, function_type from duckdb_functions()").fetchall()
    known = {name.lower() for name, kind in found if kind in {"scalar", "aggregate", "macro"}}
    assert len(known) > 400
    assert known >= FUNCTIONS - WINDOWS - SYNTAX
    assert {name.lower() for name, kind in found if kind == "table"} & FUNCTIONS <= {"unnest"}
    dangerous = re.compile(
        r"read|copy|file|env|setting|query|secret|nextval|random|uuid|sleep|write"
    )
    assert [name for name in FUNCTIONS if dangerous.search(name)] == []
    for name in sorted(known - FUNCTIONS):
        if name.isidentifier():
            with pytest.raises((QueryError, duckdb.ParserException)):
                child.parse(engine, f'select "{name}"(actor_id) from events')


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("username", "actor_id"), ("actor", "actor_id"), ("ressource_name", "resource_name"),
        ("status", "outcome"), ("xyzzy", None),
    ],
)  # fmt: skip
def test_a_name_that_is_no_column_is_told_what_was_meant(reading, name, meant):
    with pytest.raises(QueryError) as caught:
        asked(reading, f"select {name} from events")
    assert caught.value.suggestion == meant
    assert (f"did you mean {meant}?" in str(caught.value)) is (meant is not None)
