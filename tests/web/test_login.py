"""Logging in and out, and the forms that are refused."""

import pytest

from whodid.errors import RefusedError
from whodid.web.login import safe_next


@pytest.fixture
def out(visit, fake):
    """Somebody who is not logged in."""
    return visit(fake.small_log())


def test_pages_ask_for_a_login_and_lead_back(out, fake):
    assert out.client.get("/").headers["location"] == "/login"
    for path in ("/sources", "/about", "/events/x", "/?q=actor%3Aalice&own=1"):
        answer = out.client.get(path)
        assert answer.status_code == 303
        login = out.client.get(answer.headers["location"])
        form = {"csrf": out.csrf("/login"), "name": "admin", "password": fake.PASSWORD}
        assert path.replace("&", "&amp;") in login.text
        there = out.client.post("/login", data={**form, "next": path})
        assert there.headers["location"] == path
        out.client.cookies.clear()
    assert out.log.calls == []


def test_password_login_is_recorded_and_opens_a_session(out):
    answer = out.log_in()
    assert answer.status_code == 303
    cookie = answer.headers.get_list("set-cookie")[0].lower()
    assert cookie.startswith("whodid_session=wds_")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    assert out.log.recorded == [("admin", "log in", "web", True, "password")]
    assert out.client.get("/").status_code == 200


def test_cookie_is_secure_under_https(visit, fake):
    answer = visit(fake.small_log(), base="https://testserver").log_in()
    assert "secure" in answer.headers.get_list("set-cookie")[0].lower()


def test_wrong_password_is_recorded_and_says_nothing_more(out):
    for name in ("admin", "nobody"):
        form = {"csrf": out.csrf("/login"), "name": name, "password": "guess"}
        answer = out.client.post("/login", data=form)
        assert answer.status_code == 401
        assert "The name or the password is wrong." in answer.text
        assert "whodid_session" not in answer.headers.get("set-cookie", "")
        assert out.log.recorded.pop()[:4] == (name, "log in", "web", False)


def test_rate_limit_is_told_and_not_recorded(out):
    form = {"csrf": out.csrf("/login"), "name": "admin", "password": "guess"}
    answers = [out.client.post("/login", data=form) for _ in range(12)]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert len(out.log.recorded) == sum(answer.status_code == 401 for answer in answers) == 10


def test_nobody_is_let_in_unrecorded(out):
    token = out.csrf("/login")
    out.log.fail = RefusedError("the disk is full", retry_after_s=7)
    form = {"csrf": token, "name": "admin", "password": "correct horse battery staple"}
    answer = out.client.post("/login", data=form)
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "7"
    assert "whodid_session" not in answer.headers.get("set-cookie", "")


def test_link_is_used_up_by_its_button_only(out):
    path = f"/login/{out.doorkeeper.sessions.issue_link(out.user)}"
    for _ in range(3):
        assert out.client.get(path).status_code == 200
    answer = out.client.post(path, data={"csrf": out.csrf(path)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert out.client.get("/").status_code == 200
    assert out.log.recorded == [("admin", "log in", "web", True, "one-time link")]
    out.client.cookies.clear()
    again = out.client.post(path, data={"csrf": out.csrf(path)})
    assert again.status_code == 401
    assert "used before" in again.text
    assert out.client.get("/").status_code == 303


def test_logout_ends_the_session_on_the_server(site):
    cookie = site.client.cookies["whodid_session"]
    answer = site.client.post("/logout", data={"csrf": site.csrf("/about")})
    assert answer.headers["location"] == "/login"
    assert site.log.recorded == [("admin", "log out", "web", True, None)]
    site.client.cookies.set("whodid_session", cookie)
    assert site.client.get("/").status_code == 303


@pytest.mark.parametrize("path", ["/logout", "/events/019ab000-0000-7000-8000-000000000001/verify"])
def test_forms_of_other_sites_are_refused(site, path):
    good = {"csrf": site.csrf("/about")}
    refused = [
        site.client.post(path, data=form, headers=headers)
        for form, headers in (
            ({"x": "y"}, {}),
            ({"csrf": "x"}, {}),
            (good, {"sec-fetch-site": "cross-site"}),
            (good, {"sec-fetch-site": "same-site"}),
            (good, {"sec-fetch-site": "none"}),
            (good, {"origin": "https://evil.example"}),
            (good, {"origin": "http://testserver.evil.example"}),
        )
    ]
    assert [answer.status_code for answer in refused] == [403] * 7
    assert site.log.calls == []
    assert site.log.recorded == []
    for headers in ({"sec-fetch-site": "same-origin"}, {"origin": "http://testserver"},
                    {"origin": "null"}):  # fmt: skip
        if path != "/logout":
            assert site.client.post(path, data=good, headers=headers).status_code == 200


def test_login_form_needs_the_cookie_of_its_page(out, fake):
    token = out.csrf("/login")
    out.client.cookies.clear()
    form = {"csrf": token, "name": "admin", "password": fake.PASSWORD}
    assert out.client.post("/login", data=form).status_code == 403
    assert out.log.recorded == []


def test_a_token_of_another_session_does_not_count(site, visit, fake, tmp_path_factory):
    other = site.doorkeeper.sessions
    foreign = other.find(other.open(site.user)).csrf
    assert site.client.post("/logout", data={"csrf": foreign}).status_code == 403


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"csrf=\xff%ff", "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 400),
        (b"a=1&" * 40, "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded", 413),
    ],
)
def test_bad_forms(site, body, kind, status):
    answer = site.client.post("/logout", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert site.client.get("/about").status_code == 200


@pytest.mark.parametrize(
    "address",
    ["", "//evil.example", "https://evil.example/", "/\\evil.example", "\\\\evil.example", "evil",
     "javascript:alert(1)", "/a\r\nset-cookie: x=1", "/login/wdl_x", "///evil.example", "/\t/evil",
     "//[", "http://[::1"],
)  # fmt: skip
def test_next_never_leads_away(address):
    assert safe_next(address) == "/"


def test_next_keeps_our_own_pages():
    for address in ("/events/1", "/?q=actor%3Aalice&own=1", "/sources"):
        assert safe_next(address) == address
