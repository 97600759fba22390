"""The page of continuous validation, its buttons, and the banner on every other page."""

import msgspec
import pytest

from whodid.app.integrity_answer import NOTHING_KNOWN, KnownFault
from whodid.validation.report import Round

NOW_US = 1_795_700_000_000_000
ROUND = Round(
    NOW_US - 9_000_000, NOW_US, 1.5, 61_235, 61_200, 61_230, 0, ["leaves/x: a crash left it"],
    ["payload of 35 entries: no key"], "checked against the signer's head", "compared",
)  # fmt: skip
CLEAN = msgspec.structs.replace(
    NOTHING_KNOWN, running=True, rounds=[ROUND], due_us=NOW_US, every_us=86_400_000_000
)
FAULT = KnownFault(
    "k1", "payload/0000000000000000-0100-0", 17, "does not open", NOW_US, NOW_US, "Keep a copy.",
    None,
)  # fmt: skip
FAULTY = msgspec.structs.replace(
    CLEAN, faults=[FAULT], rounds=[msgspec.structs.replace(ROUND, faults=1), ROUND],
    alarms=["The verification of the ledger found 1 fault."],
)  # fmt: skip
BANNER = "This log may not be whole."


def as_role(site, role):
    """Go on as a user of this role, whose login ended with the change."""
    site.doorkeeper.users.set_rights("admin", role=role)
    site.log_in()
    site.log.recorded.clear()


def test_a_whole_ledger(site):
    site.log.found = CLEAN
    page = site.client.get("/integrity").text
    for text in ("Whole", "61,235 read", "61,200 decrypted", "payload of 35 entries", "9.0 s"):
        assert text in page, text
    assert "a crash left it" in page
    assert BANNER not in site.client.get("/").text


def test_turned_off_is_said(site):
    site.log.found = msgspec.structs.replace(CLEAN, running=False, off=True)
    page = site.client.get("/integrity").text
    assert "Turned off in the settings" in page
    assert "<button disabled>Verify now" in page


def test_nothing_is_known_yet(site):
    page = site.client.get("/integrity")
    assert page.status_code == 200
    assert "Not verified yet" in page.text


def test_a_fault_is_on_every_page(site):
    site.log.found = FAULTY
    page = site.client.get("/integrity").text
    assert "Something is not what it must be" in page
    assert "payload/0000000000000000-0100-0" in page
    assert "at entry <strong>17</strong>: does not open" in page
    for path in ("/", "/sources", "/about", "/nowhere"):
        assert BANNER in site.client.get(path).text, path
    assert BANNER not in page  # it says it itself


def test_strangers_see_no_banner(visit, fake):
    found = visit(fake.small_log())
    found.log.found = FAULTY
    assert BANNER not in found.client.get("/login").text
    assert found.client.get("/integrity").status_code == 303


def test_what_runs_is_shown(site):
    site.log.found = msgspec.structs.replace(CLEAN, doing="entries", done=250, total=1000)
    page = site.client.get("/integrity").text
    assert "250 of 1,000 entries" in page
    assert '<progress max="100" value="25">' in page
    assert "<button disabled>Verify now" in page


@pytest.mark.parametrize(
    ("path", "form", "call"),
    [("verify", {}, "verify_now"), ("acknowledge", {"key": "k1"}, "acknowledge_fault")],
)
def test_the_buttons(site, path, form, call):
    as_role(site, "administrator")
    site.log.found = FAULTY
    csrf = site.csrf("/integrity")
    answer = site.client.post(f"/integrity/{path}", data={**form, "csrf": csrf})
    assert (answer.status_code, answer.headers["location"]) == (303, "/integrity")
    assert [name for name, _ in site.log.calls] == [call]
    assert site.log.calls[0][1].name == "admin"
    site.log.calls.clear()
    assert site.client.post(f"/integrity/{path}", data={**form, "csrf": "x"}).status_code == 403
    assert site.log.calls == []


@pytest.mark.parametrize(
    ("path", "action"),
    [("verify", "request verification"), ("acknowledge", "acknowledge fault")],
)
def test_a_reader_is_refused_and_that_is_on_record(site, path, action):
    site.log.found = FAULTY
    as_role(site, "reader")
    form = {"csrf": site.csrf("/"), "key": "k1"}
    assert site.client.post(f"/integrity/{path}", data=form).status_code == 403
    assert [(name, ok) for _, name, _, ok, _ in site.log.recorded] == [(action, False)]
    assert "acknowledge_fault" not in {name for name, _ in site.log.calls}


def test_a_fault_that_is_gone_cannot_be_acknowledged(site):
    as_role(site, "administrator")
    site.log.found = FAULTY
    form = {"csrf": site.csrf("/integrity"), "key": "other"}
    assert site.client.post("/integrity/acknowledge", data=form).status_code == 404


def test_hostile_text_in_a_fault(site, fake):
    for text in fake.HOSTILE:
        fault = msgspec.structs.replace(FAULT, where=text, problem=text, acknowledged_by=text)
        site.log.found = msgspec.structs.replace(FAULTY, faults=[fault], alarms=[text])
        for path in ("/integrity", "/"):
            page = site.client.get(path).text
            assert "<script>document" not in page
            assert 'onerror="document' not in page.replace("&#34;", "")
            assert "\x1b" not in page
            assert "\u202e" not in page
