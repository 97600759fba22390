"""Events over HTTP into a real server and found again, in the same second and at once."""

import concurrent.futures
import gzip
import json

import msgspec
import pytest
import zstandard

from running_server import wait_until

SAMPLE = (
    b'{"timestamp":"2023-10-21T15:45:23.136Z","userId":"john.doe@example.com",'
    b'"action":"FILE_UPLOAD","resource":"customer-records.csv","status":"SUCCESS"}'
)
RECORD = {"userId": "bob", "action": "READ", "resource": "customers", "status": "SUCCESS"}


def records(prefix, count):
    return [{**RECORD, "id": f"{prefix}-{number}"} for number in range(count)]


def test_the_articles_sample_as_it_is(source):
    answer = source.send(SAMPLE)
    assert set(answer) == {
        "accepted", "duplicate", "quarantined", "exactly_once", "first", "last", "checkpoint_size",
    }  # fmt: skip
    assert (answer["accepted"], answer["exactly_once"]) == (1, False)
    assert answer["last"] == answer["first"] == answer["checkpoint_size"] - 1
    [event] = source.search("actor:john.doe@example.com")["events"]
    assert event["sentence"] == "john.doe@example.com uploaded customer-records.csv"
    assert event["raw"].encode() == SAMPLE
    assert event["index"] == answer["first"]


def test_every_shape_and_coding(source):
    made = records("shape", 6)
    lines = b"\n".join(map(msgspec.json.encode, made))  # as httpx writes them
    assert source.send(made[0])["accepted"] == 1
    assert source.send(made)["accepted"] == 5
    assert source.send(lines)["duplicate"] == 6
    assert source.send(gzip.compress(lines), Content_Encoding="gzip")["duplicate"] == 6
    assert source.send(zstandard.compress(lines), Content_Encoding="zstd")["duplicate"] == 6
    assert source.search("actor:bob resource:customers")["total"] == 6


def test_what_is_acknowledged_is_found_by_the_very_next_search(source):
    for number in range(10):
        source.send({**RECORD, "id": f"now-{number}", "userId": f"now{number}"})
        assert source.search(f"actor:now{number}")["total"] == 1


def test_conflicts_are_both_kept(source):
    source.send({**RECORD, "id": "c", "userId": "carol"})
    answer = source.send({**RECORD, "id": "c", "userId": "carol", "status": "DENIED"})
    assert (answer["accepted"], answer["duplicate"]) == (1, 0)
    events = source.search("actor:carol")["events"]
    assert {event["outcome"] for event in events} == {"success", "denied"}
    assert ["conflict" in event["flags"] for event in events] == [True, False]


def test_an_idempotency_key_makes_a_request_count_once(source):
    body = [{**RECORD, "userId": "ida"}, {**RECORD, "userId": "ida"}]
    first = source.send(body, Idempotency_Key="k1")
    assert (first["accepted"], first["exactly_once"]) == (2, True)
    assert source.send(body, Idempotency_Key="k1")["duplicate"] == 2
    assert source.send(body, Idempotency_Key="k2")["accepted"] == 2
    again = source.send(body)
    assert (again["accepted"], again["exactly_once"]) == (2, False)
    assert source.search("actor:ida")["total"] == 6
    for key in ("", "x" * 256):
        source.send(body, rc=400, Idempotency_Key=key)


def test_many_writers_at_once_that_send_everything_twice(source):
    batches = [records(f"w{writer}", 50) for writer in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(source.send, batches * 2))
    assert sum(answer["accepted"] for answer in answers) == 400
    assert sum(answer["duplicate"] for answer in answers) == 400


# --- who may -------------------------------------------------------------------------------------


def test_tokens(server, source, reader):
    with server.client() as nobody:
        for authorization in (None, "Bearer wrong", "Bearer", "Basic YTpi", "Bearer " + "x" * 9000):
            headers = {"Authorization": authorization} if authorization else {}
            answer = nobody.post("/v1/events", json=RECORD, headers=headers)
            assert answer.status_code == 401, authorization
            assert answer.headers["www-authenticate"] == "Bearer"
    assert reader.post("/v1/events", json=RECORD).status_code == 401, "a read token writes nothing"
    assert source.client.get("/v1/search").status_code == 403, "and a write token reads nothing"
    answer = source.client.post("/v1/events?source=whodid", json=RECORD)
    assert answer.status_code == 403


