"""Each scene is in the bytes, and its query finds it through the real formats and the language."""

import json
from collections import Counter
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from itertools import groupby

import pytest

from whodid.demo import plot
from whodid.demo.cast import LEAVER, OTHER_LEAVER
from whodid.demo.scenes import names
from whodid.event import Event
from whodid.normalize.authlog import AuthLog
from whodid.normalize.cloudtrail import CloudTrail
from whodid.normalize.combined import Combined
from whodid.normalize.postgres import Postgres
from whodid.normalize.record import prepare
from whodid.normalize.short_json import ShortJson
from whodid.normalize.split import split_json, split_lines
from whodid.query.match import matcher
from whodid.query.parse import parse
from whodid.query.times import resolve

END_US = 1_795_305_600_000_000
FORMATS = {f.name: f for f in (AuthLog(), CloudTrail(), Combined(), Postgres(), ShortJson())}


@pytest.fixture(scope="module")
def events(story) -> list[Event]:
    found = []
    formats = {file.source: file.format for file in story.files}
    for source, lines in story.lines.items():
        known = FORMATS[formats[source]]
        for row, line in enumerate(lines):
            prepared = prepare(
                known.map(line, END_US), line, event_id="", source=source,
                format_name=known.name, mapping=known.mapping, received_us=END_US,
                position=(source, row),
            )  # fmt: skip
            found.append(prepared.event)
    return found


@pytest.fixture(scope="module")
def find(events):
    def search(title: str) -> list[Event]:
        (scene,) = [scene for scene in plot.PLOT if scene.title == title]
        matches = matcher(resolve(parse(scene.query), END_US).filter)
        return sorted(filter(matches, events), key=lambda event: event.when.time or 0)

    return search


def at(record: dict) -> datetime:
    return datetime.fromisoformat(record.get("timestamp") or record["time"])


# --- all of it ----------------------------------------------------------------------------------
def test_scenes_have_stable_words():
    assert len(plot.PLOT) >= 12
    assert len({scene.title for scene in plot.PLOT}) == len(plot.PLOT)
    for scene in plot.PLOT:
        assert scene.what_happened.endswith(".")
        assert parse(scene.query).text == scene.query


def test_every_scene_is_found_by_its_query(find):
    for scene in plot.PLOT:
        assert find(scene.title), scene


def test_every_record_maps_but_the_broken_ones(story, events):
    unread = [event for event in events if event.envelope.quarantine is not None]
    assert len(unread) == sum(file.broken for file in story.files) == 4
    for event in events:
        if event.envelope.quarantine is None:
            assert event.when.time is not None, event.raw
            assert event.what.action, event.raw
            assert event.what.outcome or event.what.access == "other", event.raw


def test_files_are_split_into_the_records_they_count(story):
    import gzip

    for file in story.files:
        content = file.path.read_bytes()
        if file.path.suffix == ".gz":
            content = gzip.decompress(content)
        known = FORMATS[file.format]
        records = (
            split_json(content, known.records_key)
            if known.framing == "json"
            else split_lines(content)
        )
        assert len(records) == file.records, file.path


def test_formats_know_their_own_records(story):
    for file in story.files:
        if not file.duplicates:
            assert FORMATS[file.format].sniff(story.lines[file.source][0]), file.source


# --- one by one ---------------------------------------------------------------------------------
def test_leaver(story, find):
    left = [r for r in story.json("hr-portal") if r["action"] == "TerminateEmployment"]
    assert [r["subjectName"] for r in left] == ["Emeka Obiora", "Tobias Krantz"]
    deactivated = [r["target"] for r in story.json("admin-console") if "DEACTIV" in r["action"]]
    assert deactivated == [OTHER_LEAVER]
    own = [r for r in story.json("crm") if r["userId"] == LEAVER]
    after = [r for r in own if at(r) > at(left[1]) + timedelta(hours=12)]
    assert min(map(at, after)) > at(left[1]) + timedelta(days=7)
    assert sum(r["action"] == "CUSTOMER_VIEW" for r in after) == 68
    assert {r["ip"] for r in after} == {"198.51.100.22"}
    found = find("A leaver who is still active")
    assert len([e for e in found if e.envelope.source == "crm"]) == len(after)
    assert not [
        r for r in story.json("crm") if r["userId"] == OTHER_LEAVER and at(r) > at(left[0])
        + timedelta(hours=12)
    ]  # fmt: skip


def test_bulk_export(story, find):
    found = find("A bulk export at 3 a.m.")
    assert len(found) == names.BULK_CALLS
    assert sum(event.what.rows or 0 for event in found) == 417_600
    assert {event.who.actor_type for event in found} == {"agent"}
    assert {event.who.actor_on_behalf_of for event in found} == {names.BULK_OWNER}
    calls = [r for r in story.json("ai-gateway") if r["action"] == "crm.export_customers"]
    assert {at(r).hour for r in calls} == {3}
    asleep = at(calls[0]) - timedelta(hours=5), at(calls[-1]) + timedelta(hours=2)
    assert not [
        r for r in story.json("crm")
        if r["userId"] == names.BULK_OWNER and asleep[0] < at(r) < asleep[1]
    ]  # fmt: skip
    ids = {r["correlation"] for r in calls}
    seen = [line for line in story.lines["postgres-main"] if b"LIMIT 11600" in line]
    assert len(seen) == len(ids) == 36
    assert all(any(i.encode() in line for i in ids) for line in seen)


