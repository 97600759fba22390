"""What happened around an event, and what is said of an entry beside its content."""

import html
import re

import msgspec
import pytest

from whodid.app.integrity_answer import NOTHING_KNOWN, KnownFault
from whodid.app.trace import time_of
from whodid.web.around import near_of

EVENT = "/events/019ab000-0000-7000-8000-{:012x}"


def around_links(text):
    card = text.split('class="tabs"')[1].split("</nav>")[0]
    return {w: html.unescape(h) for h, w in re.findall(r'<a href="([^"]+)">([^<]+)', card)}


def test_five_before_and_after_of_the_same_actor(visit, fake):
    log = fake.FakeLog()
    for number in range(20):
        log.ingest("crm", "json", fake.short(
            timestamp=f"2026-11-22T10:{number:02}:00Z", userId="alice" if number % 2 else "bob",
            action="READ", resource="customers",
        ))  # fmt: skip
    site = visit(log)
    site.log_in()
    links = around_links(site.client.get(EVENT.format(9)).text)
    assert list(links) == ["Actor", "Resource", "Source"]
    log.calls.clear()
    text = site.client.get(links["Actor"]).text
    assert [method for method, _ in log.calls] == ["search", "search"]
    minutes = [int(m) for m in re.findall(r">10:(\d\d):00</time></td>", text)]
    assert minutes == [19, 17, 15, 13, 11, 9, 7, 5, 3, 1]
    assert re.search(r'<tr class="this">\s*<td class="time"><time [^>]*>10:09:00', text)
    everyone = site.client.get(links["Resource"]).text
    assert len(re.findall(r"</time></td>", everyone)) == 11


def test_near_of_ties_and_of_an_event_that_is_not_seen(visit, fake):
    log = fake.FakeLog()
    for _ in range(30):
        log.ingest("crm", "json", fake.short(timestamp="2026-11-22T10:00:00Z", userId="a"))
    hits = log.hits
    middle = near_of(hits[:15], hits[10:], hits[12].event.when.id)
    assert [near.this for near in middle].count(True) == 1
    assert len(middle) == 11
    assert middle[5].this
    alone = near_of(hits[:3], hits[2:6], "somebody else's")
    assert len(alone) == 6
    assert not any(near.this for near in alone)


@pytest.mark.parametrize("at", ["", "soon", "now-1h", "2026-99-01"])
def test_a_time_that_is_none(site, at):
    answer = site.client.get("/around", params={"q": "actor:alice", "at": at})
    assert answer.status_code == 404
    assert "is a time, such as" in answer.text
    assert site.log.calls == []


def test_states_of_an_entry(site):
    def states():
        found = re.findall(
            r'<span class="state (\w+)"[^>]*>([^<]+)', site.client.get(EVENT.format(0)).text
        )
        return [(kind, word) for kind, word in found]

    assert states() == [("ok", "signed")]
    fault = KnownFault("k", "payload", 0, "the bytes differ", 1, 2, "Restore it", None)
    site.log.found = msgspec.structs.replace(NOTHING_KNOWN, faults=[fault])
    assert states() == [("bad", "fault"), ("ok", "signed")]
    site.log.found = NOTHING_KNOWN
    hit = site.log.hits[0]
    late = msgspec.structs.replace(hit.event.when, received=time_of(hit.event) + 90_000_000_000)
    event = msgspec.structs.replace(hit.event, when=late)
    site.log.hits[0] = msgspec.structs.replace(hit, event=event)
    assert states() == [("ok", "signed"), ("plain", "came late")]
    early = msgspec.structs.replace(late, received=time_of(hit.event) - 60_000_000)
    event = msgspec.structs.replace(hit.event, when=early)
    site.log.hits[0] = msgspec.structs.replace(hit, event=event)
    assert states() == [("ok", "signed"), ("warn", "clock")]


def test_beside_a_list_values_narrow_its_search(site):
    part = site.client.get(EVENT.format(1), params={"fragment": "1", "q": "access:read"}).text
    assert "<html" not in part
    assert "/?q=access%3Aread+actor.id%3Aalice" in part
    assert "/?q=access%3Aread+-actor.id%3Aalice" in part
    assert 'href="/?q=actor.id%3Aalice"' in part
    alone = site.client.get(EVENT.format(1), params={"fragment": "1", "q": "nofield:x"}).text
    assert "/?q=-actor.id%3Aalice" in alone
