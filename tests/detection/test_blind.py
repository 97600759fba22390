"""A rule that can never match here is told, with the reason; others are not."""

import pytest

from rule_kit import record, rule_text, rules_of
from whodid.detection.compiled import Observed, unmatchable

_AWS = {"product": "aws", "service": "cloudtrail"}


def _blind(tmp_path, detection, source=None, sources=None, records=()):
    rules = rules_of(tmp_path, rule_text(detection, source=source))
    observed = Observed(rules) if records else None
    for it in records:
        observed.look(it)
    return unmatchable(rules, sources, observed)


@pytest.mark.parametrize(
    "detection",
    [
        "s: {eventName: x}\ncondition: s",
        "s: {nonsense: null}\ncondition: s",
        "s: {eventName: x}\nt: {nonsense: x}\ncondition: s or t",
        "s: {eventName: x}\nt: {nonsense: x}\ncondition: s and not t",
        "s: {actor.name: x, outcome: failure}\ncondition: s",
        "s: {requestParameters.anything.at.all: x}\ncondition: s",
        "k: [word]\ncondition: k",
        "s: {user.name: x}\ncondition: s",
    ],
)
def test_what_can_match_is_not_told(tmp_path, detection):
    assert not _blind(tmp_path, detection)
    assert not _blind(tmp_path, detection, sources=[("mine", "cloudtrail")])
    assert not _blind(tmp_path, detection, sources=[("mine", "json")])


@pytest.mark.parametrize(
    ("detection", "fields"),
    [
        ("s: {eventNmae: x}\ncondition: s", ("eventNmae",)),
        ("s: {eventName: x, src_country: y}\ncondition: s", ("src_country",)),
        ("s: {a: 1}\nt: {b: 1}\ncondition: 1 of them", ("a", "b")),
        ("s: {eventName|fieldref: nothing}\ncondition: s", ("nothing",)),
        ("s: {Eventname: x}\ncondition: s", ("Eventname",)),
    ],
)
def test_fields_that_such_logs_do_not_have(tmp_path, detection, fields):
    [blind] = _blind(tmp_path, detection)
    assert blind.why == "field"
    assert blind.fields == fields
    assert "cloudtrail" in blind.reason


def test_logsources_that_nothing_brings(tmp_path):
    item = "s: {x: 1}\ncondition: s"
    windows = {"product": "windows", "category": "process_creation"}
    [blind] = _blind(tmp_path, item, windows)
    assert blind.why == "logsource"
    [blind] = _blind(tmp_path, item, windows, [("aws", "cloudtrail")])
    assert blind.why == "logsource"
    assert "windows" in blind.reason
    assert not _blind(tmp_path, item, windows, [("windows-hosts", "json")])
    [blind] = _blind(tmp_path, "s: {eventName: x}\ncondition: s", _AWS, [("pg", "postgres")])
    assert blind.why == "source"
    assert not _blind(tmp_path, item, {"product": "whodid"}, [("pg", "json")])


def test_fields_that_never_came(tmp_path):
    item = "s: {requestParameters.userName: x, requestParameters.zone: y}\ncondition: s"
    raw = {"eventName": "A", "eventSource": "b", "requestParameters": {"userName": "u"}}
    [blind] = _blind(tmp_path, item, sources=[("aws", "cloudtrail")], records=[record(raw)] * 3)
    assert blind.why == "unseen"
    assert blind.fields == ("requestParameters.zone",)
    assert "3 records" in blind.reason
    raw["requestParameters"]["zone"] = "z"
    assert not _blind(tmp_path, item, sources=[("aws", "cloudtrail")], records=[record(raw)])
    other = record({"user": "u", "action": "a"}, "json", "app")
    assert not _blind(tmp_path, item, sources=[("aws", "cloudtrail")], records=[other])


def test_records_of_other_sources_say_nothing(tmp_path):
    zoom = {"product": "zoom"}
    other = record({"user": "u", "action": "a"}, "json", "app")
    item = "s: {meeting: x}\ncondition: s"
    assert not _blind(tmp_path, item, zoom, [("zoom", "json"), ("app", "json")], [other])
    own = record({"user": "u", "action": "a"}, "json", "zoom")
    [blind] = _blind(tmp_path, item, zoom, [("zoom", "json")], [other, own])
    assert (blind.why, blind.fields) == ("unseen", ("meeting",))
    assert "1 records" in blind.reason


def test_correlations_stand_on_what_can_match(tmp_path):
    def correlation(kind, more=""):
        keys = f"type: {kind}, rules: [good, bad], timespan: 1h{more}"
        return f"title: {kind}\ncorrelation: {{{keys}}}\n"

    texts = [
        "name: good\n" + rule_text("s: {eventName: x}\ncondition: s", "good"),
        "name: bad\n" + rule_text("s: {eventNmae: x}\ncondition: s", "bad"),
        correlation("event_count", ", condition: {gte: 3}"),
        correlation("temporal"),
        correlation("temporal", ", condition: good and not bad").replace("temporal", "or not", 1),
        correlation("temporal", ", condition: bad and not good").replace("temporal", "needs", 1),
        correlation("temporal", ", condition: good or bad").replace("temporal", "either", 1),
    ]
    found = unmatchable(rules_of(tmp_path, "---\n".join(texts)))
    assert [it.rule.title for it in found] == ["bad", "temporal", "needs"]
    assert found[1].why == "rules"


@pytest.mark.parametrize(
    ("keys", "lost"),
    [
        ("group-by: [actor.name, userIdentity.arn]", ()),
        ("group-by: [nonsense]", ("nonsense",)),
        ("group-by: [who], aliases: {who: {good: userIdentity.arn}}", ()),
        ("group-by: [who], aliases: {who: {good: nonsense}}", ("who",)),
    ],
)
def test_correlations_group_by_what_records_have(tmp_path, keys, lost):
    texts = [
        "name: good\n" + rule_text("s: {eventName: x}\ncondition: s", "good"),
        f"title: c\ncorrelation: {{type: temporal, rules: [good], timespan: 1h, {keys}}}\n",
    ]
    found = unmatchable(rules_of(tmp_path, "---\n".join(texts)))
    assert [it.fields for it in found] == ([lost] if lost else [])
