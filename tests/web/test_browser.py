"""The pages in a real Chromium: nothing planted runs, nothing is violated, no script is needed."""

from urllib.parse import quote

import pytest

import desks_kit

pytestmark = pytest.mark.slow


def test_nothing_planted_in_an_event_runs(tab, served, fake):
    log, _ = fake.hostile_log()
    base, link = served(log)
    heads = desks_kit.hostile(log.folder, fake.HOSTILE)
    tab.enter(link)
    tables = ("/?q=|+stats+by+(actor)", "/?q=|+stats+by+(agent,+time:1d)+count()+as+n")
    stories = [f"/trace/{quote(text, safe='')}" for text in fake.HOSTILE if "\n" not in text]
    stories += [f"/profile/actor/{quote(text, safe='')}" for text in fake.HOSTILE[:9]]
    events = [f"/events/{hit.event.when.id}" for hit in log.hits]
    rules = [f"/rules/{quote(head.id, safe='')}" for head in heads if "\n" not in head.id]
    overviews = (
        "/rules",
        "/outbox",
        *rules,
        "/overview",
        "/lookers?q=",
        "/views?save=1&q=%3Cscript%3E",
        "/at/40?q=",
    )
    for page in ("/", *tables, "/sources", *overviews, *stories, *events):
        tab.open(base + page)
        # what is planted would make the title OWNED and nothing else
        assert tab.js("document.title").endswith("· whodid")
        foreign = (
            "iframe,svg:not(.share,.chart svg,.strip svg,.rate svg),style,object,img:not([alt=''])"
        )
        assert tab.js(f'document.querySelectorAll("{foreign}").length') == 0
    tab.press(".beside form button")
    assert tab.js("document.querySelectorAll('.verdict li.ok').length") == 3
    tab.settle()
    assert tab.complaints() == []
    assert [url for url in tab.requested() if not url.startswith(base)] == []


def test_the_policy_is_enforced(tab, served, fake):
    """The canary lives: were something to get through the templates, the policy would stop it."""
    _, link = served(fake.small_log())
    tab.enter(link)
    tab.js(
        "{let s = document.createElement('script'); s.textContent = `document.title = 'OWNED'`;"
        "document.body.append(s); let i = document.createElement('img');"
        "i.setAttribute('onerror', `document.title = 'OWNED'`);"
        "i.src = 'https://elsewhere.invalid/x'; document.body.append(i)}"
    )
    tab.settle()
    assert tab.js("document.title") != "OWNED"
    assert any("Content Security Policy" in complaint for complaint in tab.complaints())


def test_the_whole_way_without_scripts(tab, served, fake):
    _, link = served(fake.small_log())
    tab.call("Emulation.setScriptExecutionDisabled", value=True)
    tab.enter(link)
    tab.type("#q", "actor:alice")
    tab.press(".search button")
    assert tab.js("document.querySelector('h1').textContent") == "Events by alice"
    tab.press(".open a")
    tab.press(".beside form button")
    assert "Verified" in tab.js("document.querySelector('.verdict').textContent")
    tab.press(".who button")
    assert tab.js("location.pathname") == "/login"


def test_keys_lead_where_links_do(tab, served, fake):
    _, link = served(fake.story_log(300))
    tab.enter(link)
    focused = "document.activeElement.getAttribute('href')"
    hrefs = tab.js("[...document.querySelectorAll('td.open a')].map(a => a.getAttribute('href'))")
    for key, at in (("j", 0), ("j", 1), ("k", 0)):
        tab.key(key)
        assert tab.js(focused) == hrefs[at]
    tab.lead("]")
    assert "before=" in tab.js("location.search")
    tab.lead("[")
    assert tab.js("location.search") in {"", "?"}
    tab.key("f")
    assert tab.js("document.activeElement.className") == "only"
    tab.key("?")
    assert tab.js("document.getElementById('keys').open")
    tab.key("j")  # in a dialog keys are not ours
    tab.js("document.querySelector('dialog button').click()")
    assert not tab.js("document.getElementById('keys').open")
    tab.lead("g", "t")
    assert tab.js("location.pathname") == "/trace"
    assert tab.complaints() == []


