"""Who looked, and the place as a whole, over HTTP."""

import pytest


def test_who_looked_is_asked_as_given(server):
    response = server.get(
        "/v1/lookers", params={"q": "time:today", "of": "actor", "named": "bob", "limit": "5"}
    )
    document = response.json()
    assert server.reading.calls[0][0] == "lookers"
    assert server.reading.calls[0][2:] == ("time:today", "actor", "bob", 5, None)
    assert server.reading.calls[0][1].name == "alice"
    assert document["subject"] == {"kind": "actor", "value": "bob"}
    assert document["lookers"] == [
        {"actor": "alice", "acts": {"search": 2}, "looks": 2, "rows": 7, "denied": 1,
         "last": "2023-10-21T15:45:23.136000Z"}
    ]  # fmt: skip
    assert [event["id"] for event in document["looks"]] == ["0190-id"]


@pytest.mark.parametrize(
    "given", [{"named": "bob"}, {"limit": "0"}, {"own": "1"}, {"before": " "}, {"q": "("}]
)
def test_what_cannot_be_asked_of_the_lookers(server, given):
    assert server.get("/v1/lookers", params=given).status_code == 400


def test_the_place_as_a_whole(server):
    document = server.get("/v1/overview", params={"period": "day"}).json()
    assert server.reading.calls[0][0::2] == ("overview", "day")
    assert document["end"] == "2023-10-21T15:45:23.136000Z"
    assert document["start"] == document["end"].replace("-21T", "-20T")
    assert document["earlier_start"] == document["end"].replace("-21T", "-16T")
    [field] = document["fields"]
    assert field["new"] == {
        "total": 1, "rows": [{"values": ["alice"], "now": 3, "last": 2, "earlier": 1}]
    }  # fmt: skip
    assert document["refused"] == [{"actor": "alice", "outcome": "denied", "events": 1}]
    server.get("/v1/overview")
    assert server.reading.calls[1][2] == "week"
    assert server.get("/v1/overview", params={"period": "year"}).status_code == 400
    assert server.get("/v1/overview", params={"days": "3"}).status_code == 400
