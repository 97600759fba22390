"""The pages of alerts: the list, one alert, muting with its effect shown first."""

import re

import msgspec
import pytest

import alert_kit
from whodid.errors import RefusedError


@pytest.fixture
def site(visit, fake):
    found = visit(fake.story_log(200))
    fake.raise_alerts(found.log)
    found.log_in()
    found.log.calls.clear()
    found.log.recorded.clear()
    return found


def by_rule(site):
    return {one.rule: one for one in alert_kit.all_of(site.log.alerts.alerts)}


def post(site, path, **form):
    return site.client.post(path, data={"csrf": site.csrf("/about"), **form})


def test_the_list_of_open_alerts(site):
    text = site.client.get("/alerts").text
    assert [record[:3] for record in site.log.recorded] == [("admin", "list alerts", "alerts")]
    titles = re.findall(r'class="title" href="/alerts/[0-9a-f-]{36}">Title of ([^<]+)</a>', text)
    assert titles == ["rule-critical", "rule-high", "rule-low"]
    assert "<strong>2 open</strong>" in text
    assert "1 acknowledged" in text
    assert '<span class="level critical">critical</span>' in text
    assert '<a href="/alerts" aria-current="true">Active</a>' in text
    assert 'open-alerts">2<span' in text
    assert "did it" in text
    assert re.search(r'<a class="resource" href="/\?q=actor.id%3A[^"]+"><bdi>', text)


@pytest.mark.parametrize(
    ("query", "rules"),
    [
        ("?state=open", ["rule-critical", "rule-high"]),
        ("?state=acknowledged", ["rule-low"]),
        ("?state=closed", ["rule-informational"]),
        ("?state=muted", ["rule-medium"]),
        ("?level=critical", ["rule-critical"]),
        ("?rule=rule-high", ["rule-high"]),
        ("?assignee=omar", ["rule-low"]),
        ("?below=0.0", []),
        ("?key=actor.id%3Dnobody", []),
    ],
)
def test_what_narrows_the_list(site, query, rules):
    text = site.client.get(f"/alerts{query}").text
    assert re.findall(r'class="title" href="[^"]+">Title of ([^<]+)</a>', text) == rules
    if not rules:
        assert "None of these" in text


@pytest.mark.parametrize(("query", "status"), [("?level=worst", 404), ("?key=%3D", 404),
                                               ("?state=lost", 404)])  # fmt: skip
def test_what_cannot_be_asked(site, query, status):
    assert site.client.get(f"/alerts{query}").status_code == status


def test_an_empty_list_says_why(visit, fake):
    found = visit(fake.small_log())
    found.log_in()
    text = found.client.get("/alerts").text
    assert "No alert yet" in text
    assert "open-alerts" not in text
    found.log.alerts.alerts.take([alert_kit.finding_of(found.log.hits[:1])])
    found.log.alerts.alerts.close(by_rule(found)["burst"].id, "x", "benign")
    assert "Nothing is open" in found.client.get("/alerts").text


def test_own_events_are_in_no_story(visit, fake):
    log = fake.FakeLog()
    log.ingest("whodid", "json", fake.short(
        timestamp="2026-11-22T10:00:00Z", userId="alice", action="search", resource="ledger",
        service="whodid", request_id="r-1",
    ))  # fmt: skip
    found = visit(log)
    found.log_in()
    log.alerts.alerts.take([alert_kit.finding_of(log.hits[:1])])
    text = found.client.get(f"/alerts/{by_rule(found)['burst'].id}").text
    assert 'href="/events/' in text
    assert "/trace/" not in text.replace('"/trace"', "")


def test_one_alert(site):
    alert = by_rule(site)["rule-critical"]
    text = site.client.get(f"/alerts/{alert.id}").text
    assert [record[:3] for record in site.log.recorded] == [("admin", "show alert", alert.id)]
    assert "<h1>Title of rule-critical</h1>" in text
    assert "times within 5 minutes" in text
    assert len(re.findall(r'<td class="open"><a href="/events/', text)) == 7
    assert "attack.t1110" in text
    assert "<code>9f86d081884c</code>" in text
    assert 'href="/trace/' in text
    assert re.search(r'href="/\?q=actor.id%3A[^"]*time%3A[^"]*">Everything of the same key', text)
    assert "<button>Acknowledge</button>" in text
    assert site.client.get("/alerts/nothing").status_code == 404
    noted = site.client.get(f"/alerts/{by_rule(site)['rule-low'].id}").text
    assert "the door was open" in noted
    assert "<button>Acknowledge</button>" not in noted
    closed = site.client.get(f"/alerts/{by_rule(site)['rule-informational'].id}").text
    assert "Open again" in closed
    assert "closed as benign" in closed


def test_acting_on_an_alert(site):
    alert = by_rule(site)["rule-high"]
    path = f"/alerts/{alert.id}"
    done = post(site, path, act="acknowledge")
    assert (done.status_code, done.headers["location"]) == (303, path)
    post(site, path, act="assign", assignee="rita")
    post(site, path, act="note", note="hm <b>")
    assert "hm &lt;b&gt;" in site.client.get(path).text
    refused = post(site, path, act="close", disposition="nothing")
    assert refused.status_code == 400
    assert "say what the alert was" in refused.text
    post(site, path, act="close", disposition="false positive", note="a script")
    found = by_rule(site)["rule-high"]
    assert (found.state, found.disposition, found.assignee) == ("closed", "false positive", "rita")
    post(site, path, act="reopen")
    assert by_rule(site)["rule-high"].state == "open"
    assert post(site, path, act="explode").status_code == 400


