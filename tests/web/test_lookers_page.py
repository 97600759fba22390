"""The page of who looked."""

import re
from pathlib import Path

import msgspec
import pytest

import whodid
from whodid.event import Content, What
from whodid.web import lookers


def test_who_looked_in_the_last_week(site):
    text = site.client.get("/lookers").text
    assert [method for method, _ in site.log.calls] == ["lookers"]
    assert re.findall(r'<a href="([^"]+)" aria-current="true">7 days</a>', text) == [
        "/lookers?q=time%3A%5Bnow-1w+TO+now%5D"
    ]
    assert "<strong>1 look</strong>" in text
    assert "by 1 user" in text
    admin = "/lookers?q=time%3A%5Bnow-1w+TO+now%5D+actor%3Aadmin"
    assert f'<a class="actor" href="{admin}"><bdi>admin</bdi></a>' in text
    assert f'<a href="{admin}+action%3Asearch">search 1</a>' in text
    assert '<a href="/events/019ab000-0000-7000-8000-000000000006">Details</a>' in text
    assert '<a rel="next" href="/lookers?q=time%3A%5Bnow-1w+TO+now%5D&amp;before=c~1">' in text


def test_who_looked_at_one_thing(site):
    text = site.client.get("/lookers?of=resource&named=invoices/7&q=").text
    assert (
        '<h1>Who looked at the resource <a href="/profile/resource/invoices%2F7"><bdi>invoices/7'
    ) in text
    assert 'value="resource" selected' in text
    assert re.findall(r'<a href="([^"]+)">7 days</a>', text) == [
        "/lookers?of=resource&amp;named=invoices%2F7&amp;q=time%3A%5Bnow-1w+TO+now%5D"
    ]


@pytest.mark.parametrize(
    ("path", "status"), [("/lookers?q=(", 400), ("/lookers?of=planet&named=earth", 404)]
)
def test_what_cannot_be_asked(site, path, status):
    assert site.client.get(path).status_code == status


def test_a_profile_leads_there(site):
    text = site.client.get("/profile/actor/alice").text
    assert '<a href="/lookers?of=actor&amp;named=alice&amp;q=">who looked</a>' in text
    text = site.client.get("/profile/actor/nobody").text
    assert '<a href="/lookers?of=actor&amp;named=nobody&amp;q=">Who looked</a>' in text


def test_an_event_leads_there(site):
    event_id = "019ab000-0000-7000-8000-000000000002"
    text = site.client.get(f"/events/{event_id}").text
    assert f'<a href="/lookers?of=event&amp;named={event_id}&amp;q=">Who looked at this' in text
    found = site.client.get(f"/lookers?of=event&named={event_id}&q=").text
    assert f'Who looked at the event <a href="/events/{event_id}">' in found


@pytest.mark.parametrize(
    ("action", "resource", "text", "what"),
    [
        ("search", "events", "actor:x", ("actor:x", "/?q=actor%3Ax")),
        ("export", "events", "", ("everything", "/")),
        ("prove answer", "events", "actor:x", ("actor:x", "/?q=actor%3Ax")),
        ("sql", "events", "SELECT 1", ("SELECT 1", None)),
        ("search", "events of the first 7 entries", "a",
         ("a (events of the first 7 entries)", "/at/7?q=a")),
        ("review", "looks", "actor:x", ("anything", None)),
        ("overview", "week", None, ("week", None)),
        ("list", "sources", None, ("sources", None)),
        ("a thing of later", None, None, ("", None)),
    ],
)  # fmt: skip
def test_what_was_looked_at(fake, action, resource, text, what):
    event = fake.own_event(1)
    event = msgspec.structs.replace(
        event, what=What(action, "read", "ledger", resource), content=Content(statement=text)
    )
    assert lookers._what(event) == what


def test_every_kind_of_look_has_its_words():
    source = "".join(file.read_text() for file in Path(whodid.__file__).parent.rglob("*.py"))
    read = set(re.findall(r'Act\(\s*"([a-z ]+)", "read"', source))
    assert {"search", "list rules", "tune"} <= read
    assert read - lookers._DONE.keys() == set()


def test_looks_at_a_thing_lead_to_its_page(fake):
    for kind, href in (
        ("actor", "/profile/actor/x"),
        ("event", "/events/x"),
        ("trace", "/trace/x"),
    ):
        event = fake.own_event(1)
        event = msgspec.structs.replace(event, what=What("show", "read", kind, "x"))
        assert lookers._what(event) == ("x", href)
