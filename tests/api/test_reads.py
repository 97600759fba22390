import base64
import threading

import pytest

from whodid.errors import IntegrityError, LedgerError, QueryError, RefusedError, StoppedError
from whodid.limits import PAGE_ROWS_MAX, QUERY_CHARS_MAX

SECURITY = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def test_search_answers_with_everything(server):
    response = server.get(
        "/v1/search", params={"q": "actor:alice", "limit": 7, "before": "n3xt", "own": "1"}
    )
    assert response.status_code == 200
    document = response.json()
    assert document["events"][0]["actor.id"] == "alice"
    assert document["events"][0]["time"] == "2023-10-21T15:45:23.136000Z"
    del document["events"]
    assert document == {
        "total": 1, "total_is_exact": True, "hidden_own": 2, "next": "n3xt",
        "checkpoint": "note", "size": 10, "warnings": ["a warning"], "clauses": [],
        "newer": None, "meant": None,
    }  # fmt: skip
    [(name, caller, *asked)] = server.reading.calls
    assert (name, asked) == ("search", ["actor:alice", 7, "n3xt", True])
    assert (caller.name, caller.face, caller.ip) == ("alice", "api", "10.0.0.1")
    assert caller.agent.startswith("python-httpx")
    assert SECURITY.items() <= response.headers.items()


def test_defaults_of_a_search(server):
    assert server.get("/v1/search").status_code == 200
    assert server.reading.calls[0][2:] == ("", 50, None, False)


def test_reads_run_in_a_thread(server):
    for path in ("/v1/search", "/v1/sources", "/v1/events/0190-id"):
        server.get(path)
    assert threading.get_ident() not in server.reading.threads


def test_one_event_its_proof_and_the_sources(server):
    assert server.get("/v1/events/0190-id").json()["id"] == "0190-id"
    document = server.get("/v1/events/0190-id/proof").json()
    assert document["id"] == "0190-id"
    assert base64.b64decode(document["proof"]["leaf"]) == b"leaf"
    assert server.get("/v1/sources").json()["sources"][0]["name"] == "crm"


def test_chains(server):
    text = "| sequence by actor [access:read] -> [access:read] within 5m"
    answer = server.get("/v1/search", params={"q": text, "limit": 3, "before": "A" * 22}).json()
    assert (answer["by"], answer["total"], answer["chains"]) == ("actor", 0, [])
    name, _, *given = server.reading.calls[-1]
    assert (name, given) == ("chains", [text, 3, "A" * 22, False])
    refused = server.get("/v1/search", params={"q": text, "as": "ocsf"})
    assert refused.status_code == 400
    assert "no form in OCSF" in refused.json()["error"]["message"]


def test_a_search_that_does_not_parse_says_where(server):
    response = server.get("/v1/search", params={"q": "actro:alice"})
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "query"
    assert isinstance(error["position"], int)
    assert error["suggestion"] == "actor"
    assert "others" not in error
    mistakes = server.get("/v1/search", params={"q": "actro:alice rows:x"}).json()["error"]
    assert [other["position"] for other in mistakes["others"]] == [17]
    assert "whole number" in mistakes["others"][0]["message"]
    server.reading.fault = QueryError("odd", 4, None)
    assert server.get("/v1/search").json() == {
        "error": {"code": "query", "message": "odd", "position": 4, "suggestion": None}
    }


@pytest.mark.parametrize("path", ["/v1/search", "/v1/histogram"])
def test_what_was_meant_by_what_does_not_parse(server, path):
    for text, meant in (
        ("(actro:alice", "(actor:alice)"), ("usr:alice AND", "user:alice"),
        ("rows:x actro:y", None),
    ):  # fmt: skip
        error = server.get(path, params={"q": text}).json()["error"]
        assert error.get("meant", {}).get("text") == meant, text


