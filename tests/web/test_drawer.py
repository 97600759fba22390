"""The event beside the list, in a real Chromium."""

import pytest

pytestmark = pytest.mark.slow

ROWS = "[...document.querySelectorAll('.hits td.open a')]"
TITLE = "document.querySelector('.drawer h2')"


def path(number):
    return f"{ROWS}[{number}].pathname"


def shown(tab, number):
    """Wait until the drawer shows the event of this row."""
    tab.until(f"{TITLE} && document.querySelector('.drawer-bar a').pathname === {path(number)}")
    tab.until("!document.querySelector('.drawer').hasAttribute('aria-busy')")
    form = "document.querySelector('.drawer form').getAttribute('action')"
    tab.until(f"{form}.startsWith({path(number)})")


def test_rows_open_beside_the_list_and_close(tab, served, fake):
    log = fake.story_log(300)
    base, link = served(log)
    tab.enter(link)
    tab.open(f"{base}/?q=access:read")
    tab.key("j")
    tab.key("Enter")
    shown(tab, 0)
    assert tab.js("location.pathname + location.search") == "/?q=access:read"
    assert tab.js("location.hash").startswith("#event=019ab000")
    assert tab.js(f"document.activeElement === {TITLE}")
    assert tab.js("document.querySelector('tr.current td.open a').pathname") == tab.js(path(0))
    tab.key("j")
    shown(tab, 1)
    tab.key("j")
    tab.key("j")
    shown(tab, 3)
    tab.key("k")
    shown(tab, 2)
    tab.key("Escape")
    tab.until("document.querySelector('.drawer').hidden")
    assert tab.js("location.hash") == ""
    assert tab.js(f"document.activeElement === {ROWS}[2]")
    # each look is a read of its own, and those that were passed over were not read
    reads = [method for method, _ in log.calls if method == "event"]
    assert 3 <= len(reads) <= 5
    assert tab.complaints() == []


def test_history_leads_back_and_a_reload_shows_it_again(tab, served, fake):
    base, link = served(fake.story_log(300))
    tab.enter(link)
    tab.open(f"{base}/?q=access:read")
    tab.js(f"{ROWS}[1].click()")
    shown(tab, 1)
    address = tab.js("location.href")
    tab.js("history.back()")
    tab.until("document.querySelector('.drawer').hidden")
    tab.js("history.forward()")
    tab.until("!document.querySelector('.drawer').hidden")
    shown(tab, 1)
    tab.open("about:blank")
    tab.open(address)
    shown(tab, 1)
    tab.js("document.querySelector('.drawer-bar button').click()")
    tab.until("document.querySelector('.drawer').hidden")
    assert tab.js("location.pathname + location.search + location.hash") == "/?q=access:read"
    # with a modifier it is a link as any other
    tab.js(f"{ROWS}[0].dispatchEvent(new MouseEvent('click', {{ctrlKey: true, bubbles: true}}))")
    assert tab.js("document.querySelector('.drawer').hidden")


def test_verify_and_surroundings_come_into_the_drawer(tab, served, fake):
    base, link = served(fake.story_log(300))
    tab.enter(link)
    tab.open(f"{base}/?q=access:read")
    tab.js(f"{ROWS}[5].click()")
    shown(tab, 5)
    tab.js("document.querySelector('.drawer .beside form button').click()")
    tab.until("document.querySelectorAll('.drawer .verdict li.ok').length === 3")
    tab.js("document.querySelector('.drawer .tabs a').click()")
    tab.until("document.querySelectorAll('.drawer .around-rows tr.this').length === 1")
    around = "[...document.querySelectorAll('.around-rows tbody tr:not(.day)')]"
    assert 2 <= tab.js(f"{around}.length") <= 11
    times = tab.js(f"{around}.map(row => row.querySelector('time').dateTime)")
    assert times == sorted(times, reverse=True)
    other = tab.js("document.querySelector('.around-rows td.open a').pathname")
    tab.js("document.querySelector('.around-rows td.open a').click()")
    tab.until(f"document.querySelector('.drawer-bar a').pathname === '{other}'")
    within = "document.querySelector('.drawer .pivots a').getAttribute('href')"
    tab.until(f"document.querySelector('.drawer .pivots a') && {within}.includes('access%3Aread')")
    assert tab.complaints() == []


def test_copies(tab, served, fake):
    base, link = served(fake.small_log())
    tab.call(
        "Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"]
    )
    tab.enter(link)
    tab.open(f"{base}/?q=actor:alice")
    tab.js(f"{ROWS}[0].click()")
    shown(tab, 0)
    tab.js("navigator.clipboard.writeText = text => { window.copied = text; }")
    for name, beginning in (("query", "id:019ab000"), ("citation", "alice read 1,204 rows")):
        tab.js(
            "[...document.querySelectorAll('.drawer button.copy')]"
            f".find(button => button.textContent === 'Copy {name}').click()"
        )
        tab.until(f"window.copied?.startsWith('{beginning}')")
    lines = tab.js("window.copied").split("\n")
    assert lines[2].endswith(f"entry 1 of {fake.ORIGIN}")
    assert lines[3].startswith("covered by the signed head of 7 entries, root ")
    assert lines[4].startswith(f"proof: {base}/v1/events/019ab000")


def test_over_a_narrow_page_nothing_behind_is_reached(tab, served, fake):
    base, link = served(fake.small_log())
    tab.enter(link)
    tab.look(width=390)
    tab.open(f"{base}/")
    tab.js(f"{ROWS}[0].click()")
    shown(tab, 0)
    assert tab.js("document.querySelector('.hits').inert")
    assert tab.js("document.querySelector('.top').inert")
    assert tab.js("document.documentElement.scrollWidth") <= 390
    tab.key("Escape")
    tab.until("document.querySelector('.drawer').hidden")
    assert not tab.js("document.querySelector('.hits').inert")


def test_nothing_planted_runs_in_the_drawer(tab, served, fake):
    log, _ = fake.hostile_log()
    base, link = served(log)
    tab.enter(link)
    tab.open(f"{base}/")
    for number in range(0, 40, 3):
        tab.js(f"{ROWS}[{number}].click()")
        shown(tab, number)
        assert tab.js("document.title").endswith("· whodid")
        foreign = "iframe,.drawer svg,style,object,.drawer img,.drawer script"
        assert tab.js(f'document.querySelectorAll("{foreign}").length') == 0
    tab.settle()
    assert tab.complaints() == []
