"""New events on the page as they come in, in a real Chromium."""

import json

import pytest

pytestmark = pytest.mark.slow

ROWS = "[...document.querySelectorAll('.hits tbody tr:not(.day)')]"
STATE = "document.querySelector('.live-state')?.textContent"
MORE = "document.querySelector('.more-new')"


def add(log, fake, number, *, at="2026-11-22T12:30", **more):
    fields = {"timestamp": f"{at}:{number:02}Z", "userId": f"new-{number}", "action": "READ",
              "resource": "customers", "status": "SUCCESS", **more}  # fmt: skip
    return log.ingest("crm", "json", fake.short(**fields))


@pytest.fixture
def live(tab, served, fake):
    """live(log, query) → a tab on that search, live."""

    def begin(log, query=""):
        base, link = served(log)
        tab.enter(link)
        if query:
            tab.open(f"{base}/{query}")
        tab.key("t")
        tab.until(f"{STATE}?.startsWith('Live')")
        return tab

    return begin


def first(tab, cells="'.what'"):
    return tab.js(f"{ROWS}[0].querySelector({cells}).textContent.trim()")


def test_new_events_come_on_top_and_open(live, fake):
    log = fake.small_log()
    tab = live(log)
    rows = tab.js(f"{ROWS}.length")
    add(log, fake, 1)
    add(log, fake, 2, status="DENIED")
    tab.until(f"{ROWS}.length === {rows + 2}")
    assert first(tab) == "new-2 was denied reading customers"
    assert tab.js(f"{ROWS}[0].querySelector('time').textContent") == "12:30:02"
    assert tab.js(f"{ROWS}[0].querySelector('.outcome').textContent") == "denied"
    told = "[...document.querySelectorAll('.live-state')].map(s => s.textContent)"
    assert tab.js(told) == ["Live", "2 new"]
    narrower = tab.js(f"{ROWS}[0].querySelector('a.actor').href")
    # as the page writes it, or as the server did, if it was asked meanwhile
    assert narrower.replace("%22", "").endswith("?q=actor%3Anew-2")
    add(log, fake, 3, at="2026-11-23T00:00")
    tab.until(f"{ROWS}.length === {rows + 3}")
    assert tab.js("document.querySelector('.hits .day').textContent") == "Monday 23 November 2026"
    tab.key("j")
    tab.key("Enter")
    tab.until("document.querySelector('.drawer h2')?.textContent.includes('new-3')")
    # while an event is open the list stays as it is
    add(log, fake, 4, at="2026-11-23T00:00")
    tab.until(f"{MORE}.textContent === '1 new: show'")
    assert tab.js(f"{ROWS}.length") == rows + 3
    tab.js(f"{MORE}.click()")
    assert tab.js(f"{ROWS}.length") == rows + 4
    tab.key("Escape")
    tab.key("t")
    assert tab.js("document.querySelector('button.live').getAttribute('aria-pressed')") == "false"
    assert tab.complaints() == []


def test_what_happened_before_it_began_is_there_too(live, tab, served, fake):
    log = fake.small_log()
    _, link = served(log)
    tab.enter(link)
    add(log, fake, 1)
    tab.key("t")
    tab.until(f"{ROWS}[0].textContent.includes('new-1')")
    assert tab.js(f"{ROWS}[0].querySelectorAll('a.resource').length") == 1


def test_columns_and_only_what_is_searched_for(live, fake):
    log = fake.small_log()
    tab = live(log, "?q=access:read&columns=actor,rows,resource,outcome")
    add(log, fake, 1, action="DELETE")
    add(log, fake, 2, rows=1234)
    tab.until(f"{ROWS}[0].textContent.includes('new-2')")
    cells = tab.js(f"[...{ROWS}[0].cells].map(cell => cell.textContent.trim())")
    assert cells == ["12:30:02", "new-2", "1,234", "customers", "success"]
    assert not tab.js("document.body.textContent.includes('new-1')")