@pytest.mark.parametrize(
    "pipe", ["", " | stats count()", " | sequence by actor [rows:1] -> [rows:2] within 5m"]
)
def test_what_was_meant_by_what_other_languages_write(server, pipe):
    found = server.get("/v1/search", params={"q": f"user = alice{pipe}"}).json()
    assert found["meant"]["text"].startswith("user:alice")
    assert found["meant"]["reasons"]
    assert server.get("/v1/search", params={"q": f"actor:alice{pipe}"}).json()["meant"] is None


@pytest.mark.parametrize(
    ("fault", "status", "code", "retry_after"),
    [
        (RefusedError("full", 2.5), 503, "refused", "3"),
        (StoppedError("fsync failed"), 503, "stopped", None),
        (IntegrityError("altered"), 500, "integrity", None),
        (LedgerError("odd"), 500, "ledger", None),
        (ValueError("secret path /home/x"), 500, "internal", None),
    ],
)
def test_faults_have_their_status_and_give_no_content(server, fault, status, code, retry_after):
    server.reading.fault = fault
    response = server.get("/v1/search")
    assert response.status_code == status
    assert response.json()["error"]["code"] == code
    assert response.headers.get("retry-after") == retry_after
    assert "secret" not in response.text
    assert "events" not in response.json()
    assert SECURITY.items() <= response.headers.items()


@pytest.mark.parametrize(
    "query",
    [
        "query=x", "Q=x", "q=a&q=b", "limit=0", "limit=-1", "limit=x", "limit=1e3", "limit=٣",
        f"limit={PAGE_ROWS_MAX + 1}", "limit=" + "9" * 5000, "before=%00", "before=a%20b",
        "before=%C3%BC", "before=" + "x" * 300, "own=maybe", "own=%00",
        "q=" + "a" * (QUERY_CHARS_MAX + 1), "%00=1", "=", "limit=", "q=((((", 'q="', "q=%28",
        "q=%FF%FE", "q=a%ED%A0%80",
    ],
)  # fmt: skip
def test_parameters_that_mean_nothing_are_refused(server, query):
    response = server.get(f"/v1/search?{query}")
    assert response.status_code == 400
    assert response.json()["error"]["message"]


@pytest.mark.parametrize(
    "query",
    ["q=%00", "q=%EF%BF%BD", "q=" + "%F0%9F%92%A9" * 100, "q=%3Cscript%3E", "own=",
     "own=TRUE", "q=a&", "&&q=b", "q=%", "q=%zz", "before="],
)  # fmt: skip
def test_odd_text_is_text(server, query):
    assert server.get(f"/v1/search?{query}").status_code in {200, 400}


def test_a_close_name_is_suggested(server):
    response = server.get("/v1/search?limits=3")
    assert "did you mean limit?" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "event_id",
    ["other", "%00", "a%2Fb", "x" * 65, "%3Cb%3E", "a b", "é", "0190-id%00", "'--", "%F0%9F"],
)  # fmt: skip
def test_an_event_that_is_not_there(server, event_id):
    for path in (f"/v1/events/{event_id}", f"/v1/events/{event_id}/proof"):
        response = server.get(path)
        assert response.status_code == 404
        assert response.json()["error"]["code"] == "not_found"
    assert {call[2] for call in server.reading.calls} <= {"other"}


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/v1/", "/v1/search/x", "/ledger/demo/else", "/ledger/"]
)
def test_unknown_addresses_are_json_404(server, path):
    response = server.get(path)
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "QUERY"])
@pytest.mark.parametrize("path", ["/v1/search", "/healthz", "/v1/tail", "/ledger/demo/checkpoint"])
def test_other_methods_are_405(server, method, path):
    response = server.get(path, method=method)
    assert response.status_code == 405
    assert response.headers["allow"] == "GET, HEAD"
    assert "access-control-allow-origin" not in response.headers
    assert server.reading.calls == []


