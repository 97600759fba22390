"""Completion in the search box, in a real Chromium."""

import pytest

pytestmark = pytest.mark.slow

OFFERS = (
    "[...document.querySelectorAll('#offers [role=option]')].map(o => o.firstChild.textContent)"
)


def offers(tab, expected):
    tab.until(f"!document.querySelector('#offers').hidden && ({OFFERS}).includes('{expected}')")
    return tab.js(OFFERS)


def test_a_search_is_put_together_by_keys(tab, served, fake):
    log = fake.small_log()
    _, link = served(log)
    tab.enter(link)
    assert tab.js("document.querySelector('#offers').hidden")
    tab.key("/")
    tab.type("#q", "out")
    assert offers(tab, "outcome:") == ["outcome:"]
    assert tab.js("document.querySelector('#q').getAttribute('aria-expanded')") == "true"
    tab.key("ArrowDown")
    active = tab.js("document.querySelector('#q').getAttribute('aria-activedescendant')")
    assert tab.js(f"document.getElementById('{active}').getAttribute('aria-selected')") == "true"
    tab.key("Enter")
    assert tab.js("document.querySelector('#q').value") == "outcome:"
    assert "denied" in offers(tab, "success")
    tab.key("d")
    tab.until(f"({OFFERS}).join() === 'denied'")
    tab.key("ArrowDown")
    tab.key("Tab")
    assert tab.js("document.querySelector('#q').value") == "outcome:denied "
    tab.type("#q", "actor:b")
    assert offers(tab, "bob") == ["bob"]
    log.calls.clear()
    tab.type("#q", "o")
    tab.until(f"({OFFERS}).join() === 'bob'")
    assert log.calls == []  # all that fit were known, and each asking is recorded
    tab.key("Backspace")
    tab.until("document.querySelector('#q').value === 'outcome:denied actor:b'")
    assert offers(tab, "bob") == ["bob"]
    tab.key("Escape")
    assert tab.js("document.querySelector('#offers').hidden")
    assert tab.js("document.querySelector('#q').getAttribute('aria-expanded')") == "false"
    # Enter without a choice searches for what is typed
    tab.key("Enter")
    tab.until("location.search.includes('actor%3Ab')")
    assert tab.complaints() == []


def test_people_and_the_mouse(tab, served, fake):
    _, link = served(fake.small_log())
    tab.enter(link)
    tab.type("#q", "\U0001f600 ali")
    offers(tab, "alice")
    tab.js(
        "[...document.querySelectorAll('#offers [role=option]')].at(-1)"
        ".dispatchEvent(new PointerEvent('pointerdown', {bubbles: true, cancelable: true}))"
    )
    assert tab.js("document.querySelector('#q').value") == "\U0001f600 actor:alice "


def test_nothing_planted_runs_in_the_list(tab, served, fake):
    log, _ = fake.hostile_log()
    _, link = served(log)
    tab.enter(link)
    for typed, seen in (
        ("resource:scr", "<script>"),
        ("actor:ev", "evil.example"),
        ("evil", "evil"),
    ):
        tab.js("document.querySelector('#q').value = ''")
        tab.type("#q", typed)
        tab.until(f"({OFFERS}).some(text => text.includes('{seen}'))")
        assert tab.js("document.querySelectorAll('#offers :not(li, bdi, span)').length") == 0
        tab.key("ArrowDown")
        tab.key("Enter")
    tab.until("document.title.endsWith('· whodid')")
    tab.settle()
    assert tab.complaints() == []