def test_from_an_event_to_the_alerts_of_its_actor(site):
    alert = by_rule(site)["rule-high"]
    page = site.client.get(f"/alerts/{alert.id}").text
    event = re.findall(r'<td class="open"><a href="(/events/[^"]+)"', page)[0]
    [href] = re.findall(r'href="(/alerts\?state=all&amp;key=[^"]+)"', site.client.get(event).text)
    found = site.client.get(href.replace("&amp;", "&")).text
    assert "Title of rule-high" in found
    assert "Title of rule-critical" not in found


def test_a_form_from_elsewhere_changes_nothing(site):
    path = f"/alerts/{by_rule(site)['rule-high'].id}"
    assert site.client.post(path, data={"act": "acknowledge"}).status_code == 403
    headers = {"sec-fetch-site": "cross-site"}
    form = {"csrf": site.csrf("/about"), "act": "acknowledge"}
    assert site.client.post(path, data=form, headers=headers).status_code == 403
    assert by_rule(site)["rule-high"].state == "open"


def test_muting_shows_its_effect_and_then_asks_why(site):
    alert = by_rule(site)["rule-high"]
    page = site.client.get(f"/alerts/{alert.id}").text
    [silence, exclude] = re.findall(rf'href="(/alerts/{alert.id}/mute[^"]+)"', page)
    text = site.client.get(silence.replace("&amp;", "&")).text
    assert "<strong>1 of 5 alerts</strong> of the last 30 days" in text
    assert 'name="rule" value="1" checked' in text
    assert 'name="field" value="0" checked' in text
    assert "Exclude such alerts" in site.client.get(exclude.replace("&amp;", "&")).text
    form = {"kind": "silence", "rule": "1", "fields": "0", "hours": "8", "days": "30", "level": ""}
    refused = post(site, f"/alerts/{alert.id}/mute", **form, reason="  ")
    assert refused.status_code == 400
    assert "a silence has a reason" in refused.text
    assert by_rule(site)["rule-high"].muted == ""
    made = post(site, f"/alerts/{alert.id}/mute", **form, reason="a drill")
    assert made.headers["location"] == f"/alerts/{alert.id}"
    assert by_rule(site)["rule-high"].muted.startswith("silence:")
    text = site.client.get("/silences").text
    assert "a drill" in text
    assert text.count('<td class="acts"><form') == 3
    silence_id = re.findall(r'name="id" value="([^"]+)"', text)[0]
    assert post(site, "/silences/end", id=silence_id).headers["location"] == "/silences"
    assert by_rule(site)["rule-high"].muted == ""
    assert "ended" in site.client.get("/silences?ended=1").text


def test_what_was_an_attack_is_said_before_it_is_muted(site):
    alert = by_rule(site)["rule-high"]
    post(site, f"/alerts/{alert.id}", act="close", disposition="true positive")
    text = site.client.get(f"/alerts/{alert.id}/mute?kind=exclusion&rule=1").text
    assert "1 of them was closed as an attack." in text
    nothing = site.client.get(f"/alerts/{alert.id}/mute?kind=silence").text
    assert "say what is muted" in nothing
    assert 'id="reason"' not in nothing
    for query in ("?kind=silence&field=7&rule=1", "?kind=x&rule=1&days=x&hours=-1&level=low",
                  "?kind=silence&rule=1&days=9999", "?field=x"):  # fmt: skip
        assert site.client.get(f"/alerts/{alert.id}/mute{query}").status_code == 200


def test_roles(site):
    alert = by_rule(site)["rule-high"]
    for role, status in (("reader", 200), ("approver", 200), ("administrator", 403)):
        site.doorkeeper.users.set_rights("admin", role=role)
        site.log_in()
        text = site.client.get("/about").text
        assert ('href="/alerts"' in text) == (status == 200)
        assert site.client.get("/alerts").status_code == status
        page = site.client.get(f"/alerts/{alert.id}")
        assert page.status_code == status
        assert "Acknowledge</button>" not in page.text
        for path, form in (
            (f"/alerts/{alert.id}", {"act": "acknowledge"}),
            (f"/alerts/{alert.id}/mute", {"kind": "exclusion", "rule": "1", "reason": "x"}),
            ("/silences/end", {"id": "x"}),
        ):
            assert post(site, path, **form).status_code == 403
        for path in ("/silences", f"/alerts/{alert.id}/mute"):
            assert site.client.get(path).status_code == 403
    assert by_rule(site)["rule-high"].state == "open"


def test_pages_without_alerts_when_they_cannot_be_told(site, monkeypatch):
    def fails(_look):
        raise RefusedError("busy")

    monkeypatch.setattr(site.log.alerts.alerts, "read", fails)
    assert site.client.get("/about").status_code == 200
    assert site.client.get("/alerts").status_code == 503


def test_a_long_list_has_pages(site):
    desk = site.log.alerts
    hits = site.log.hits[:1]
    for number in range(60):
        rule = alert_kit.head(f"many-{number}", "low")
        desk.alerts.take([alert_kit.finding_of(hits, rule, (("actor.id", f"p{number}"),))])
    text = site.client.get("/alerts").text
    [older] = re.findall(r'<a rel="next" href="([^"]+)"', text)
    text = site.client.get(older).text
    assert '<a rel="prev" href="/alerts">' in text
    assert "Title of rule-high" in text
    assert "Title of many-59" not in text


def test_one_that_cannot_be_read_any_more(site):
    alert = by_rule(site)["rule-high"]
    site.log.alerts.journal.entries[alert.entry] = None
    text = site.client.get(f"/alerts/{alert.id}").text
    assert "its entries are gone" in text
    assert "Title of rule-high" in text
    assert msgspec.json.encode(text)