def test_too_many_at_once_are_told_to_come_back(server):
    server.routes[0].app._handlers["GET"].__self__._reads._free = 0
    response = server.get("/v1/search")
    assert response.status_code == 429
    assert response.headers["retry-after"] == "1"
    assert server.get("/healthz").status_code == 200


def test_a_search_as_ocsf(server):
    document = server.get("/v1/search", params={"as": "ocsf"}).json()
    [event] = document["events"]
    assert event["class_uid"] == event["type_uid"] // 100
    assert event["metadata"]["uid"] == "0190-id"
    assert document["total"] == 1
    assert server.get("/v1/search", params={"as": "cef"}).status_code == 400


def test_counting_reads(server):
    search = server.get("/v1/search?q=a|stats%20by%20(actor)&own=1")
    assert search.json()["rows"][0] == ["alice", "2023-10-21T15:45:23.136000Z", 1.5]
    assert server.get("/v1/search?q=|stats%20count()&before=x").status_code == 400
    assert server.get("/v1/histogram?q=a&buckets=7").json()["bucket"] == "1h"
    assert server.get("/v1/facets?q=a&fields=actor,%20rows&values=2").status_code == 200
    assert [call[0:1] + call[2:] for call in server.reading.calls] == [
        ("table", "a|stats by (actor)", True),
        ("histogram", "a", 7, False),
        ("facets", "a", ("actor", "rows"), 2, False),
    ]
    for query in ("histogram?buckets=0", "histogram?buckets=201", "histogram?limit=3",
                  "facets?values=101", "facets?field=x"):  # fmt: skip
        assert server.get(f"/v1/{query}").status_code == 400


def test_the_story_of_an_id(server):
    document = server.get("/v1/trace/corr%2F1%20a", params={"inferred": "0"}).json()
    [(name, _, *asked)] = server.reading.calls
    assert (name, asked) == ("trace", ["corr/1 a", False])
    assert document["steps"][0]["event"]["actor.id"] == "alice"
    assert document["gaps"] == [{"after": 0, "seconds": 90.0}]
    server.get("/v1/trace/x")
    assert server.reading.calls[1][3] is True
    assert server.get("/v1/trace/x", params={"stated": "1"}).status_code == 400


def test_a_profile(server):
    document = server.get("/v1/profile/resource/srv%2Fa%20b").json()
    [(name, _, *asked)] = server.reading.calls
    assert (name, asked) == ("profile", ["resource", "srv/a b"])
    assert document["heat"][3][0] == 3
    assert document["peers"] == [{"value": "bob", "shared": 2, "events": 7}]
    assert document["news"][0]["value"] == "10.0.0.9"
    assert server.get("/v1/profile/planet/earth").status_code == 404
    assert len(server.reading.calls) == 1


def test_a_search_as_of_a_size_of_the_log(server):
    document = server.get("/v1/search?q=a&at=7&limit=3&own=1").json()
    assert (document["size"], document["newer"]) == (7, 3)
    table = server.get("/v1/search?q=a|stats%20by%20(actor)&at=7").json()
    assert (table["rows"], table["newer"]) == ([["alice", 1]], 3)
    assert [call[0:1] + call[2:] for call in server.reading.calls] == [
        ("search_at", "a", 7, 3, None, True), ("table_at", "a|stats by (actor)", 7, False),
    ]  # fmt: skip
    chains = "a | sequence by actor [*] -> [*] within 5m"
    document = server.get("/v1/search", params={"q": chains, "at": 7, "limit": 2}).json()
    assert (document["size"], document["newer"]) == (7, 3)
    assert server.reading.calls[-1][0:1] + server.reading.calls[-1][2:] == (
        "chains_at", chains, 7, 2, None, False,
    )  # fmt: skip
    assert server.get("/v1/search").json()["newer"] is None
    for at in ("0", "-1", "x", "1.5", "9" * 16, "11"):
        assert server.get("/v1/search", params={"at": at}).status_code == 400, at