def test_a_revoked_token_writes_no_more(server, source):
    token = server.token("--source", source.name, "--name", "short-lived")
    [info] = [t for t in server.json("token", "list")["tokens"] if t["name"] == "short-lived"]
    with server.client(token) as client:
        assert client.post("/v1/events", json={**RECORD, "id": "r"}).status_code == 200
        server.run("token", "revoke", info["id"])
        wait_until(
            lambda: client.post("/v1/events", json={**RECORD, "id": "r"}).status_code == 401,
            "the doors know that the token is revoked",
        )


# --- bad input -----------------------------------------------------------------------------------

DEEP = b"[" * 100_000


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"   \n", {}, 400),
        (b"\0\xff\xfe rubbish", {}, 400),
        (b"{", {}, 400),
        (b'{"userId":"x"', {}, 400),
        (b'[{"userId":"x"},', {}, 400),
        (DEEP, {}, 400),
        (gzip.compress(SAMPLE)[:-9], {"Content_Encoding": "gzip"}, 400),
        (b"no gzip", {"Content_Encoding": "gzip"}, 400),
        (gzip.compress(b" " * 50_000_000), {"Content_Encoding": "gzip"}, 413),
        (SAMPLE, {"Content_Encoding": "br"}, 415),
        (b"[" + b"1," * 8_000_000 + b"1]", {}, 413),
    ],
)
def test_an_unreadable_request_is_refused_with_a_reason(source, body, headers, status):
    before = source.search()["total"]
    error = source.send(body, rc=status, **headers)["error"]
    assert error["code"]
    assert error["message"]
    assert source.search()["total"] == before


HARD = {
    "deep": b'{"userId":"hard","action":"READ","x":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "huge-int": b'{"userId":"hard","action":"READ","rows":' + b"9" * 400 + b"}",
    "int-64": b'{"userId":"hard","action":"READ","rows":18446744073709551616}',
    "nul": b'{"userId":"hard\\u0000","action":"RE\\u0000AD"}',
    "twice": b'{"userId":"hard","userId":"other","action":"READ"}',
    "utf-8": b'{"userId":"hard\xff\xfe","action":"READ"}',
    "surrogate": b'{"userId":"hard\\ud800","action":"READ"}',
    "year": b'{"userId":"hard","action":"READ","timestamp":"99999-01-01T00:00:00Z"}',
    "month": b'{"userId":"hard","action":"READ","timestamp":"2023-13-45T99:99:99Z"}',
    "long-ago": b'{"userId":"hard","action":"READ","timestamp":"0001-01-01T00:00:00Z"}',
    "nan": b'{"userId":"hard","action":"READ","rows":NaN}',
    "list": b'{"userId":["hard"],"action":{"a":1}}',
    "number": b"17",
    "string": b'"hard"',
    "null": b"null",
    "empty": b"{}",
    "long": b'{"userId":"hard","action":"' + b"x" * 300_000 + b'"}',
    "many": b"{" + b",".join(b'"k%d":%d' % (n, n) for n in range(20_000)) + b"}",
    "control": b'{"userId":"hard","action":"a\x01b"}',
    "hostile": b'{"userId":"<script>alert(1)</script>","action":"\\u001b[2J\\u202e"}',
}


@pytest.mark.parametrize("name", HARD)
def test_a_readable_record_is_never_refused_for_its_content(source, name):
    """In a line of its own between two good ones: those are stored, and so is it."""
    good = [json.dumps({**RECORD, "id": f"{name}-{side}"}).encode() for side in "ab"]
    answer = source.send(b"\n".join([good[0], HARD[name], good[1]]))
    assert answer["accepted"] + answer["quarantined"] == 3
    indexes = range(answer["first"], answer["last"] + 1)
    found = [e for e in source.search(limit=50)["events"] if e["index"] in indexes]
    assert len(found) == 3
    quarantined = [event for event in found if "quarantined" in event["flags"]]
    assert len(quarantined) == answer["quarantined"]
    for event in quarantined:
        assert event["quarantine"]
        shown = source.search("_quarantined:true", limit=100)["events"]
        assert event["id"] in {one["id"] for one in shown}


def test_nothing_of_all_this_broke_the_server_or_the_ledger(server, source):
    server.wait_ready()
    assert "Traceback" not in server.said()
    assert server.verified() == []
