"""`GET /v1/export`: a file that is whole, or ends in the midst."""

import csv
import io
import json

import pyarrow.parquet as pq
import pytest

from whodid.errors import IntegrityError


def test_json_lines(server):
    response = server.get("/v1/export", params={"q": "actor:alice", "own": "1"})
    assert response.status_code == 200
    [(name, caller, *asked)] = server.reading.calls
    assert (name, caller.name, asked) == ("export", "alice", ["actor:alice", True])
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.headers["content-disposition"].startswith('attachment; filename="whodid-')
    assert (response.headers["whodid-size"], response.headers["whodid-events"]) == ("10", "1")
    assert response.headers["cache-control"] == "no-store"
    [event] = [json.loads(line) for line in response.text.splitlines()]
    assert (event["actor.id"], event["raw"]) == ("alice", '{"userId":"alice"}')


def test_csv_and_ocsf(server):
    server.reading.more_pages = [server.reading.hits, []]
    response = server.get("/v1/export?format=csv")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [(row["actor.id"], row["rows"], row["ip"]) for row in rows] == [
        ("alice", "1204", "")
    ] * 2
    [event] = [json.loads(line) for line in server.get("/v1/export?format=ocsf").text.splitlines()][
        :1
    ]
    assert event["metadata"]["version"].startswith("1.")


def test_parquet(server):
    server.reading.more_pages = [server.reading.hits, []]
    response = server.get("/v1/export?format=parquet")
    assert response.headers["content-type"] == "application/vnd.apache.parquet"
    assert response.headers["content-disposition"].endswith('.parquet"')
    table = pq.read_table(io.BytesIO(response.content))
    assert table.column("actor_id").to_pylist() == ["alice"] * 2
    assert table.column("rows").to_pylist() == [1204] * 2


def test_what_is_asked_wrongly(server):
    for url in ("/v1/export?format=xls", "/v1/export?as=csv", "/v1/export?q=("):
        assert server.get(url).status_code == 400
    assert server.get("/v1/export", token="").status_code == 401
    assert server.get("/v1/export", method="HEAD").headers["content-disposition"]
    assert [name for name, *_ in server.reading.calls] == ["export"], "of the search that is none"


def test_an_error_behind_the_first_page_breaks_the_body(server):
    def pages():
        yield server.reading.hits
        raise IntegrityError("entry 7 is altered")

    server.reading.more_pages = pages()
    with pytest.raises(IntegrityError):
        server.get("/v1/export")


def test_rights_that_end_meanwhile_end_it(server):
    def pages():
        server.doorkeeper.users.set_rights("alice", filter_text="-source:hr")
        yield server.reading.hits

    server.reading.more_pages = pages()
    with pytest.raises(Exception, match="rights have changed"):
        server.get("/v1/export")


def test_few_at_once(server, monkeypatch):
    monkeypatch.setattr("whodid.api.export.EXPORTS_MAX", 0)
    response = server.get("/v1/export")
    assert response.status_code == 429
    assert response.headers["retry-after"] == "10"
