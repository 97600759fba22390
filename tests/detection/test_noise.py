"""How loud a rule is, and which exclusions are suggested for it."""

from whodid.detection.backtest.noise import DAY_US, QUIET_US, noise
from whodid.detection.backtest.tune import suggestions
from whodid.detection.finding import Finding, Match
from whodid.detection.rule import Head

HEAD = Head("a", "A", "low", "v1")


def finding(entry, time_us, key="", head=HEAD, count=1):
    pairs = (("actor.id", key),) if key else ()
    return Finding(head, time_us, time_us, count, (Match(entry, str(entry), time_us),), pairs)


def test_findings_about_one_key_are_one_alert_until_it_is_quiet():
    found = [
        finding(1, 0, "ann"), finding(2, QUIET_US - 1, "ann"), finding(3, 2 * QUIET_US - 2, "ann"),
        finding(4, 5, "bob", count=7), finding(5, 4 * QUIET_US, "ann"),
    ]  # fmt: skip
    [told] = noise(reversed(found), 0, 4 * DAY_US)
    assert (told.findings, told.alerts, told.events) == (5, 3, 11)
    assert told.alerts_a_day == 0.75
    assert (told.most_a_day, told.days) == (2, 2)
    assert told.keys == (("actor.id=ann", 2), ("actor.id=bob", 1))


def test_rules_are_told_apart_the_loudest_first():
    loud = Head("b", "B", "high", "v1")
    found = [finding(n, n * QUIET_US, head=loud) for n in range(5)] + [finding(9, 0)]
    assert [(item.rule.id, item.alerts) for item in noise(found, 0, 1)] == [("b", 5), ("a", 1)]
    assert noise([], 0, 0) == []
    assert noise(found, 5, 5)[1].alerts_a_day == 1, "less than a day counts as one"


def test_a_habit_is_suggested_and_an_incident_is_not():
    found, events = [], {}
    for day in range(6):  # a backup job, every day
        found.append(finding(day, day * DAY_US, f"job-{day}"))
        events[day] = {"actor.id": "backup", "ip": "10.0.0.1", "action": "GET"}
    for hour in range(9):  # an attack, on one day
        found.append(finding(100 + hour, 7 * DAY_US + hour, f"it-{hour}"))
        events[100 + hour] = {"actor.id": "mallory", "ip": "203.0.113.9", "action": "GET"}
    told = suggestions(found, events.get)
    assert [(item.values, item.alerts, item.left, item.days) for item in told] == [
        ((("action", "GET"),), 15, 0, 7),
        ((("action", "GET"), ("actor.id", "backup")), 6, 9, 6),
    ]  # fmt: skip
    assert "mallory" not in str(told)


def test_an_exclusion_spares_an_alert_only_with_all_its_events():
    """Day by day ann and bob are in one alert: without ann it would be there still."""
    found = [
        finding(number, day * 2 * DAY_US + number, "all")
        for day in range(4)
        for number in (2 * day, 2 * day + 1)
    ]
    events = {n: {"actor.id": "ann" if n % 2 else "bob"} for n in range(8)}
    assert suggestions(found, events.get) == []
    events = {n: {"actor.id": "ann"} for n in range(8)}
    assert [item.alerts for item in suggestions(found, events.get)] == [4]
    assert suggestions(found, lambda _: None) == []


def test_it_can_be_pasted_into_a_rule():
    found = [finding(day, day * 2 * DAY_US) for day in range(3)]
    [told] = suggestions(found, lambda _: {"agent": "it's a*b\\c"})
    assert told.as_sigma() == (
        "  filter_usual:\n    agent: 'it''s a\\*b\\\\c'\n  condition: … and not filter_usual"
    )
