"""The page of who looked."""

import re

import pytest


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
