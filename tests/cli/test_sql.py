"""`whodid sql`: a table on a terminal, JSON, and errors with their place."""

import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def asked(shared):
    records = [
        {"id": f"q{n}", "userId": ("sally", "sa\x1b[2Jm")[n % 2], "action": "READ", "rows": n,
         "host": "sqlhost", "timestamp": f"2026-11-19T10:{n:02d}:00Z"}
        for n in range(10)
    ]  # fmt: skip
    shared.ingest(*records)
    return shared


SQL = "select actor_id, count(*) as n, sum(rows) from events group by all order by n, actor_id desc"


def test_on_a_terminal(asked):
    done = asked("sql", SQL, "--events", "host:sqlhost")
    head, first, second = done.stdout.rstrip().split("\n")
    assert head.split() == ["actor_id", "n", 'sum("rows")']
    assert first.split() == ["sally", "5", "20"]
    assert "\x1b[2J" not in done.stdout
    assert second.split()[-2:] == ["5", "25"]
    assert "2 rows, from 10 events, read at checkpoint" in done.stderr


def test_as_json(asked):
    document = asked.json("sql", "select max(time) from events", "--events", "host:sqlhost")
    assert document["rows"] == [["2026-11-19T10:09:00.000000Z"]]
    assert (document["events"], document["more"]) == (10, False)


def test_errors_point_at_the_place(asked):
    done = asked("sql", "select nobody from events", rc=2)
    line, caret, message, *_ = done.stderr.split("\n")
    assert caret.index("^") == line.index("nobody")
    assert "not found" in message
    done = asked("sql", "select getenv('HOME')", rc=2)
    assert "'getenv' is not allowed here" in done.stderr


def test_no_other_command_loads_the_engine():
    code = (
        "import sys\nfrom whodid.cli.main import COMMANDS\nfrom importlib import import_module\n"
        "for name in COMMANDS: import_module(f'whodid.cli.{name}_command')\n"
        "import whodid.api.make_api, whodid.web.make_web, whodid.serve.face_process\n"
        "print([n for n in ('duckdb', '_duckdb', 'pyarrow') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.strip() == "[]"
