"""`/v1/sql`: how it is asked, how its answer is written, and how many run at once."""

import pytest

from whodid.app.sql.frames import Reply
from whodid.errors import QueryError, UsageError

SQL = "select actor_id, count(*) n from events group by 1"
HEAD = {"Content-Type": "application/json"}


def test_get(server):
    answer = server.get("/v1/sql", params={"sql": SQL, "q": "actor:alice", "own": "1"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "columns": [{"name": "actor_id", "type": "VARCHAR"}, {"name": "n", "type": "BIGINT"}],
        "rows": [["alice", 3], [None, 4]], "more": True, "events": 24, "hidden_own": 1,
        "checkpoint": "note", "size": 9, "warnings": ["a warning"], "newer": None,
        "meant": None,
    }  # fmt: skip
    name, _, *given = server.reading.calls[-1]
    assert (name, given) == ("sql", [SQL, "actor:alice", True, None])
    assert server.reading.engine.ended


def test_as_of_a_size_of_the_log(server):
    document = server.get("/v1/sql", params={"sql": SQL, "at": "7"}).json()
    assert (document["size"], document["newer"]) == (7, 2)
    document = server.get("/v1/sql", method="POST", json={"sql": SQL, "at": 7}).json()
    assert (document["size"], document["newer"]) == (7, 2)
    assert [call[2:] for call in server.reading.calls] == [(SQL, "", False, 7)] * 2
    for at in ("0", "-1", "x", "1.5"):
        assert server.get("/v1/sql", params={"sql": SQL, "at": at}).status_code == 400
    for at in (0, -1, "7", 1.5, 2**63):
        refused = server.get("/v1/sql", method="POST", json={"sql": SQL, "at": at})
        assert refused.status_code == 400


def test_post(server):
    answer = server.get("/v1/sql", method="POST", json={"sql": SQL})
    assert answer.json()["rows"] == [["alice", 3], [None, 4]]
    assert server.reading.calls[-1][2:] == (SQL, "", False, None)
    for body, reason in (
        ({"q": "x"}, "JSON object of sql, q, own"), ({"sql": SQL, "limit": 3}, "sql, q, own"),
        ([SQL], "sql, q, own"),
    ):  # fmt: skip
        refused = server.get("/v1/sql", method="POST", json=body)
        assert refused.status_code == 400
        assert reason in refused.json()["error"]["message"]
    assert server.get("/v1/sql", method="POST", content=SQL).status_code == 400


def test_no_rows(server):
    server.reading.replies = [Reply(columns=[("n", "BIGINT")]), Reply(end=True)]
    answer = server.get("/v1/sql", params={"sql": SQL}).json()
    assert (answer["rows"], answer["more"]) == ([], False)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [(QueryError("syntax error at 3", 3), 400, "query"), (UsageError("too much"), 400, "usage")],
)
def test_errors_before_there_are_rows(server, fault, status, code):
    server.reading.fault = fault
    answer = server.get("/v1/sql", params={"sql": SQL})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    server.reading.fault = None
    server.reading.replies = [Reply(columns=[]), fault]
    assert server.get("/v1/sql", params={"sql": SQL}).status_code == status
    assert server.get("/v1/sql").json()["error"]["message"].startswith("Say what to ask")


def test_what_goes_wrong_behind_the_first_rows_breaks_it_off(server):
    server.reading.replies.insert(2, UsageError("the SQL took more than 20 s"))
    with pytest.raises(UsageError):
        server.get("/v1/sql", params={"sql": SQL})
    assert server.reading.engine.ended
    server.reading.replies = [Reply(columns=[]), Reply(end=True)]
    assert server.get("/v1/sql", params={"sql": SQL}).status_code == 200


def test_a_few_at_once(server, monkeypatch):
    monkeypatch.setattr("whodid.api.sql.SQL_RUNS_MAX", 0)
    refused = server.get("/v1/sql", params={"sql": SQL})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert server.reading.calls == []


def test_it_needs_a_reader(server):
    assert server.get("/v1/sql", params={"sql": SQL}, token="").status_code == 401