def test_facets_are_taken_and_excluded_by_keys(tab, served, fake):
    base, link = served(fake.story_log(300))
    tab.enter(link)
    asked = "new URLSearchParams(location.search).get('q')"
    for key, searched in (("f", "outcome:failure"), ("x", "-outcome:failure"),
                          ("F", "-outcome:failure"), ("Enter", "outcome:failure")):  # fmt: skip
        tab.open(f"{base}/")
        values = "[...document.querySelectorAll('.facets section:first-child a.only')]"
        at = tab.js(f"{values}.findIndex(a => a.textContent.trim() === 'failure')")
        tab.key("f")
        for _ in range(at):
            tab.key("j")
        tab.key("j")
        tab.key("k")
        tab.key(key)
        tab.until(f"{asked} === '{searched}'")
        tab.settle()
    assert tab.complaints() == []


def test_times_in_utc_in_the_own_zone_and_as_how_long_ago(tab, served, fake):
    log = fake.small_log()
    base, link = served(log)
    tab.call("Emulation.setTimezoneOverride", timezoneId="Pacific/Auckland")
    tab.enter(link)
    tab.open(f"{base}/?q=actor:alice")
    shown = "document.querySelector('.hits td time').textContent"
    assert tab.js(shown) == "10:30:15"
    tab.key("u")
    assert tab.js(shown) == "23:30:15"
    assert "Pacific/Auckland" in tab.js("document.querySelector('footer').textContent")
    tab.js("document.querySelector('.hits td.open a').click()")
    tab.until("document.querySelector('.drawer time')")
    tab.until("document.querySelector('.drawer time').textContent.includes('23:30:15.123 GMT+13')")
    # it is kept, and a day that is another one here is said
    tab.open(f"{base}/?q=source:web")
    assert tab.js(shown) == "12:59:59 Sun 22"
    tab.key("u")
    assert tab.js(shown).endswith(("ago", "days"))
    tab.key("u")
    assert tab.js(shown) == "23:59:59"
    assert tab.js("document.querySelector('.times-are').textContent") == "Times are UTC."
    tab.open(f"{base}/sources")
    tab.key("u")
    assert "GMT+13" in tab.js("document.querySelector('main time').textContent")
    # what is no time of day stays: how long after the first step
    tab.open(f"{base}/trace/c0ffee-1")
    assert tab.js("document.querySelector('.after time').textContent") == "0.000 s"
    assert tab.complaints() == []


def test_comfort_and_width(tab, served, fake):
    log, _ = fake.hostile_log()
    base, link = served(log)
    tab.enter(link)
    tab.key("/")
    assert tab.js("document.activeElement.id") == "q"
    assert tab.js("document.activeElement.value") == ""
    tab.js(
        "document.querySelector('time').dispatchEvent(new Event('pointerover', {bubbles: true}))"
    )
    assert tab.js("document.querySelector('time').title").startswith("2026-11-22T12:20:00")
    for page in ("/", "/sources", "/about", f"/events/{log.hits[0].event.when.id}", "/nowhere",
                 "/trace/nothing", f"/profile/actor/{quote(fake.HOSTILE[0], safe='')}",
                 f"/trace/{quote(fake.HOSTILE[0], safe='')}",
                 "/overview", "/lookers?q=", "/views?save=1&q=", "/at/40?q=",
                 "/?columns=actor,changes,message,rows",
                 "/around?q=access:read&at=2026-11-22T12:20Z",
                 "/?q=nofield:x", "/?q=|+stats+by+(agent,+time:1d)+count()+max(time)"):  # fmt: skip
        for width in (390, 1280):
            tab.look(width=width)
            tab.open(base + page)
            assert tab.js("document.documentElement.scrollWidth") <= width