def test_rows_wait_while_somebody_points_at_them(live, fake):
    log = fake.small_log()
    tab = live(log)
    rows = tab.js(f"{ROWS}.length")
    point = "document.querySelector('.hits table').dispatchEvent(new PointerEvent('pointer%s'))"
    tab.js(point % "enter")
    for number in range(5):
        add(log, fake, number)
    tab.until(f"{MORE}.textContent === '5 new: show'")
    assert tab.js(f"{ROWS}.length") == rows
    tab.js(point % "leave")
    tab.until(f"{ROWS}.length === {rows + 5}")
    assert tab.js(f"{MORE}.hidden")


def test_rows_are_bounded_and_it_says_so(live, fake):
    log = fake.small_log()
    tab = live(log)
    point = "document.querySelector('.hits table').dispatchEvent(new PointerEvent('pointer%s'))"
    tab.js(point % "enter")
    for number in range(520):
        add(log, fake, number % 60, at=f"2026-11-22T13:{number // 60:02}")
    tab.until(f"{MORE}.textContent === '520 new: show'")
    tab.js(f"{MORE}.click()")
    assert tab.js(f"{ROWS}.length") == 300
    assert tab.js(STATE).startswith("Fell behind: 20 events came too fast")
    assert "newest 300 rows" in tab.js("document.querySelector('.hits').textContent")


def test_it_says_that_the_connection_is_lost_and_comes_back(live, fake):
    log = fake.small_log()
    tab = live(log)
    tab.call("Network.emulateNetworkConditions", offline=True, latency=0,
             downloadThroughput=-1, uploadThroughput=-1)  # fmt: skip
    log.fail = ConnectionError("gone")
    tab.until(f"{STATE}.startsWith('Connection lost')")
    log.fail = None
    add(log, fake, 1)
    tab.call("Network.emulateNetworkConditions", offline=False, latency=0,
             downloadThroughput=-1, uploadThroughput=-1)  # fmt: skip
    tab.until(f"{ROWS}[0].textContent.includes('new-1')")
    assert tab.js(STATE).startswith("Live")


def test_an_end_that_the_server_says(live, fake):
    from whodid.errors import StoppedError

    log = fake.small_log()
    tab = live(log)
    log.fail = StoppedError("fsync failed")
    tab.until(f"{STATE} === 'No longer live: fsync failed'")
    assert tab.js("document.querySelector('button.live').getAttribute('aria-pressed')") == "false"


def test_a_login_that_has_ended(live, served, fake):
    log = fake.small_log()
    tab = live(log)
    served.link_as("reader")  # what a user's rights are changed to ends his sessions
    add(log, fake, 1)
    tab.until(f"{STATE}.startsWith('No longer live: ')")
    assert "login" in tab.js(STATE)


@pytest.mark.parametrize("query", ["?q=*+|+sort+-rows", "?q=*+|+limit+5", "?own=1"])
def test_only_where_new_events_would_be_on_top(tab, served, fake, query):
    base, link = served(fake.small_log())
    tab.enter(link)
    tab.open(f"{base}/{query}")
    assert tab.js("document.querySelectorAll('button.live').length") == 0


def test_the_first_event_of_an_empty_log_is_shown(live, fake):
    log = fake.FakeLog()
    tab = live(log)
    add(log, fake, 1)
    tab.until(f"{ROWS}.length === 1 && {STATE}?.startsWith('Live')")


@pytest.mark.parametrize(
    "query", ["", "?q=&columns=actor,resource,changes,message,labels,via,redactions"]
)
def test_nothing_planted_runs(live, fake, query):
    log = fake.small_log()
    tab = live(log, query)
    rows = tab.js(f"{ROWS}.length")
    for number, text in enumerate(fake.HOSTILE):
        log.add(fake.hostile_event(number + 5000, text))
    tab.js("document.activeElement.blur()")
    tab.until(f"{ROWS}.length === {rows + len(fake.HOSTILE)}")
    assert tab.js("document.title").endswith("· whodid")
    allowed = "tr,td,th,a,bdi,span,time"
    assert tab.js(f"document.querySelectorAll('.hits tbody :not({allowed})').length") == 0
    shown = json.dumps(tab.js("document.querySelector('.hits').textContent"))
    assert "\\u202e" not in shown
    assert "U+202E" in shown
    tab.settle()
    assert tab.complaints() == []
