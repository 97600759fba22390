"""The order of alerts: what was found last first, by the hour, then by the newest event."""

import pytest

from alert_kit import START_US, all_of, finding, make
from whodid.app.alert_answer import AlertQuery, place_of, place_text
from whodid.app.alert_list import AlertList
from whodid.errors import UsageError

HOUR_US = 3_600_000_000


def found(alerts, clock, hour, **ats):
    """Find something of these entities in an hour, each of the event at its second."""
    clock.now = START_US + hour * HOUR_US
    alerts.take([finding(key=(("actor", name),), at=at) for name, at in ats.items()])


@pytest.fixture
def kit(tmp_path):
    alerts, _, clock = make(tmp_path)
    found(alerts, clock, 0, old=5, older=3, oldest=1)
    found(alerts, clock, 2, past=-9_000, present=7_000)
    return alerts, clock


def pages(alerts, limit, sees=None, between=lambda: None):
    names = {alerts.tagger.key_tags((("actor", n),)): n for n in (
        "old", "older", "oldest", "past", "present",
    )}  # fmt: skip
    below, told = None, []
    while True:
        page = AlertList(AlertQuery(limit=limit, below=below), alerts, sees).page()
        told.append([names[alert.tags] for alert in page.alerts])
        below = place_of(place_text(page.next) or "")
        if below is None:
            return told
        between()


@pytest.mark.parametrize("sees", [None, lambda _: True])
def test_by_hour_of_finding_then_by_event(kit, sees):
    alerts, _ = kit
    order = ["present", "past", "old", "older", "oldest"]
    assert pages(alerts, 50, sees) == [order], "an event of long ago does not hide its alert"
    assert pages(alerts, 2, sees) == [order[:2], order[2:4], order[4:]]
    assert pages(alerts, 1, sees) == [[name] for name in order]


def test_what_comes_again_stands_above_and_pages_end(kit):
    alerts, clock = kit
    hours = iter(range(3, 99))

    def again():
        hour = next(hours)
        found(alerts, clock, hour, past=hour)

    told = pages(alerts, 2, between=again)
    assert told == [["present", "past"], ["old", "older"], ["oldest"]]
    assert pages(alerts, 2)[0] == ["past", "present"]


def test_a_place_tells_no_time_of_an_event(kit):
    alerts, _ = kit
    text = place_text(AlertList(AlertQuery(limit=1), alerts, None).page().next)
    [present] = [alert for alert in all_of(alerts) if alert.last_us > START_US + HOUR_US]
    assert text == f"{present.seen_us // HOUR_US}.{present.entry}"
    for bad in ("1", "1.", "-1.2", "1.2.3", "x", "1.2\n", "٣.1"):
        with pytest.raises(UsageError):
            place_of(bad)
