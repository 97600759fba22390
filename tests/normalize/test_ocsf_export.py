"""Events as OCSF: valid by the schema whatever the format, and read back as what they were."""

import gzip
import json
from functools import lru_cache
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from whodid.demo.story import write_story
from whodid.event import (
    EMPTY_CONTENT,
    EMPTY_CONTEXT,
    EMPTY_WHERE,
    Envelope,
    Event,
    What,
    When,
    Who,
)
from whodid.normalize.ocsf import Ocsf
from whodid.normalize.ocsf_choice import choose
from whodid.normalize.ocsf_classes import CLASSES
from whodid.normalize.ocsf_export import VERSION, ocsf_document
from whodid.normalize.record import prepare
from whodid.normalize.registry import FORMATS, detect
from whodid.sources.file import open_input, read_file
from whodid.testing.mutate import mutations

DATA = Path(__file__).resolve().parents[2] / "../shared/data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="../shared/data is not here")
END_US = 1_795_305_600_000_000
EVENT_ID = "018b5411-b7d0-7000-8000-000000000000"
LOOKED_AT = 1200
BARE = (EMPTY_WHERE, EMPTY_CONTEXT, EMPTY_CONTENT)
KEPT = ("actor.id", "actor.name", "actor.type", "actor.on_behalf_of", "action", "access",
        "resource.name", "resource.type", "outcome", "ip", "time")  # fmt: skip


@pytest.fixture(scope="session")
def schema():
    found = OcsfJsonSchemaEmbedded(get_ocsf_schema(version=VERSION))

    @lru_cache(maxsize=64)
    def validator(class_uid, profiles):
        name = found.lookup_class_name_from_uid(class_uid)
        return jsonschema_rs.validator_for(found.get_class_schema(name, list(profiles)))

    return validator


@pytest.fixture
def valid(schema):
    def check(event: Event) -> dict:
        document = json.loads(json.dumps(ocsf_document(event)))
        profiles = tuple(document["metadata"]["profiles"])
        for error in schema(document["class_uid"], profiles).iter_errors(document):
            raise AssertionError(f"{error.message} at {error.instance_path}: {document}")
        assert document["type_uid"] == document["class_uid"] * 100 + document["activity_id"]
        assert document["category_uid"] == document["class_uid"] // 1000
        known = CLASSES[document["class_uid"]].activities.get(document["activity_id"])
        if known is not None:
            assert document["activity_name"] == known[0]
        return document

    return check


def event_of(raw: bytes, known=None, source="test") -> Event:
    format_ = known or detect(raw)
    if format_ is None:
        return Event(When(EVENT_ID, END_US), Who(), What(), *BARE, raw, Envelope(source, "auto"))
    return prepare(
        format_.map(raw, END_US), raw, event_id=EVENT_ID, source=source, format_name=format_.name,
        mapping=format_.mapping, received_us=END_US,
    ).event  # fmt: skip


def back(document: dict) -> Event:
    raw = json.dumps(document).encode()
    assert detect(raw).name == "ocsf"
    return event_of(raw, Ocsf())


def check_round_trip(event: Event, document: dict) -> None:
    found = back(document)
    assert found.envelope.native_id == event.when.id
    for name in KEPT:
        was, now = event.field(name), found.field(name)
        if name == "actor.name" and event.who.actor_id is not None:
            was, now = was or event.who.actor_id, now or found.who.actor_id
        assert now == was, f"{name} was {was!r} and is {now!r}: {document}"


