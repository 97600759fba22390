"""`GET /v1/search?prove=1`: the whole answer as one document."""

import json

import pytest

from whodid.app.answer_proof import KIND


def test_the_document_is_the_answer(server):
    response = server.get("/v1/search", params={"q": "actor:alice", "prove": "1", "own": "1"})
    assert response.status_code == 200
    [(name, caller, *asked)] = server.reading.calls
    assert (name, caller.name, asked) == ("prove", "alice", ["actor:alice", True])
    document = json.loads(response.text)
    assert (document["kind"], document["asked"]["to_us"]) == (KIND, 5)
    assert document["ranges"][0]["terms"][0]["entries"]["parts"]["3"]["of"] == "chunk"


@pytest.mark.parametrize("more", ["limit=5", "before=x", "as=ocsf"])
def test_it_has_no_pages_and_one_form(server, more):
    response = server.get(f"/v1/search?q=actor:alice&prove=1&{more}")
    assert response.status_code == 400
    assert "leave out" in response.json()["error"]["message"]


def test_what_has_no_proof_has_a_position(server):
    response = server.get("/v1/search", params={"q": "actor:alice alice", "prove": "1"})
    error = response.json()["error"]
    assert (response.status_code, error["position"]) == (400, 12)
    assert "a proof is of exact values" in error["message"]
