import pytest

from whodid.access.sessions import SESSION_COOKIE
from whodid.errors import RefusedError

READS = [
    "/v1/search", "/v1/sources", "/v1/events/0190-id", "/v1/events/0190-id/proof", "/v1/tail",
    "/ledger/demo/tile/entries/000",
]  # fmt: skip


@pytest.mark.parametrize("path", READS)
def test_nobody_reads_without_saying_who(server, path):
    response = server.get(path, token="")
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert response.json()["error"]["code"] == "unauthenticated"
    assert server.reading.calls == []
    assert server.reading.records == []


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("token", ["x", "wdr_" + "A" * 43, "\x01", "wdr_" + "A" * 100_000])
def test_a_wrong_token_is_refused_and_recorded(server, path, token):
    response = server.get(path, token=token)
    assert response.status_code == 401
    assert token not in response.text or token == "x"
    assert server.reading.calls == []
    assert server.reading.records == [("unknown", "log in", "api", False)]


def test_a_sources_token_does_not_read(server):
    token = server.doorkeeper.source_tokens.issue("crm", "one")
    response = server.get("/v1/search", token=token)
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "denied"
    assert token not in response.text
    assert len(server.reading.records) == 1


def test_a_revoked_token_ends_at_once(server):
    assert server.get("/v1/search").status_code == 200
    [info] = server.doorkeeper.read_tokens.all()
    server.doorkeeper.read_tokens.revoke(info.id)
    assert server.get("/v1/search").status_code == 401


def test_wrong_tokens_are_limited_per_address_and_then_not_recorded(server):
    codes = [server.get("/v1/search", token="wrong").status_code for _ in range(32)]
    assert codes == [401] * 30 + [429] * 2
    assert len(server.reading.records) == 30
    limited = server.get("/v1/search", token="wrong")
    assert int(limited.headers["retry-after"]) > 0
    assert server.get("/v1/search", token="wrong", ip="10.0.0.2").status_code == 401
    # Whoever has a right token is not kept out by others behind the same address.
    assert server.get("/v1/search").status_code == 200


def test_when_a_refusal_cannot_be_recorded_there_is_none(server):
    server.reading.fault = RefusedError("the disk is full")
    assert server.get("/v1/search", token="wrong").status_code == 503


def test_a_session_cookie_reads_and_is_named(server):
    cookie = server.doorkeeper.sessions.open(server.user)
    response = server.get("/v1/search", cookies={SESSION_COOKIE: cookie})
    assert response.status_code == 200
    caller = server.reading.calls[0][1]
    assert caller.session == server.doorkeeper.sessions.find(cookie).id
    server.doorkeeper.sessions.close(cookie)
    assert server.get("/v1/search", cookies={SESSION_COOKIE: cookie}).status_code == 401


@pytest.mark.parametrize(
    ("site", "status"),
    [("cross-site", 401), ("same-site", 401), ("odd", 401), ("same-origin", 200), ("none", 200)],
)
def test_a_foreign_page_does_not_read_with_the_cookie(server, site, status):
    cookies = {SESSION_COOKIE: server.doorkeeper.sessions.open(server.user)}
    response = server.get("/v1/search", cookies=cookies, headers={"Sec-Fetch-Site": site})
    assert response.status_code == status


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YTpi", "bearer\tx", "Bearer a b", "Bearer é"]
)
def test_odd_authorization_headers(server, header):
    response = server.get(
        "/v1/search", token="", headers={"Authorization": header.encode()}, cookies={}
    )
    assert response.status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "wds_" + "A" * 43, "a=b;c", '"'])
def test_wrong_cookies_are_nobody(server, cookie):
    response = server.get(
        "/v1/search", token="", headers={"Cookie": f"{SESSION_COOKIE}={cookie}"}, cookies={}
    )
    assert response.status_code == 401
    assert server.reading.records == []


def test_a_long_user_agent_is_cut(server):
    server.get("/v1/search", headers={"User-Agent": "x" * 10_000})
    assert len(server.reading.calls[0][1].agent) == 512
