"""The page of a story: its steps, what is not sure about them, and where it leads."""

import re

import pytest
from msgspec.structs import replace

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def told(fake, visit):
    """A story of three systems: one step inferred, one denied, a gap, a clock that is ahead."""
    log = fake.FakeLog()
    for service, at, user, more in (
        ("shop", "10:00:00", "alice", {"duration_ms": 1500, "session_id": "s-77"}),
        ("orders", "10:00:01", "alice", {"status": "DENIED"}),
        ("mail", "10:09:00", "mailer", {}),
    ):
        log.ingest(service, "json", fake.short(
            timestamp=f"2026-11-22T{at}Z", userId=user, action="READ", resource=f"{service}/1",
            service=service, correlation_id="corr/1 a", **more,
        ))  # fmt: skip
    log.ingest("shop", "json", fake.short(
        timestamp="2026-11-22T10:00:02Z", userId="alice", action="READ", resource="near/1",
        service="shop", session_id="s-77",
    ))  # fmt: skip
    site = visit(log)
    site.log_in()
    log.calls.clear()
    return site


PATH = "/trace/corr%2F1%20a"


def test_steps_in_order_with_bars_and_marks(told):
    answer = told.client.get(PATH)
    assert answer.status_code == 200
    assert [method for method, _ in told.log.calls] == ["trace"]
    text = answer.text
    assert "<h1>4 events of 3 systems in 9 min</h1>" in text
    assert re.findall(r"<bdi>(shop|orders|mail)</bdi></td>", text) == [
        "shop", "orders", "shop", "mail",
    ]  # fmt: skip
    assert text.count('<tr class="inferred">') == 1
    assert "inferred: same session, 1.0 s from a step" in text
    assert "Nothing is known for 8 min 58 s" in text
    bars = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="1" width="([\d.]+)"', text)
    assert [kind for kind, _, _ in bars] == ["unknown", "denied", "unknown", "unknown"]
    starts = [float(x) for _, x, _ in bars]
    assert starts == sorted(starts)
    assert float(bars[0][2]) > float(bars[1][2])
    assert all(float(x) + float(width) <= 1000.1 for _, x, width in bars)


def test_without_what_is_inferred(told):
    text = told.client.get(f"{PATH}?stated=1").text
    assert "<h1>3 events" in text
    assert 'class="inferred"' not in text
    assert f'href="{PATH}"' in text


def test_the_box_leads_to_the_story(told):
    assert "paste the id" in told.client.get("/trace").text
    answer = told.client.get("/trace", params={"id": " corr/1 a "})
    assert (answer.status_code, answer.headers["location"]) == (303, PATH)


def test_nothing_has_it(told):
    answer = told.client.get("/trace/corr-404")
    assert answer.status_code == 404
    assert "Nothing has this id" in answer.text
    assert 'href="/?q=%22corr-404%22"' in answer.text


def test_only_own_events_have_it(told, monkeypatch):
    trace = told.log.trace
    monkeypatch.setattr(
        told.log, "trace", lambda *asked, **how: replace(trace(*asked, **how), hidden_own=1)
    )
    answer = told.client.get("/trace/corr-own")
    assert answer.status_code == 404
    assert "own events have this id" in answer.text
    assert "1 event of whodid itself has" in answer.text
    assert 'href="/?q=%22corr-own%22&amp;own=1"' in answer.text


def test_an_event_leads_to_its_story(told):
    text = told.client.get("/events/019ab000-0000-7000-8000-000000000000").text
    assert f'<a href="{PATH}">The whole story, across all systems</a>' in text
    alone = told.client.get("/events/019ab000-0000-7000-8000-000000000003").text
    assert "The whole story" not in alone


def test_it_asks_for_a_login(fake, visit):
    site = visit(fake.small_log())
    answer = site.client.get("/trace/corr-1")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=%2Ftrace%2F")
