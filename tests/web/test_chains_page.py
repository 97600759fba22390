"""The page of chains: what it shows of each, and where its links lead."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest

QUERY = "access:read | sequence by actor [*] -> [*] within 1h"


def q_of(href):
    return parse_qs(urlsplit(html.unescape(href)).query).get("q", [""])[0]


@pytest.fixture
def chained(fake, visit):
    log = fake.FakeLog()
    for number in range(10):
        log.ingest("shop", "json", fake.short(
            timestamp=f"2026-11-22T10:{number:02d}:00Z", userId=("alice", "b\x07b")[number % 2],
            action="READ", resource=f"orders/{number}", id=f"e{number}",
        ))  # fmt: skip
    site = visit(log)
    site.log_in()
    log.calls.clear()
    return site


def test_chains_their_events_and_links(chained):
    answer = chained.client.get("/", params={"q": QUERY})
    assert answer.status_code == 200
    assert [method for method, _ in chained.log.calls] == ["chains"]
    text = answer.text
    assert "All events, then all events, within one hour, with the same actor, among reads" in text
    assert "4 chains" in text
    assert text.count('<tr class="day">') == 3
    assert len(re.findall('<td class="time">', text)) == 6
    heads = re.findall(r'<tr class="day"><th[^>]*>(?:<a href="([^"]*)">)?<bdi>', text)
    assert {q_of(href) for href in heads if href} == {"access:read actor:alice"}
    assert "" in heads  # no search box holds the other value
    assert "in 2 min" in text or "2m" in text or "2 minutes" in text


def test_pages(chained):
    text = chained.client.get("/", params={"q": QUERY}).text
    older = html.unescape(re.search(r'<a rel="next" href="([^"]*)"', text)[1])
    text = chained.client.get(older).text
    assert text.count('<tr class="day">') == 1
    assert "back to the newest" in text
    assert 'rel="prev"' in text


def test_links_keep_the_columns_of_the_explorer(chained):
    given = {"q": QUERY, "columns": "ip,action", "own": "1"}
    text = chained.client.get("/", params=given).text
    hrefs = [html.unescape(href) for href in re.findall(r'href="(/\?[^"]*)"', text)]
    examples = re.findall(r'<ul class="examples".*?</ul>', text, re.DOTALL)
    led = [
        parse_qs(urlsplit(href).query)
        for href in hrefs
        if href not in html.unescape("".join(examples))
    ]
    assert len(led) > 8
    assert {link.get("columns", [""])[0] for link in led if "q" in link} == {"ip,action"}
    assert text.count('name="columns" value="ip,action"') >= 2
    table = chained.client.get("/", params={**given, "q": "| stats by (actor) count()"}).text
    links = re.findall(r'<t[hd][^>]*>(?:<[^a][^>]*>)*<a href="(/\?[^"]*)"', table)
    assert links
    for href in links:
        assert parse_qs(urlsplit(html.unescape(href)).query)["columns"] == ["ip,action"]


def test_chains_as_of_a_size(chained):
    answer = chained.client.get("/at/6", params={"q": QUERY})
    assert answer.status_code == 200
    assert [method for method, _ in chained.log.calls] == ["chains_at"]
    assert "As of the first 6 entries of the log" in answer.text
    assert answer.text.count('<tr class="day">') == 2
    assert "2 chains" in answer.text
    heads = re.findall(r'<tr class="day"><th[^>]*>(?:<a href="([^"]*)">)?<bdi>', answer.text)
    assert "/at/6" in {urlsplit(html.unescape(href)).path for href in heads if href}


def test_no_chain_says_what_one_is(chained):
    text = chained.client.get("/", params={"q": f"actor:nobody {QUERY}"}).text
    assert "No chain of events fits this search" in text
    assert "events without a actor" not in text


def test_ranges_keep_the_steps(chained):
    text = chained.client.get("/", params={"q": QUERY}).text
    ranges = re.search(r'<nav class="ranges".*?</nav>', text, re.DOTALL)[0]
    asked = {q_of(href) for href in re.findall(r'<a href="([^"]*)"', ranges)}
    assert all("| sequence by actor [*] -> [*] within 1h" in text for text in asked)
    assert len(asked) == 5
