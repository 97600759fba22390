"""Saved views over HTTP: whose they are, and that each change is an event first."""

import pytest

from whodid.errors import RefusedError


def post(server, path, **body):
    return server.get(f"/v1/views/{path}", method="POST", json=body)


def test_a_view_is_saved_shared_and_removed(server):
    saved = post(server, "save", name="Denials", query="outcome:denied", state="own=1").json()
    assert saved["mine"] is True
    assert (saved["name"], saved["query"], saved["state"], saved["shared"]) == (
        "Denials", "outcome:denied", "own=1", False,
    )  # fmt: skip
    changed = post(server, "change", id=saved["id"], name="All denials", shared=True).json()
    assert changed == {**saved, "name": "All denials", "shared": True}
    assert server.get("/v1/views").json() == {"views": [changed]}
    assert post(server, "remove", id=saved["id"]).json() == changed
    assert server.get("/v1/views").json() == {"views": []}
    assert [record[:3] for record in server.reading.records] == [
        ("alice", "save view", "Denials"), ("alice", "change view", "Denials"),
        ("alice", "list views", "views"), ("alice", "remove view", "All denials"),
        ("alice", "list views", "views"),
    ]  # fmt: skip


def test_another_ones_view(server):
    theirs = server.doorkeeper.views.save("bob", "Bob's", "actor:x", "", shared=True)
    [view] = server.get("/v1/views").json()["views"]
    assert (view["owner"], view["mine"]) == ("bob", False)
    assert post(server, "remove", id=theirs.id).status_code == 403
    assert post(server, "change", id=theirs.id, name="mine", shared=False).status_code == 403
    assert server.reading.records[1:] == [
        ("alice", "remove view", "Bob's", False), ("alice", "change view", "Bob's", False),
    ]  # fmt: skip
    assert server.doorkeeper.views.find(theirs.id, "bob").name == "Bob's"
    private = server.doorkeeper.views.save("bob", "secret", "actor:y", "", shared=False)
    answer = post(server, "remove", id=private.id)
    assert answer.status_code == 400
    assert "secret" not in answer.text


def test_what_is_not_recorded_is_not_done(server):
    server.reading.fault = RefusedError("no")
    assert post(server, "save", name="x", query="").status_code == 503
    server.reading.fault = None
    assert server.get("/v1/views").json() == {"views": []}


@pytest.mark.parametrize(
    "body",
    [{}, {"name": "", "query": ""}, {"name": "x"}, {"name": "x", "query": "", "more": 1},
     {"name": "x", "query": "y" * 20_000}, {"name": "x", "query": "", "shared": "yes"}],
)  # fmt: skip
def test_what_cannot_be_saved(server, body):
    assert post(server, "save", **body).status_code == 400
    assert server.reading.records == []


def test_no_form_and_no_cookie_of_a_foreign_page_saves(server):
    session = server.doorkeeper.sessions.open(server.user)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {}):
        answer = server.get(
            "/v1/views/save", method="POST", token="", cookies={"whodid_session": session},
            json={"name": "x", "query": ""}, headers=headers,
        )  # fmt: skip
        assert answer.status_code == 401
    assert server.get("/v1/views/save", method="POST", data={"name": "x"}).status_code == 400


def test_who_reads_no_events_has_no_views(server):
    ada = server.doorkeeper.users.add("ada", "correct horse", "administrator")
    token = server.doorkeeper.read_tokens.issue(ada, "one")
    assert server.get("/v1/views", token=token).status_code == 403
    assert server.reading.records == [("ada", "list views", "views", False)]
