"""Learning hears from the ledger whom alerts are about and how they ended."""

import pytest

from baseline_kit import at, record
from whodid.detection.alerts.record import Handled, Raised, encode_record
from whodid.detection.baseline import Scorer
from whodid.detection.baseline.verdicts import Verdicts
from whodid.detection.lookers import Heedless, Learning
from whodid.detection.record import Record
from whodid.detection.rule import Head
from whodid.event import (
    EMPTY_CONTENT,
    EMPTY_CONTEXT,
    EMPTY_WHERE,
    Envelope,
    Event,
    What,
    When,
    Who,
    encode_groups,
)
from whodid.ledger.state_db import OWN_SOURCE

HEAD = Head("some-rule", "Some rule", "high", "0" * 64)


def raised(alert="a1", key=(("actor.id", "ann"),), first=0, last=0):
    times = at(first, 8), at(last, 18)
    return Raised("fired", alert, times[1], HEAD, *times, 1, 1, (), "00", (), (), key=key)


def closed(disposition, alert="a1"):
    return Handled("close", alert, at(9, 9), "carl", disposition=disposition)


def about(entry, news, day, source=OWN_SOURCE):
    event = Event(
        When(id=f"own-{entry}", received=at(day, 10), time=at(day, 10)),
        Who(actor_id="carl"),
        What(action="close alert", resource_type="alert", resource_name="a1"),
        EMPTY_WHERE,
        EMPTY_CONTEXT,
        EMPTY_CONTENT,
        news if isinstance(news, bytes) else encode_record(news),
        Envelope(source=source, format="json"),
    )
    return Record(entry, encode_groups(event), lambda *_: None)


def learned(scorer, actor, resource):
    profile = scorer._model.actors.find(actor)
    return profile is not None and scorer._model.keys(resource) in profile.counters[0].entries


@pytest.mark.parametrize(
    ("disposition", "expected"),
    [("true positive", False), ("benign", True), ("false positive", True), ("duplicate", False)],
)
def test_a_closed_alert_of_any_rule_decides_what_is_learned(disposition, expected):
    looker = Learning(Scorer())
    looker.feed([record(0, at(0, 9), "ann", "doc"), about(1, raised(), 0)])
    looker.feed([record(2, at(4, 9), "bob", "x")])
    assert not learned(looker.scorer, "ann", "doc")  # it waits
    again = Learning(Scorer())
    again.restore(looker.snapshot())
    again.feed([about(3, closed(disposition), 4), record(4, at(5, 9), "bob", "x")])
    assert learned(again.scorer, "ann", "doc") is expected


def test_only_the_days_of_the_alert_wait():
    looker = Learning(Scorer())
    days = [record(n, at(n, 9), "ann", f"doc-{n}") for n in range(4)]
    looker.feed([*days, about(5, raised(first=2, last=2), 3), record(6, at(9, 9), "bob", "x")])
    kept = [learned(looker.scorer, "ann", f"doc-{n}") for n in range(4)]
    assert kept == [True, True, False, True]


def test_another_source_cannot_say_what_is_not_to_be_learned():
    looker = Learning(Scorer())
    looker.feed([record(0, at(0, 9), "ann", "doc"), about(1, raised(), 0, source="evil")])
    looker.feed([about(2, closed("true positive"), 0, source="evil")])
    looker.feed([record(3, at(4, 9), "bob", "x")])
    assert learned(looker.scorer, "ann", "doc")


def test_events_about_alerts_that_are_no_records_say_nothing():
    looker = Learning(Scorer())
    looker.feed([about(0, b"", 0), about(1, b"{}", 0), about(2, b"\xff", 0)])
    assert looker.scorer.counts()["actors"] == 0
    assert looker.scorer.counts()["unread"] == 0


def test_alerts_without_an_actor_are_passed_over_and_longer_ones_grow():
    verdicts = Verdicts()
    verdicts.hear(raised("b1", key=(("ip", "10.0.0.1"),)))
    assert not verdicts.alerts
    verdicts.hear(raised("a1", first=3, last=3))
    verdicts.hear(raised("a1", first=4, last=5))
    assert verdicts.alerts["a1"] == ("ann", at(3, 8), at(5, 18))
    verdicts.hear(closed("true positive", "unknown"))
    verdicts.hear(closed("true positive"))
    days = [at(n, 0) // 86_400_000_000 for n in range(2, 7)]
    assert [verdicts.of("ann", day) for day in days] == [None, True, True, True, None]


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr("whodid.detection.baseline.verdicts.BASELINE_VERDICTS_MAX", 5)
    verdicts = Verdicts()
    for n in range(20):
        verdicts.hear(raised(f"a{n}", key=(("actor.id", f"actor{n}"),)))
    assert len(verdicts.alerts) == len(verdicts.known) == 5
    assert "a19" in verdicts.alerts
    verdicts.say("x", 0, 10**18, malicious=True)  # a time that cannot be ends
    assert len(verdicts.known) == 5


class Everything:
    """A matcher that matches every record, and whose values are the record's own."""

    def matching(self, record):
        return [record.entry]

    def values(self, record, rule, field):
        return (rule, field)


def test_rules_are_not_asked_about_what_the_server_wrote_about_alerts():
    matcher = Heedless(Everything())
    of_server = record_of(1, Who(actor_id="detector", actor_type="system"))
    of_person = record_of(2, Who(actor_id="carl", actor_type="user"))
    of_another = record_of(3, Who(actor_id="x", actor_type="system"), "crm")
    found = [matcher.matching(one) for one in (of_server, of_person, of_another)]
    assert found == [[], [2], [3]]
    assert matcher.values(of_person, "rule", "field") == ("rule", "field")


def record_of(entry, who, source=OWN_SOURCE):
    event = Event(
        When(id=f"own-{entry}", received=at(1, 10)), who, What(resource_type="alert"),
        EMPTY_WHERE, EMPTY_CONTEXT, EMPTY_CONTENT, b"", Envelope(source=source, format="json"),
    )  # fmt: skip
    return Record(entry, encode_groups(event), lambda *_: None)
