"""The page of an actor, a resource or an address."""

import re

import pytest


def test_when_who_and_what_is_new(site):
    text = site.client.get("/profile/actor/alice").text
    assert [method for method, _ in site.log.calls] == ["profile"]
    assert "<h1><bdi>alice</bdi></h1>" in text
    assert '<a href="/?q=actor%3A%3Dalice">1 event</a>' in text
    assert 'title="Sunday 10:00 to 11:00: 1 event"' in text
    cells = re.findall(r'<td class="heat-(\d)"', text)
    assert len(cells) == 7 * 24
    assert cells.count("4") == 1
    assert cells.count("0") == 7 * 24 - 1
    assert '<a href="/profile/ip/203.0.113.9"><bdi>203.0.113.9</bdi></a>' in text
    assert '<a href="/profile/actor/bob"><bdi>bob</bdi></a>' in text
    assert "Others who used the same resources" in text
    assert 'id="facets"' in text


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/profile/actor/nobody", "No event that you may see names it"),
        ("/profile/planet/earth", "There are profiles of: actor, resource, ip."),
        ("/profile/ip/no-address", "is no address"),
    ],
)
def test_what_is_not_there(site, path, says):
    answer = site.client.get(path)
    assert answer.status_code == 404
    assert says in answer.text


def test_a_search_for_somebody_leads_there(site):
    text = site.client.get("/", params={"q": "actor:alice -ip:10.0.0.0/8 ip:203.0.113.9"}).text
    assert re.findall(r'all about <a href="([^"]+)"', text) == [
        "/profile/actor/alice", "/profile/ip/203.0.113.9",
    ]  # fmt: skip
    assert "all about" not in site.client.get("/", params={"q": "actor:ali* rows:5"}).text


def test_values_with_slashes_and_the_way_from_an_event(site):
    text = site.client.get("/events/019ab000-0000-7000-8000-000000000002").text
    assert '<a href="/profile/resource/invoices%2F7">All about this resource</a>' in text
    assert '<a href="/profile/ip/2001%3Adb8%3A%3A7">All about this address</a>' in text
    found = site.client.get("/profile/resource/invoices%2F7")
    assert found.status_code == 200
    assert "Also used by the same people" in found.text
