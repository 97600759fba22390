"""The page of one event: fields, raw record, proof."""

import re

EVENT = "/events/019ab000-0000-7000-8000-{:012x}"


def test_all_fields_with_links_where_exact(site):
    text = site.client.get(EVENT.format(1)).text
    assert [method for method, _ in site.log.calls] == ["event"]
    assert re.search(
        r"<h1 [^>]*><a class=\"actor\"[^>]*><bdi>alice</bdi></a> read 1,204 rows of ", text
    )
    for query, shown in (
        ("actor.id%3Aalice", "alice"), ("rows%3A1204", "1,204"), ("ip%3A203.0.113.9", "203.0.113.9")
    ):  # fmt: skip
        assert re.search(f'href="/[?]q={query}"[^>]*><bdi>{shown}</bdi></a>', text)
    assert "Sun 22 Nov 2026, 10:30:15.123456 UTC" in text
    for title in ("When", "Who", "What", "Where", "Context", "Envelope"):
        assert f"<h2>{title}</h2>" in text
    assert "<h2>Content</h2>" not in text


def test_surroundings(site):
    text = site.client.get(EVENT.format(1)).text
    found = re.findall(r'<li><a href="([^"]+)">(Same[^<]+)', text)
    near = {words: href for href, words in found}
    assert near["Same undertaking"] == "/?q=correlation%3Ac0ffee-1"
    assert near["Same session"] == "/?q=actor.session%3As-77"
    assert (
        near["Same actor, within 15 minutes"]
        == "/?q=actor%3Aalice+time%3A%5B2026-11-22T10%3A15%3A15Z+TO+2026-11-22T10%3A45%3A15Z%5D"
    )
    for href in near.values():
        assert site.client.get(href).status_code == 200


def test_raw_record_with_redactions_marked(site):
    text = site.client.get(EVENT.format(2)).text
    assert "hunter2" not in text
    assert "4eC39HqLyjWDarjtT1zdp7dc" not in text
    assert text.count("A secret was replaced here") == len(
        site.log.hits[2].event.envelope.redactions
    )
    assert "<b>&#34;userId&#34;</b>: &#34;bob&#34;," in text


def test_text_records_and_own_events(site):
    web = site.client.get(EVENT.format(3)).text
    assert "&#34;GET /admin?x=1 HTTP/1.1&#34; 403 153" in web
    assert "Laid out" not in web
    own = site.client.get(EVENT.format(6)).text
    assert "whodid wrote this event itself" in own


def test_verify_shows_each_step(site):
    path = EVENT.format(1)
    answer = site.client.post(f"{path}/verify", data={"csrf": site.csrf("/about")})
    assert answer.status_code == 200
    assert [method for method, _ in site.log.calls] == ["verify_event"]
    assert "Verified: this event is what was recorded." in answer.text
    assert answer.text.count('<li class="ok">') == 3
    assert f'href="/v1{path}/proof"' in answer.text
    assert site.client.get(f"{path}/verify").headers["location"] == path


def test_verify_says_no(site):
    site.log.tampered = True
    form = {"csrf": site.csrf("/about")}
    text = site.client.post(EVENT.format(1) + "/verify", data=form).text
    assert "NOT verified" in text
    assert text.count('<li class="bad">') == 1
    assert "Verified: this" not in text
