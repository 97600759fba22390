"""Every page, in both colour schemes, examined by axe-core in a real Chromium.

axe-core (Deque Systems) comes with a package of PyPI; nothing of it is committed. It finds what a
machine can find: names, roles, contrast, structure. What is serious or critical fails.
"""

import json
from importlib.resources import files

import pytest

import alert_kit
import desks_kit

pytestmark = pytest.mark.slow

_RUN = """axe.run(document, {preload: false, resultTypes: ['violations']}).then(found =>
    found.violations.map(one => [one.impact, one.id, one.help,
        one.nodes.map(node => node.html.slice(0, 200))]))"""
_FAILING = {"serious", "critical"}


@pytest.fixture(scope="module")
def axe():
    return (files("axe_core_python") / "axe.min.js").read_text("utf-8")


@pytest.fixture
def examined(tab, axe):
    """examined(name) → the findings on the page of the tab that fail."""

    def examine(name):
        tab.js(axe)
        found = tab.awaited(_RUN)
        return [(name, *finding) for finding in found if finding[0] in _FAILING]

    return examine


def told(findings):
    return json.dumps(findings, indent=1)


def open_drawer(tab, _log=None):
    tab.js("document.querySelector('.hits td.open a').click()")
    tab.until("document.querySelector('.drawer form')")
    tab.js("document.querySelector('.drawer .tabs a').click()")
    tab.until("document.querySelector('.drawer .around-rows tr')")


def open_completion(tab, _log=None):
    tab.type("#q", "outcome:")
    tab.until("!document.querySelector('#offers').hidden")
    tab.key("ArrowDown")


def go_live(tab, _log=None):
    tab.key("t")
    tab.until("document.querySelector('.live-state').textContent.startsWith('Live')")


def brush(tab, _log=None):
    tab.js("document.querySelector('.brush').focus()")
    tab.key("ArrowLeft", shift=True)


def verify(tab, _log=None):
    tab.press(".beside form button")


def show_keys(tab, _log=None):
    tab.key("?")


def look_over_history(tab, _log):
    tab.press("form[action='/backtests'] button")
    assert "It has been looking for" in tab.js("document.querySelector('main').textContent")


def look_to_its_end(tab, log):
    log.processes[-1].free.set()
    tab.press("a[href^='/backtests/']")
    tab.until("document.querySelector('.days svg')")


def choose_columns(tab, _log=None):
    tab.js("document.querySelector('.choose summary').click()")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_of_a_reader(tab, served, fake, examined, dark):
    log = fake.story_log(300)
    changed = log.add(fake.hostile_event(5000, "words"))
    base, link = served(log)
    fake.raise_alerts(log)
    desks_kit.with_rules(log.folder)
    desks_kit.messages(log.folder)
    alert = f"/alerts/{alert_kit.all_of(log.alerts.alerts)[-1].id}"
    tab.look(dark=dark)
    tab.open(f"{base}/login")
    findings = examined("login")
    tab.open(link)
    findings += examined("login by a link")
    tab.press("main button")
    event = f"/events/{log.hits[30].event.when.id}"
    pages = (
        ("/", None), ("/?q=access:read", open_drawer), ("/", open_completion), ("/", go_live),
        ("/", brush), ("/", show_keys), ("/?columns=actor,action,outcome,rows", None),
        ("/?columns=actor,changes", choose_columns), ("/?q=actor:nobody+rows:5", None),
        ("/?q=nofield:x", None), ("/?q=|+stats+by+(actor,outcome)+count(),+max(time)", None),
        (event, None), (event, verify), (f"/events/{changed.event.when.id}", None),
        ("/around?q=access:read&at=2026-11-20T10:00:00Z", None), ("/sources", None),
        ("/trace", None), (f"/trace/{log.hits[30].event.when.id}", None),
        ("/profile/actor/backup", None), ("/integrity", None), ("/connect", None),
        ("/about", None), ("/nowhere", None), ("/overview", None), ("/lookers", None),
        ("/lookers?q=", None), ("/views", None), ("/views?save=1&q=actor:alice", None),
        ("/at/40?q=access:read", None), ("/alerts", None), ("/alerts?state=all", None),
        ("/alerts?level=critical&state=closed", None), (alert, None), (f"{alert}/mute", None),
        ("/silences", None), ("/silences?ended=1", None), ("/rules", None),
        ("/rules?state=blind&level=low", None), ("/rules?level=critical&state=failing", None),
        ("/rules/rule-high", None), ("/rules/over", None), ("/outbox", None),
        ("/rules/rule-high", look_over_history), ("/rules/rule-high", look_to_its_end),
    )  # fmt: skip
    for path, act in pages:
        tab.open(base + path)
        if act is not None:
            act(tab, log)
        findings += examined(f"{path} {act.__name__ if act else ''}")
    assert not findings, told(findings)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_narrow_search_page(tab, served, fake, examined, dark):
    log = fake.story_log(300)
    base, link = served(log)
    fake.raise_alerts(log)
    alert = f"/alerts/{alert_kit.all_of(log.alerts.alerts)[-1].id}"
    tab.enter(link)
    tab.look(width=390, dark=dark)
    tab.open(f"{base}/")
    findings = examined("search")
    open_drawer(tab)
    findings += examined("drawer")
    tab.open(f"{base}/?columns=actor,action,outcome,rows")
    findings += examined("columns")
    desks_kit.with_rules(log.folder)
    desks_kit.messages(log.folder)
    pages = ("/alerts?state=all", alert, "/silences", "/rules", "/rules/rule-high", "/outbox")
    for path in pages:
        tab.open(base + path)
        findings += examined(path)
    assert not findings, told(findings)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_page_of_an_administrator(tab, served, fake, examined, dark):
    log = fake.small_log()
    base, _ = served(log)
    desks_kit.with_rules(log.folder)
    desks_kit.messages(log.folder)
    tab.look(dark=dark)
    tab.open(served.link_as("administrator"))
    tab.press("main button")
    findings = []
    for path in (
        "/people", "/tokens", "/sources", "/about", "/rules", "/rules/rule-high", "/outbox",
    ):  # fmt: skip
        tab.open(base + path)
        findings += examined(path)
    assert not findings, told(findings)


def test_the_judge_finds_what_is_wrong(tab, served, fake, examined):
    _, link = served(fake.small_log())
    tab.enter(link)
    tab.js(
        "document.querySelector('#q').removeAttribute('id');"
        "document.querySelector('.search label').remove();"
        "document.querySelector('.search input').removeAttribute('placeholder')"
    )
    assert "label" in {finding[2] for finding in examined("broken")}
