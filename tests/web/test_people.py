"""The administrator's pages: who may, what is done and recorded, and that nothing leaks."""

import re

import pytest

PAGES = ["/people", "/tokens"]
FORMS = ["/people", "/people/remove", "/tokens", "/tokens/revoke"]


@pytest.fixture
def admin(visit, fake):
    found = visit(fake.small_log())
    found.doorkeeper.users.set_rights("admin", role="administrator")
    found.log_in()
    found.log.calls.clear()
    found.log.recorded.clear()
    return found


def post(site, path, **form):
    return site.client.post(path, data={"csrf": site.csrf("/about"), **form})


@pytest.mark.parametrize("role", ["reader", "approver", "investigator"])
@pytest.mark.parametrize("path", FORMS)
def test_nobody_else_may(visit, fake, role, path):
    site = visit(fake.small_log())
    site.doorkeeper.users.set_rights("admin", role=role)
    site.log_in()
    site.log.recorded.clear()
    before = site.doorkeeper.users.all()
    form = {"name": "eve", "role": "reader", "password": "correct horse", "id": "x"}
    assert post(site, path, **form).status_code == 403
    assert site.doorkeeper.users.all() == before
    [(who, action, _, ok, reason)] = site.log.recorded
    assert (who, action, ok) == ("admin", "administer", False)
    assert "only an administrator" in reason
    if path in PAGES:
        assert site.client.get(path).status_code == 403
        assert f'href="{path}"' not in site.client.get("/about").text


def test_an_administrator_is_told_why_he_sees_no_events(admin):
    response = admin.client.get("/")
    assert response.status_code == 303
    assert response.headers["location"] == "/people"
    page = admin.client.get("/people").text
    assert "reads no events" in page
    assert 'href="/tokens"' in page
    assert ">Search</a>" not in page
    assert admin.log.calls == []


def test_a_user_is_added_changed_and_removed(admin):
    users = admin.doorkeeper.users
    form = {"name": "rita", "role": "reader", "filter": "source:crm", "deny": "ip, statement",
            "password": "correct horse"}  # fmt: skip
    assert post(admin, "/people", **form).status_code == 303
    rita = users.check("rita", "correct horse")
    assert (rita.role, rita.filter, rita.deny) == ("reader", "source:crm", ("ip", "statement"))
    session = admin.doorkeeper.sessions.open(rita)
    changed = {**form, "role": "approver", "deny": "", "change": "1"}
    assert post(admin, "/people", **changed).status_code == 303
    assert (users.find("rita").role, users.find("rita").deny) == ("approver", ())
    assert admin.doorkeeper.session(session) is None
    assert "source:crm" in admin.client.get("/people").text
    assert post(admin, "/people/remove", name="rita").status_code == 303
    assert users.find("rita") is None
    assert [action for _, action, *_ in admin.log.recorded] == [
        "create user", "change user", "remove user",
    ]  # fmt: skip
    assert "correct horse" not in repr(admin.log.recorded)


@pytest.mark.parametrize("form", [
    {"name": "a b", "role": "reader", "password": "correct horse"},
    {"name": "rita", "role": "root", "password": "correct horse"},
    {"name": "rita", "role": "reader", "password": "short"},
    {"name": "rita", "role": "reader", "password": "correct horse", "filter": "sorce:x"},
    {"name": "rita", "role": "reader", "password": "correct horse", "filter": "a word"},
    {"name": "rita", "role": "reader", "password": "correct horse", "deny": "statment"},
    {"name": "admin", "role": "investigator", "change": "1"},
    {"name": "ADMIN", "role": "investigator", "change": "1"},
    {"name": '"><script>alert(1)</script>', "role": "reader", "password": "correct horse"},
])  # fmt: skip
def test_what_cannot_be_is_said_on_the_page(admin, form):
    before = admin.doorkeeper.users.all()
    response = post(admin, "/people", **form)
    assert response.status_code == 400
    assert 'role="alert"' in response.text
    assert "<script>alert" not in response.text
    assert admin.doorkeeper.users.all() == before


def test_nobody_removes_himself(admin):
    for name in ("admin", "Admin"):
        assert post(admin, "/people/remove", name=name).status_code == 400
    assert admin.doorkeeper.users.find("admin") is not None


def test_a_token_is_shown_once_and_revoked(admin):
    admin.doorkeeper.users.add("rita", None, "reader")
    page = post(admin, "/tokens", kind="user", name="laptop", **{"for": "rita"})
    [token] = re.findall(r"wdr_[\w-]{43}", page.text)
    assert page.headers["cache-control"] == "no-store"
    assert admin.doorkeeper.bearer(token).user.name == "rita"
    listed = admin.client.get("/tokens").text
    assert token not in listed
    assert "laptop" in listed
    [info] = admin.doorkeeper.read_tokens.all()
    assert post(admin, "/tokens/revoke", kind="user", id=info.id).status_code == 303
    assert admin.doorkeeper.bearer(token) is None
    for form in ({"kind": "user", "for": "nobody"}, {"kind": "source", "for": "nothing"},
                 {"kind": "user", "for": "rita", "name": ""}):  # fmt: skip
        assert post(admin, "/tokens", **{"name": "n", **form}).status_code == 400
    assert post(admin, "/tokens/revoke", kind="source", id=info.id).status_code == 400


@pytest.mark.parametrize("path", FORMS)
def test_a_form_of_another_page_does_nothing(admin, path):
    for token in ("", "x", admin.csrf("/about")[::-1]):
        form = {"csrf": token, "name": "eve", "role": "reader", "password": "correct horse"}
        assert admin.client.post(path, data=form).status_code == 403
    assert [user.name for user in admin.doorkeeper.users.all()] == ["admin"]
    assert admin.log.recorded == []
