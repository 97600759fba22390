"""Fixtures of rules: their form, their records."""

from pathlib import Path

import msgspec
import pytest

from whodid.detection.fixtures.fixture import fixture_path, parse_fixture, span_us
from whodid.detection.fixtures.records import case_records, merged
from whodid.errors import InputError, UsageError

RECORD = {
    "eventVersion": "1.08",
    "eventSource": "iam.amazonaws.com",
    "eventName": "CreateUser",
    "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ada"},
    "requestParameters": {"userName": "new-{n}"},
}


def fixture(**changes):
    whole = {
        "format": "cloudtrail",
        "record": RECORD,
        "positive": [{"case": "one"}],
        "near_miss": [{"case": "another", "change": {"eventName": "GetUser"}}],
    }
    return parse_fixture(msgspec.json.encode(whole | changes), "x.test.json")


def native(raw, _format):
    return msgspec.json.decode(raw)


def test_a_record_goes_through_its_format():
    tried = fixture()
    (record,), end_us = case_records(tried, tried.positive[0], native)
    assert record.event.what.action == "CreateUser"
    assert record.event.envelope.source == "cloudtrail"
    assert record.native["requestParameters"]["userName"] == "new-1"
    assert record.time_us == end_us == 1_772_445_600_000_000


def test_steps_are_timed_and_numbered():
    tried = fixture(
        positive=[
            {
                "case": "three, then one a minute later",
                "until": "1h",
                "events": [
                    {"times": 3, "every": "2s"},
                    {"at": "1m", "change": {"eventName": "DeleteUser"}, "source": "other"},
                ],
            }
        ]
    )
    records, end_us = case_records(tried, tried.positive[0], native)
    first = records[0].time_us
    assert [r.time_us - first for r in records] == [0, 2_000_000, 4_000_000, 64_000_000]
    assert end_us - records[-1].time_us == 3_600_000_000
    assert [r.native["requestParameters"]["userName"] for r in records] == [
        f"new-{n}" for n in range(1, 5)
    ]
    assert records[3].event.envelope.source == "other"
    assert [r.entry for r in records] == [0, 1, 2, 3]


def test_a_record_that_tells_its_time_keeps_it():
    tried = fixture(record=RECORD | {"eventTime": "2024-05-01T00:00:00Z"})
    (record,), _ = case_records(tried, tried.positive[0], native)
    assert record.event.when.original_time == "2024-05-01T00:00:00Z"
    assert record.time_us == 1_714_521_600_000_000


def test_secrets_are_replaced_as_at_the_door():
    tried = fixture(record=RECORD | {"requestParameters": {"password": "hunter2hunter2"}})
    (record,), _ = case_records(tried, tried.positive[0], native)
    assert b"hunter2" not in record.groups[6]


def test_a_line_of_text_is_a_record():
    line = "Mar  2 10:00:00 web1 sshd[9]: Failed password for ada from 192.0.2.7 port 4{n} ssh2"
    tried = fixture(format="authlog", record=line, near_miss=[{"case": "x", "change": line}])
    (record,), _ = case_records(tried, tried.positive[0], lambda *_: None)
    assert record.event.who.actor_id == "ada"
    assert record.event.where.port == 41


@pytest.mark.parametrize(
    ("record", "change", "whole"),
    [  # RFC 7396, appendix A
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"a": "foo"}, "bar", "bar"),
        ({"a": [1, 2]}, {"a": {"b": "c"}}, {"a": {"b": "c"}}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({"a": "b"}, {"a": {"b": {"c": None, "d": 1}}}, {"a": {"b": {"d": 1}}}),
    ],
)
def test_a_change_is_a_merge_patch(record, change, whole):
    kept = msgspec.json.encode(record)
    assert merged(record, change) == whole
    assert msgspec.json.encode(record) == kept


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"positive": []}, "positive needs a case"),
        ({"near_miss": []}, "near_miss needs a case"),
        ({"positve": []}, "positve"),
        ({"positive": [{"case": "x", "tims": 3}]}, "tims"),
        ({"positive": [{"case": "x", "start": "noon"}]}, r"positive\[0\]: start"),
        ({"positive": [{"case": "x", "events": [{"at": "5 s"}]}]}, r"events\[0\]: at is a length"),
        ({"positive": [{"case": "x", "events": [{"times": 0}]}]}, "at least 1"),
        ({"positive": [{"case": "x", "events": [{"times": 90000}]}]}, "at most 20,000"),
        ({"positive": [{"case": "x", "change": {}, "events": [{}]}]}, "do not go together"),
        ({"near_miss": [{"case": str(n)} for n in range(65)]}, "more than 64"),
    ],
)
def test_a_faulty_fixture_says_what_is_wrong(changes, said):
    with pytest.raises(InputError, match=said):
        fixture(**changes)


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff", b"[" * 5000, b" " * 300_000])
def test_bytes_that_are_no_fixture(text):
    with pytest.raises(InputError, match=r"^x\.test\.json: "):
        parse_fixture(text, "x.test.json")


def test_what_cannot_be_mapped_is_named():
    tried = fixture(record={"no": "CloudTrail"})
    with pytest.raises(InputError, match=r"'one', event 1: cloudtrail cannot map it"):
        case_records(tried, tried.positive[0], native)
    tried = fixture(format="clodtrail")
    with pytest.raises(UsageError, match="cloudtrail"):
        case_records(tried, tried.positive[0], native)


def test_lengths_of_time():
    assert span_us("250ms", "x") == 250_000
    assert span_us("30d", "x") == 30 * 86_400_000_000
    assert fixture_path(Path("a/b.yml")) == Path("a/b.test.json")
