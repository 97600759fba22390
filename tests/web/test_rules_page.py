"""The pages of rules, looks over history and the outbox: words, links, rights, forms."""

import time

import pytest

import alert_kit
import desks_kit
from whodid.app.rule_backtest.task import Answered, Day
from whodid.web.backtests import chart

DAY_US = 86_400_000_000


@pytest.fixture
def place(site):
    desks_kit.with_rules(site.log.folder, "title: Title of rule-high\n# <b>bold</b>\n")
    return site


def as_role(place, role, **rights):
    place.doorkeeper.users.set_rights("admin", role=role, **rights)
    place.log_in()


def post(place, path, **form):
    return place.client.post(path, data={"csrf": place.csrf("/rules"), **form})


def test_the_list_says_what_is_used_and_whether_it_can_find(place):
    text = place.client.get("/rules").text
    assert "<strong>6 rules in use</strong>" in text
    assert "1 can never match here" in text
    assert "1 failed its exercise" in text
    assert "no declared source brings it" in text
    assert "1 of 3 cases failed" in text
    assert "4 cases passed" in text
    assert "no fixture" in text
    assert "<code>DIR/rules/bad.yml:3</code> is not used: it is no rule" in text
    assert "1,200 entries behind" in text
    assert text.index("Title of rule-critical") < text.index("Title of rule-low")
    assert "Title of part" not in text
    assert 'href="/rules/rule-high"' in text
    assert "T1110" in text
    assert [name for name, _ in place.log.calls if name == "list rules"] == ["list rules"]


def test_the_list_is_narrowed(place):
    def titles(query):
        text = place.client.get(f"/rules?{query}").text
        return [name for name in ("rule-high", "rule-low", "over", "part")
                if f"Title of {name}<" in text]  # fmt: skip

    assert titles("state=blind") == ["rule-low"]
    assert titles("state=failing") == ["rule-high"]
    assert titles("state=parts") == ["part"]
    assert titles("level=high") == ["rule-high", "over"]
    assert titles("pack=yours&level=low") == []
    assert titles("state=nonsense") == ["rule-high", "rule-low", "over"]
    assert titles("first=99999") == []
    assert titles("first=x") == ["rule-high", "rule-low", "over"]


def test_no_detector(site):
    text = site.client.get("/rules").text
    assert "No rule is used" in text
    assert site.client.get("/rules/any").status_code == 404


def test_one_rule(place, fake):
    fake.raise_alerts(place.log)
    text = place.client.get("/rules/rule-high").text
    assert "It failed its exercise:" in text
    assert "&lt;b&gt;bold" in text
    assert "<code>eventName</code>" in text
    assert "Alerts of this rule" in text
    assert 'name="rule" value="rule-high"' in text
    medium = place.client.get("/rules/rule-medium").text
    assert "4 cases passed" in medium
    assert "It can never match here:" in place.client.get("/rules/rule-low").text
    assert "Built on" in place.client.get("/rules/over").text
    assert "Part of" in place.client.get("/rules/part").text
    alert = alert_kit.all_of(place.log.alerts.alerts)[0]
    assert f'href="/rules/{alert.rule}"' in place.client.get(f"/alerts/{alert.id}").text


def test_what_is_excluded_of_it(place, fake):
    fake.raise_alerts(place.log)
    place.log.alerts.alerts.silence(
        "omar", "the backup does it", kind="exclusion", rule="rule-high",
        key=(("actor.id", "backup"),),
    )  # fmt: skip
    text = place.client.get("/rules/rule-high").text
    assert "the backup does it" in text
    assert "the backup does it" not in place.client.get("/rules/rule-low").text


def test_a_look_over_history(place):
    begun = post(place, "/backtests", rule="rule-high", days="7")
    assert begun.status_code == 303
    path = begun.headers["location"]
    page = place.client.get(path)
    assert page.headers["refresh"] == "2"
    assert "It has been looking for 0 s" in page.text
    assert "is looked for; one look at a time" in place.client.get("/rules/rule-low").text
    assert post(place, "/backtests", rule="rule-low", days="7").status_code == 503
    place.log.processes[0].answered = Answered(desks_kit.ANSWER)
    place.log.processes[0].free.set()
    end = time.monotonic() + 20
    while "refresh" in (page := place.client.get(path)).headers:
        assert time.monotonic() < end
    assert "<strong>9 alerts</strong>, about one in 3 days, 5 on the worst" in page.text
    assert "2 of them are excluded now" in page.text
    assert page.text.count('<rect class="success"') == 2
    assert page.text.count('<rect class="unknown"') == 1
    assert "1 began before these days" in page.text
    assert "filter_usual" in page.text
    assert 'href="/events/e-1"' in page.text
    assert "123,456 events in 1.250 s" in page.text
    assert f'<a href="{path}">7 days: 9 alerts</a>' in place.client.get("/rules/rule-high").text


