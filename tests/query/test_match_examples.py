import pytest

from whodid.event import FIELDS, Content, Context, Envelope, Event, What, When, Where, Who
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.match import matcher, needs_raw
from whodid.query.own import hides_own, is_own
from whodid.query.parse import parse
from whodid.query.times import resolve


def event(raw=b"{}", source="nginx", **fields):
    groups = {}
    for name, value in fields.items():
        for group, struct in {"who": Who, "what": What, "where": Where, "content": Content}.items():
            if name in struct.__struct_fields__:
                groups.setdefault(group, {})[name] = value
    return Event(
        When(id="i", received=5), Who(**groups.get("who", {})), What(**groups.get("what", {})),
        Where(**groups.get("where", {})), Context(), Content(**groups.get("content", {})), raw,
        Envelope(source=source, format="json"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "raw", "found"),
    [
        ("upload", b"FILE_UPLOAD", True),
        ("upload", b"uploaded", False),
        ("upload*", b"uploaded", True),
        ("*load*", b"uploaded", True),
        ("get*customers", b"GET /api/customers HTTP", True),
        ('"drop table"', b"x; DROP TABLE y", True),
        ("yum", rb'{"script":"#!/bin/sh\nyum install"}', True),
        ("new", rb"C:\new", True),
        ("é", rb'{"a":"\u00e9"}', True),
        ("strasse", "Straße".encode(), True),
        ("a", b"\xff\xfea", True),
        ("john.doe@example.com", b'{"userId":"john.doe@example.com"}', True),
        ("doe@example.co", b'{"userId":"john.doe@example.com"}', False),
    ],
)
def test_bare_words_in_the_raw_record(query, raw, found):
    assert matcher(parse(query).filter)(event(raw)) is found


def test_case_and_aliases():
    alice = event(actor_id="u-1", actor_name="Alice", resource_name="a", resources=("B", "c"))
    for text in ("actor:alice", "actor:=Alice", "user:U-1", "resource:b", "resource:=c",
                 "actor.name:al*", "-actor:=alice", "-host:*", "actor:~^A"):  # fmt: skip
        assert matcher(parse(text).filter)(alice), text


def test_addresses():
    for text, found in (
        ("ip:10.0.0.0/8", True),
        ("ip:11.0.0.0/8", False),
        ("ip:10.1.2.3", True),
        ("ip:::ffff:10.1.2.3", True),
        ("ip:[10.1.2.0 TO 10.1.2.9]", True),
        ("ip:[10.1.2.4 TO *]", False),
    ):
        assert matcher(parse(text).filter)(event(ip="10.1.2.3")) is found, text
    mapped = event(ip="::ffff:10.1.2.3")
    assert matcher(parse("ip:10.0.0.0/8").filter)(mapped)
    assert matcher(parse("ip:::ffff:*").filter)(mapped)
    assert not matcher(parse("ip:0.0.0.0/0").filter)(event(ip="unknown"))


def test_states_come_from_the_ledger():
    asked = parse("_erased:true").filter
    assert not matcher(asked)(event())
    assert matcher(asked, lambda _: ("_erased",))(event())
    assert matcher(parse("_erased:false").filter)(event())


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("actor:a rows:>1 ip:10.0.0.0/8 time:today _erased:true labels:x", False),
        ("alice", True),
        ("-message:*", True),
        ("actor:a OR statement:b", True),
        ("*", False),
    ],
)
def test_what_needs_the_row(text, needs):
    assert needs_raw(parse(text).filter) is needs


@pytest.mark.parametrize(
    ("text", "hides"),
    [
        ("actor:alice", True),
        ("whodid", True),
        ("service:whodid", False),
        ("service:WhoDid a OR b", False),
        ("source:=whodid", False),
        ("-service:whodid", True),
        ("-(a -service.name:whodid)", False),
        ("service:*", True),
    ],
)
def test_own_events_are_hidden_unless_asked_for(text, hides):
    assert hides_own(parse(text)) is hides


def test_own_is_by_declared_source_only():
    assert is_own(event(source="whodid"))
    assert not is_own(event(source="nginx"))


def test_every_column_is_searchable():
    assert set(FIELDS) <= set(SEARCH_FIELDS)
    assert {column for field in SEARCH_FIELDS.values() for column in field.columns} == set(FIELDS)
    assert all(name == name.lower() for name in SEARCH_FIELDS)


def test_an_event_without_time_stands_at_its_receipt():
    made = event()
    assert made.when.time is None
    assert matcher(parse("time:1970-01-01").filter)(made)
    assert not matcher(parse("time:>1970-01-01").filter)(made)
    assert not matcher(parse("time:*").filter)(made)
    assert matcher(resolve(parse("time:today"), 10).filter)(made)