def spread(records):
    """Return some of many records, from all over them."""
    return records[:: max(1, len(records) // LOOKED_AT)]


def test_the_demo_story_is_valid_and_comes_back(valid, tmp_path):
    formats = {known.name: known for known in FORMATS}
    classes = set()
    for file in write_story(tmp_path, end_us=END_US, events=2_000):
        with open_input(str(file.path)) as stream:
            chunks = list(read_file(stream, "x", formats[file.format]))
        for raw in spread([raw for chunk in chunks for raw in chunk.records]):
            event = event_of(raw, formats[file.format], file.source)
            document = valid(event)
            classes.add(document["class_uid"])
            check_round_trip(event, document)
    assert {3002, 3004, 4002, 6003, 6005} <= classes


@needs_data
@pytest.mark.parametrize("folder", ["cloudtrail", "web", "linux", "postgres", "mariadb", ""])
def test_real_files_are_valid_and_come_back(valid, folder):
    paths = sorted(path for path in (DATA / folder).iterdir() if path.suffix != ".md")
    for path in paths:
        if path.is_dir():
            continue
        data = path.read_bytes()
        lines = (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()
        if path.name.startswith("panther"):
            lines = [json.dumps(json.loads(line)["event"]).encode() for line in lines]
        assert lines
        for raw in spread(lines):
            event = event_of(raw)
            check_round_trip(event, valid(event))


SAMPLES = [
    b"""{"userId":"a@example.com","action":"FILE_UPLOAD","resource":{"type":"file","name":"x/a"},
    "ip":"fe80::1%eth0","port":70000,"status":"SUCCESS","via":["10.0.0.1","proxy.local"]}""",
    b'{"time":"2026-01-01T00:00:00.123456Z","user":"a","action":"login","service":"vpn"}',
    b"""{"actor":{"id":"bot","type":"agent"},"action":"GRANT","resource":{"type":"group",
    "name":"g"},"outcome":"denied","reason":"no"}""",
    b"""{"user":"a","action":"deleteUser","resource":{"type":"user","name":"b"},"rows":5,
    "changes":[{"field":"x","before":"1","after":"2"}],"sql":"x"}""",
    b'{"user":"a","action":"","resource":"x"}',
    b'{"nothing":1}',
    b"\xff\xfe",
    b'{"user":"\\ud800","action":"read","sql":"SELECT 1","resource":"t","resource_type":"TABLE"}',
]


def test_hostile_events_are_valid(valid):
    json_format = next(known for known in FORMATS if known.name == "json")
    for raw in [*SAMPLES, *mutations(SAMPLES, 600, seed=7)]:
        event = event_of(raw, json_format)
        check_round_trip(event, valid(event))


def test_nothing_is_lost(valid):
    event = event_of(
        b'{"id":"c1","time":"2026-01-01T00:00:00.123456Z","user":"a","action":"read",'
        b'"resource":{"type":"report","name":"r"},"rows":7,"trace_id":"t","duration_ms":1.5,'
        b'"tags":["secret"],"ip":"192.0.2.1","changes":{"x":[1,2]}}'
    )
    found = back(valid(event))
    assert found.what == event.what
    assert found.content == event.content
    assert found.context == event.context
    assert found.when.time == event.when.time
    assert valid(event)["unmapped"]["native_id"] == "c1"


def test_what_the_event_does_not_tell_is_said_to_be_unknown(valid):
    document = valid(event_of(b'{"action":"read","resource":"x"}'))
    assert document["src_endpoint"] == {"name": "unknown"}
    assert document["actor"] == {"user": {"name": "unknown", "type_id": 0, "type": "Unknown"}}
    assert {"missing:time", "missing:actor", "missing:ip"} <= set(document["metadata"]["labels"])


def test_what_is_withheld_is_said_and_not_called_missing(schema):
    whole = event_of(b'{"user":"ann","action":"read","resource":"x","ip":"192.0.2.1"}')
    event = msgspec.structs.replace(whole, who=Who(), raw=b"")
    document = ocsf_document(event, ("actor.id", "raw"))
    assert schema(document["class_uid"], ("datetime",)).is_valid(document)
    labels = document["metadata"]["labels"]
    assert {"withheld:actor.id", "withheld:raw"} <= set(labels)
    assert "missing:actor" not in labels
    assert back(document).who.actor_id is None


@pytest.mark.parametrize(
    ("action", "access", "kind", "class_uid", "activity"),
    [
        ("login", None, None, 3002, 1),
        ("LOG_OUT", "authenticate", None, 3002, 2),
        ("AssumeRole", None, "role", 3002, 1),
        ("mfa", "authenticate", None, 3002, 99),
        ("CreateUser", "administer", "user", 3001, 1),
        ("resetPassword", "administer", "user", 3001, 4),
        ("CreateAccessKey", "administer", "user", 3001, 99),
        ("AttachUserPolicy", "administer", "user", 3001, 7),
        ("add", "administer", "group", 3006, 3),
        ("role.update", "administer", "role", 3004, 3),
        ("SELECT", "read", "TABLE", 6005, 1),
        ("INSERT", "create", "table", 6005, 5),
        ("CREATE TABLE", "create", "table", 6005, 6),
        ("download", "read", "file", 6006, 2),
        ("share", "other", "document", 6006, 99),
        ("delete", "delete", "report", 6003, 4),
        ("run", "execute", "job", 6003, 99),
    ],
)
def test_classes_and_activities(valid, action, access, kind, class_uid, activity):
    what = What(action, access or "authenticate", kind, "x", outcome="success")
    event = Event(
        When(EVENT_ID, END_US, END_US), Who(actor_id="a"), what, *BARE, b"", Envelope("s", "json")
    )
    choice = choose(event)
    assert (choice.known.uid, choice.activity_id) == (class_uid, activity)
    check_round_trip(event, valid(event))
