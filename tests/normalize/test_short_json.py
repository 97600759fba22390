"""The short JSON form: the articles' sample, synonyms, our own names, times, hostile input."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chance import SEED
from whodid.event import Change
from whodid.normalize.short_json import ShortJson
from whodid.normalize.short_json_names import FIELDS, NAMES, NAMES_OF
from whodid.testing.format_conformance import check_format, check_record
from whodid.testing.mutate import mutations

FORMAT = ShortJson()
SAMPLE = (
    b'{"timestamp":"2023-10-21T15:45:23.136Z","userId":"john.doe@example.com",'
    b'"action":"FILE_UPLOAD","resource":"customer-records.csv","status":"SUCCESS"}'
)
FULL = json.dumps(
    {
        "time": 1_697_903_123_136,
        "actor": {"id": "u1", "name": "Ann", "type": "human", "groups": ["a", "b"]},
        "action": "user.login",
        "client": {"ip": "203.0.113.7:4432"},
        "user_agent": "x/1",
        "app": {"name": "crm", "version": "4"},
        "durationMs": 1.5,
        "changes": {"role": {"old": "user", "new": "admin"}, "n": [1, 2]},
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "error": {"message": "bad"},
        "success": False,
        "rows": "12",
        "id": 42,
        "epoch": 3,
        "seq": 9,
        "tags": "pii, eu",
        "x_forwarded_for": ["10.0.0.1"],
        "sql": "select 1",
        "params": [1, None, "x"],
    }
).encode()
EXPECTED = [
    {
        "time": 1_697_903_123_136_000,
        "original_time": "2023-10-21T15:45:23.136Z",
        "actor.id": "john.doe@example.com",
        "action": "FILE_UPLOAD",
        "access": "create",
        "resource.name": "customer-records.csv",
        "outcome": "success",
        "labels": ("missing:ip",),
        "identity": "file",
    },
    {
        "time": 1_697_903_123_136_000,
        "actor.id": "u1",
        "actor.name": "Ann",
        "actor.type": "user",
        "actor.groups": ("a", "b"),
        "access": "authenticate",
        "ip": "203.0.113.7",
        "port": 4432,
        "via": ("10.0.0.1",),
        "agent": "x/1",
        "service.name": "crm",
        "service.version": "4",
        "duration_us": 1500,
        "changes": (Change("role", "user", "admin"), Change("n", "1", "2")),
        "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span": "00f067aa0ba902b7",
        "reason": "bad",
        "outcome": "failure",
        "rows": 12,
        "native_id": "42",
        "identity": "client",
        "resource.labels": ("pii", "eu"),
        "statement": "select 1",
        "params": ("1", "x"),
        "labels": ("missing:resource",),
    },
]


def fields(record: dict | bytes | str):
    raw = record if isinstance(record, bytes) else json.dumps(record).encode()
    return check_record(FORMAT, raw).event


def test_samples_and_promises():
    check_format(FORMAT, [SAMPLE, FULL], EXPECTED, mutated=2000, seed=5)


def test_sequence_of_the_sender():
    prepared = check_record(FORMAT, FULL)
    assert (prepared.epoch, prepared.seq, prepared.seq_kind) == (3, 9, 1)


@pytest.mark.parametrize("key", ["user_id", "userId", "username", "actor.id", "email", "principal"])
def test_names_of_the_actor(key):
    assert fields({key: "alice", "action": "x"}).who.actor_id == "alice"


def test_every_name_of_every_field_is_known_once():
    names = [name for names in NAMES_OF for name in names]
    assert len(names) == len(set(names))
    assert len(FIELDS) == len(NAMES_OF)


def test_the_better_name_wins_in_any_order():
    for record in ({"userId": "7", "username": "ann"}, {"username": "ann", "userId": "7"}):
        who = fields({**record, "action": "x"}).who
        assert (who.actor_id, who.actor_name) == ("7", "ann")


def test_an_agent_on_behalf_of_somebody():
    who = fields({"agent_id": "bot-1", "userId": "ann", "action": "export"}).who
    assert (who.actor_id, who.actor_type, who.actor_on_behalf_of) == ("bot-1", "agent", "ann")
    who = fields({"agent": "bot-1", "on_behalf_of": "ann", "action": "export"}).who
    assert (who.actor_id, who.actor_type, who.actor_on_behalf_of) == ("bot-1", "agent", "ann")
    event = fields({"agent": "Mozilla/5.0", "userId": "ann", "action": "x"})
    assert (event.where.agent, event.who.actor_id) == ("Mozilla/5.0", "ann")


@pytest.mark.parametrize(
    ("time", "time_us", "label"),
    [
        ("2023-10-21T17:45:23.136+02:00", 1_697_903_123_136_000, None),
        ("2023-10-21T15:45:23.136999999Z", 1_697_903_123_136_999, None),
        ("2023-10-21 15:45:23.136", 1_697_903_123_136_000, "assumed:utc"),
        (1_697_903_123, 1_697_903_123_000_000, None),
        ("1697903123", 1_697_903_123_000_000, None),
        (1_697_903_123_136_000, 1_697_903_123_136_000, None),
        (1_697_903_123_136_000_001, 1_697_903_123_136_000, None),
        (1_697_903_123.136, 1_697_903_123_136_000, None),
        ("yesterday", None, "unreadable:time"),
        (-5, None, "unreadable:time"),
    ],
)
def test_times(time, time_us, label):
    event = fields({"time": time, "userId": "a", "action": "x"})
    assert event.when.time == time_us
    assert event.when.original_time == (str(time) if time_us or label else None)
    assert label is None or label in event.envelope.labels


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "not JSON"),
        (b"[1]", "not an object"),
        (b'{"a":1,"a" :2}', "stands twice"),
        (b'{"userId":"a","userId":"b"}', "stands twice"),
        (b'{"userId":"a","userId":1,"action":"x"}', "stands twice"),
        (b'{"userId":"a","x":[{"b":1,"b":2}]}', "stands twice"),
        (b'{"userId":"\xff"}', "not UTF-8"),
        (b'{"userId":"a","x":' + b"[" * 100 + b"]" * 100 + b"}", "nested deeper"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"userId":NaN}', "not JSON"),
        (b'{"userId":"\\ud800"}', "not JSON"),
        (b'{"foo":1}', "userId"),
        (b"{}", "userId"),
        (b'{"userId":"","action":null}', "userId"),
        (b'{"userId":"a","time":"0001-01-01T00:00:00Z"}', "before 1970"),
        (b'{"userId":"a","time":"2999-01-01T00:00:00Z"}', "before 1970"),
    ],
)
def test_what_is_quarantined_and_why(raw, reason):
    event = fields(raw)
    assert reason in event.envelope.quarantine
    assert event.raw == raw
    assert event.when.time is None


def test_numbers_that_are_too_large_stay_in_the_raw_record():
    event = fields(b'{"userId":"a","action":"x","rows":18446744073709551616,"bytes":-1,"seq":1.5}')
    assert (event.what.rows, event.what.bytes) == (None, None)
    assert event.envelope.quarantine is None


_scalars = st.sampled_from([1, None, True, 2.5, "", "a", 'q"', "é", "2023-10-21T15:45:23Z", "::1"])


@given(st.dictionaries(st.sampled_from(sorted(NAMES)) | st.just("zzz"), _scalars, max_size=6))
def test_the_short_way_and_the_long_way_agree(record):
    raw = json.dumps(record).encode()
    # a record with an escape takes the long way
    other = json.dumps(record | {"zzz2": "\\"}).encode()
    assert FORMAT.map(raw, 0) == FORMAT.map(other, 0)


@pytest.mark.slow
def test_fuzz():
    for record in mutations([SAMPLE, FULL], 100_000, SEED):
        check_record(FORMAT, record)