def test_a_look_is_ended_and_a_failure_is_told(place):
    path = post(place, "/backtests", rule="rule-high", days="90").headers["location"]
    ended = post(place, "/backtests/end", id=path.rsplit("/", 1)[1])
    assert ended.headers["location"] == "/rules/rule-high"
    assert "It was ended after" in place.client.get(path).text
    assert place.log.processes[0].gone.is_set()
    begun = post(place, "/backtests", rule="rule-low", days="30")
    process = place.log.processes[1]
    process.answered = Answered(error="too <b>many</b>", code="usage")
    process.free.set()
    end = time.monotonic() + 20
    while "It failed" not in (page := place.client.get(begun.headers["location"])).text:
        assert time.monotonic() < end
    assert "too &lt;b&gt;many" in page.text


def test_what_is_no_look(place):
    for form in ({"rule": "none", "days": "7"}, {"rule": "rule-high", "days": "0"},
                 {"rule": "rule-high", "days": "x"}, {"rule": "rule-high"}):  # fmt: skip
        assert post(place, "/backtests", **form).status_code == 404
    assert place.client.post("/backtests", data={"rule": "rule-high"}).status_code == 403
    assert place.client.get("/backtests/none").status_code == 404
    assert place.log.processes == []


def test_an_administrator_sees_rules_and_messages_and_nothing_that_was_found(place, fake):
    fake.raise_alerts(place.log)
    desks_kit.messages(place.log.folder)
    as_role(place, "administrator")
    assert "Last fired" not in place.client.get("/rules").text
    text = place.client.get("/rules/rule-high").text
    assert "&lt;b&gt;bold" in text
    for word in ("Alerts of this rule", "Over history", "Excluded", "Last fired"):
        assert word not in text
    assert place.client.get("/backtests/none").status_code == 403
    outbox = place.client.get("/outbox").text
    assert "/alerts/a1" not in outbox
    assert "HTTP 503" in outbox
    assert 'href="/rules"' in outbox


def test_a_reader_of_a_part_sees_titles(place, fake):
    fake.raise_alerts(place.log)
    as_role(place, "reader", filter_text="actor:nobody")
    text = place.client.get("/rules").text
    assert "Title of rule-high" in text
    for word in ("Last fired", "blind", "failed", "bad.yml", "entries behind"):
        assert word not in text
    one = place.client.get("/rules/rule-high").text
    assert "withheld from you" in one
    assert "bold" not in one
    assert "None that you may see" in one
    assert place.client.get("/outbox").status_code == 403


def test_the_outbox_and_trying_again(place):
    assert "Nothing waits" in place.client.get("/outbox").text
    desks_kit.messages(place.log.folder, reason="<b>503</b>", alert="0190-a")
    text = place.client.get("/outbox").text
    assert "<strong>2 messages wait</strong>" in text
    assert "1 given up" in text
    assert "&lt;b&gt;503" in text
    assert 'href="/alerts/0190-a"' in text
    assert post(place, "/outbox", id="none").status_code == 400
    assert post(place, "/outbox", id="m2").status_code == 303
    assert post(place, "/outbox", all="1").status_code == 303
    assert "0 given up" in place.client.get("/outbox").text
    assert post(place, "/outbox", all="1").status_code == 400
    assert ("admin", "send again") in [one[:2] for one in place.log.recorded]


def test_integrity_says_how_detection_stands(place):
    text = place.client.get("/integrity").text
    assert "1,200 entries behind, for 2 s" in text
    assert "8 in use" in text
    assert "3.3 MiB; the process takes 143 MiB" in text
    assert "2 messages</a>, the oldest for 1 min" in text


def test_bars_stand_on_their_days():
    drawn = chart((Day(0, 4, 0), Day(3 * DAY_US, 1, 1)))
    assert (drawn.width, drawn.peak, len(drawn.ends)) == (40, 4, 2)
    assert [(bar.kind, bar.x, bar.height) for bar in drawn.bars] == [
        ("success", 1, 100), ("unknown", 31, 25),
    ]  # fmt: skip
    assert chart(()) is None
    for looked, width in (((-2, 5), 8), ((1, 2), 4), ((-999, 3), 366), ((0, 999), 366)):
        wide = chart((Day(0, 4, 0), Day(3 * DAY_US, 1, 1)), looked)
        assert wide.width == 10 * width, "every day that was looked at"
        assert [bar.x - wide.bars[0].x for bar in wide.bars] == [
            bar.x - drawn.bars[0].x for bar in drawn.bars
        ]
        assert len(wide.ends) == 2