def test_a_password_guessed(story, find):
    found = find("A password guessed")
    logins = [event.what.outcome for event in found if event.what.action == "LOGIN"]
    assert logins == ["failure"] * 64 + ["success"]
    assert [event.what.action for event in found[65:]] == ["CUSTOMER_VIEW"] * 31
    assert {event.who.actor_id for event in found} == {names.GUESSED}
    assert not [e for e in find("A network tries every door") if e.what.outcome == "success"]


def test_spray(story, find):
    found = find("A network tries every door")
    network = ip_network(names.SPRAY_NETWORK)
    assert all(ip_address(event.where.ip) in network for event in found)
    assert len([e for e in found if e.what.action == "Failed password"]) >= names.SPRAY_ATTEMPTS
    assert len({event.who.actor_id for event in found}) > 40
    assert len({event.where.ip for event in found}) > 30
    span_us = found[-1].when.time - found[0].when.time
    assert span_us < 2 * 3_600_000_000
    text = b"\n".join(story.lines["bastion"])
    assert b"message repeated 5 times: [ Failed password for root from 203.0.113." in text
    assert not [
        line for line in story.lines["bastion"] if b"Accepted" in line and b" 203.0.113." in line
    ]


def test_shared_account(find):
    found = find("An account in two countries")
    assert {event.where.ip for event in found} == set(names.SHARED_IPS)
    far = [event for event in found if event.where.ip == names.SHARED_IPS[1]]
    first, last = far[0].when.time, far[-1].when.time
    within = [event for event in found if first <= event.when.time <= last]
    turns = [ip for ip, _ in groupby(event.where.ip for event in within)]
    assert len(turns) > 20
    assert {json.loads(event.raw)["country"] for event in within} == {"PT", "CL"}


def test_one_request_and_its_witnesses(find):
    found = find("One request, four witnesses")
    assert Counter(event.envelope.source for event in found) == {
        "web-intranet": 1, "crm": 1, "postgres-main": 1, "ai-gateway": 1,
    }  # fmt: skip
    assert max(e.when.time for e in found) - min(e.when.time for e in found) < 5_000_000


def test_fast_clock(story, find):
    crm, billing = find("A clock that is 47 seconds fast")
    assert (crm.envelope.source, billing.envelope.source) == ("crm", "billing")
    assert billing.when.time - crm.when.time == 47_038_000
    before = {r["correlationId"]: at(r) for r in story.json("crm")}
    leads = [
        at(r) - before[r["correlation_id"]]
        for r in story.json("billing")
        if r["correlation_id"] in before
    ]
    assert len(leads) > 40
    assert all(timedelta(seconds=47) <= lead < timedelta(seconds=47.2) for lead in leads)


def test_grant_and_use(find):
    found = find("A right granted, used and taken back")
    first, *between, last = sorted(
        found, key=lambda e: e.when.time - (47_000_000 if e.envelope.source == "billing" else 0)
    )
    assert (first.what.action, last.what.action) == ("ROLE_GRANT", "ROLE_REVOKE")
    assert [e.what.action for e in between] == ["refund.create"] * names.REFUNDS
    assert last.when.time - first.when.time == 41 * 60_000_000


def test_new_service(find, events):
    found = find("A new service collects secrets")
    assert len({event.what.resource_name for event in found}) == 9
    assert [event.what.outcome for event in found].count("denied") == 1
    assert found[-1].when.time - found[0].when.time < 45_000_000
    ever = [e for e in events if e.who.actor_name == names.NEW_SERVICE]
    assert len(ever) == len(found)


def test_salaries(find):
    found = find("A contractor reads the salaries")
    assert [(event.who.actor_id, event.what.rows) for event in found] == [
        ("zbartok", 9), ("cdubreuil", 45),
    ]  # fmt: skip


def test_night_change(find):
    found = find("A table changed at night")
    assert [event.what.action for event in found] == ["SELECT", "ALTER TABLE"]
    assert "DROP COLUMN approved_by" in (found[1].content.statement or "")
    assert datetime.fromisoformat(json.loads(found[1].raw)["timestamp"][:19]).hour in (1, 2)


def test_break_glass(find):
    found = find("Break-glass")
    commands = [
        e.content.statement or e.content.message for e in found if e.what.access == "execute"
    ]
    assert len(commands) == 4
    assert "stop auditd" in commands[0]
    assert "/etc/shadow" in commands[1]


def test_silence(story, find):
    found = find("A source that fell silent")
    quiet_us = END_US - found[-1].when.time
    assert 3.5 * 86_400_000_000 < quiet_us < 8 * 86_400_000_000
    assert len(found) == len(story.lines["vpn"]) > 200
    assert found[0].when.time < END_US - 29 * 86_400_000_000


@pytest.mark.parametrize("later_h", [9, 37, 61, 85, 109, 133, 157])
def test_scenes_are_whole_on_every_weekday_and_hour(tell, later_h):
    later = tell(end_us=END_US + later_h * 3_600_000_000, events=3_000)
    lines = [line for found in later.lines.values() for line in found]
    counted = {
        b"LIMIT 11600": names.BULK_CALLS,
        names.CHAIN_ID.encode(): 4,
        names.SKEW_ID.encode(): 2,
        names.GUESSER_IP.encode(): 64 + 1 + 31,
        b'"198.51.100.121"': 1 + 18,
        b"TerminateEmployment": 2,
        b"role/invoice-mailer-task": 9,
        b"DROP COLUMN approved_by": 1,
        b"public.invoices_2019": 1,
        b"FROM hr.salaries": 2,
        b"sudo:  breakglass": 4,
    }
    for text, count in counted.items():
        assert sum(text in line for line in lines) == count, text
    assert sum(file.broken for file in later.files) == 4
