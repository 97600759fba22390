"""Who looked, over HTTP."""

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
