"""A person logs in for a short-lived token, out again, and changes his own password."""

import pytest

from whodid.errors import RefusedError
from whodid.limits import LOGIN_TOKEN_US

GOOD = {"name": "alice", "password": "correct horse"}


def post(server, path, body=None, **options):
    options.setdefault("token", "")
    if body is not None:
        options["json"] = body
    return server.get(path, method="POST", cookies={}, **options)


def test_a_password_gives_a_token_that_reads(server):
    response = post(server, "/v1/login", GOOD)
    assert response.status_code == 200
    document = response.json()
    assert set(document) == {"token", "expires", "role"}
    assert server.get("/v1/search", token=document["token"]).status_code == 200
    [info] = [info for info in server.doorkeeper.read_tokens.all() if info.name == "login"]
    assert abs(info.expires_us - info.issued_us - LOGIN_TOKEN_US) < 10**9
    assert server.reading.records == [("alice", "log in", "api", True)]
    assert "set-cookie" not in response.headers


def test_logging_out_ends_the_token(server):
    token = post(server, "/v1/login", GOOD).json()["token"]
    assert post(server, "/v1/logout", token=token).json() == {"ended": True}
    assert server.get("/v1/search", token=token).status_code == 401
    assert post(server, "/v1/logout", token=token).status_code == 401
    assert post(server, "/v1/logout").status_code == 401


@pytest.mark.parametrize("change", ["password", "rights", "remove"])
def test_any_change_of_a_user_ends_his_login_tokens(server, change):
    token = post(server, "/v1/login", GOOD).json()["token"]
    users = server.doorkeeper.users
    if change == "password":
        users.set_password("alice", "battery staple")
    elif change == "rights":
        users.set_rights("alice", deny=["ip"])
    else:
        users.remove("alice")
    assert server.get("/v1/search", token=token).status_code == 401
    issued = server.get("/v1/search").status_code
    assert issued == (401 if change == "remove" else 200), "one that an administrator gave stays"


@pytest.mark.parametrize("body", [
    {**GOOD, "password": "wrong one"}, {**GOOD, "name": "bob"}, {"name": "", "password": ""},
    {"name": "x" * 9999, "password": "y" * 9999}, {"name": "é\0", "password": "\0"},
])  # fmt: skip
def test_a_wrong_password_is_refused_and_recorded(server, body):
    response = post(server, "/v1/login", body)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "unauthenticated"
    [(name, action, _, ok)] = server.reading.records
    assert (name, action, ok) == (body["name"][:64] or "unknown", "log in", False)


def test_guesses_are_limited_and_then_not_recorded(server):
    wrong = {**GOOD, "password": "a guess of mine"}
    codes = [post(server, "/v1/login", wrong).status_code for _ in range(12)]
    assert codes == [401] * 10 + [429] * 2
    assert len(server.reading.records) == 10
    assert int(post(server, "/v1/login", GOOD).headers["retry-after"]) > 0


def test_without_its_event_there_is_no_token(server):
    server.reading.fault = RefusedError("the disk is full")
    assert post(server, "/v1/login", GOOD).status_code == 503
    assert [info.name for info in server.doorkeeper.read_tokens.all()] == ["test"]


@pytest.mark.parametrize("path", ["/v1/login", "/v1/password"])
@pytest.mark.parametrize("content", [
    b"", b"[]", b"{}", b"null", b'{"name":1,"password":"x"}', b"\xff", b"[" * 50_000,
    b'{"name":"alice","password":"correct horse","new":"y","more":1}', b'"' + b"x" * 70_000 + b'"',
])  # fmt: skip
def test_odd_bodies(server, path, content):
    headers = {"Content-Type": "application/json"}
    response = server.get(path, method="POST", token="", cookies={}, content=content,
                          headers=headers)  # fmt: skip
    assert response.status_code == (413 if len(content) > 65_536 else 400)
    assert server.reading.records == []


@pytest.mark.parametrize("media", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_a_form_of_a_foreign_page_is_no_login(server, media):
    response = server.get(
        "/v1/login", method="POST", token="", cookies={}, headers={"Content-Type": media},
        content=b'{"name":"alice","password":"correct horse"}',
    )  # fmt: skip
    assert response.status_code == 400


def test_ones_own_password(server):
    new = {**GOOD, "new": "battery staple"}
    session = server.doorkeeper.sessions.open(server.user)
    assert post(server, "/v1/password", {**new, "password": "wrong one"}).status_code == 401
    assert post(server, "/v1/password", {**new, "new": "short"}).status_code == 400
    assert post(server, "/v1/password", new).json() == {"changed": True}
    assert server.doorkeeper.session(session) is None
    assert post(server, "/v1/login", GOOD).status_code == 401
    assert post(server, "/v1/login", {**GOOD, "password": "battery staple"}).status_code == 200
    assert ("alice", "set password", "alice", True) in server.reading.records


def test_only_post(server):
    for path in ("/v1/login", "/v1/logout", "/v1/password"):
        assert server.get(path).status_code == 405


# --- rights at the other addresses ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "filter_text", "deny", "whole"),
    [
        ("investigator", "", (), True),
        ("investigator", "source:crm", (), False),
        ("investigator", "", ("ip",), False),
        ("reader", "", (), False),
        ("approver", "", (), False),
        ("administrator", "", (), False),
    ],
)
def test_what_shows_the_whole_log_is_for_who_sees_all_of_it(server, role, filter_text, deny, whole):
    user = server.doorkeeper.users.add("rita", None, role, filter_text=filter_text, deny=deny)
    token = server.doorkeeper.read_tokens.issue(user, "one")
    entries = server.get("/ledger/demo/tile/entries/000", token=token)
    assert entries.status_code == (200 if whole else 403)
    assert server.reading.records == [
        ("rita", "export entries", "/ledger/demo/tile/entries/000", whole)
    ]
    watches = whole or role == "administrator"
    assert server.get("/metrics", token=token).status_code == (200 if watches else 403)
    server.get("/v1/search", token=token)
    asked = server.reading.calls[-1][1].rights
    assert asked.whole is whole
    assert asked.content is (role != "administrator")


def test_a_tail_ends_before_it_shows_by_rights_that_have_changed(server):
    server.reading.following.waiting = list(server.reading.hits)
    users = server.doorkeeper.users
    real = server.reading.follow

    def follow(caller, text):
        users.set_rights("alice", filter_text="source:other")
        return real(caller, text)

    server.reading.follow = follow
    response = server.get("/v1/tail")
    assert "event: fault" in response.text
    assert "rights have changed" in response.text
    assert "event: hit" not in response.text
