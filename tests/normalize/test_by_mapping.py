"""Records of any shape by a mapping file, and what is said about a faulty one."""

import json

import pytest

from whodid.errors import InputError, UsageError
from whodid.limits import MAPPING_BYTES_MAX
from whodid.normalize.mapping import parse_mapping
from whodid.normalize.mapping_path import parse_path
from whodid.normalize.mapping_time import parse_layout, zone_us
from whodid.normalize.registry import format_by_mapping, is_by_mapping
from whodid.testing.format_conformance import check_format, check_record

SHOP = """
# The shop's audit log.
records = "entries"

[fields]
time = "event.at"
id = "event.uuid"
action = "event.op"
access = "event.kind"
outcome = "event.result.code"
reason = "event.result.text"
actor.id = ["user.login", "user.mail"]      # the first that is there
"actor.name" = "user.names[0]"
"actor.type" = "user.class"
"actor.groups" = "user.roles[]"
"resource.name" = "items[].sku"
ip = 'net\\.addr'
rows = "event.count"
duration_s = "took"
changes = "diff"

[constants]
"service.name" = "shop"
"resource.type" = "order item"

[values.access]
SELL = "update"
GIVE_OUT = "read"

[values.outcome]
REFUSED = "denied"

[values.actor.type]
clerk = "user"

[time]
layout = "%d.%m.%Y %H:%M:%S.%f"
zone = "+01:00"
"""
RECORD = {
    "event": {"at": "21.11.2026 20:14:21.168", "uuid": "u-1", "op": "GIVE_OUT", "count": 3,
              "result": {"code": "REFUSED", "text": "closed"}},
    "user": {"mail": "ann@example.com", "names": ["Ann", "A."], "class": "clerk",
             "roles": ["a", "b"]},
    "items": [{"sku": "s-1"}, {"sku": "s-2"}, {"other": 1}],
    "net.addr": "192.0.2.1:4711", "took": 0.25, "diff": {"price": [1, 2]},
}  # fmt: skip
FORMAT = format_by_mapping("json", SHOP, "shop.toml")


def encoded(**more):
    return json.dumps({**RECORD, **more}).encode()


def test_conformance():
    expected = {
        "time": 1_795_288_461_168_000, "original_time": "21.11.2026 20:14:21.168",
        "native_id": "u-1", "identity": "client", "actor.id": "ann@example.com",
        "actor.name": "Ann", "actor.type": "user", "actor.groups": ("a", "b"),
        "action": "GIVE_OUT", "access": "read", "resource.type": "order item",
        "resource.name": "s-1", "resources": ("s-2",), "outcome": "denied", "reason": "closed",
        "rows": 3, "ip": "192.0.2.1", "port": 4711, "service.name": "shop",
        "duration_us": 250_000, "labels": (),
    }  # fmt: skip
    check_format(FORMAT, [encoded()], [expected])
    assert FORMAT.records_key == "entries"
    assert is_by_mapping(FORMAT.name)
    assert FORMAT.name != format_by_mapping("json", SHOP + "\n", "shop.toml").name


def test_logfmt_by_a_mapping():
    text = '[fields]\ntime = "t"\naction = "do"\nactor.id = "who.id"\n[time]\nunit = "ms"\n'
    format_ = format_by_mapping("logfmt", text, "x.toml")
    line = b'do="look at" who.id=ann t=1795288461168 x=1'
    expected = {"time": 1_795_288_461_168_000, "actor.id": "ann", "action": "look at"}
    check_format(format_, [line], [expected])
    assert format_.framing == "lines"
    with pytest.raises(UsageError, match="json and logfmt"):
        format_by_mapping("combined", text, "x.toml")


def test_what_the_mapping_does_not_find_is_missing():
    event = check_record(FORMAT, b'{"event":{"op":"SELL"},"user":{}}').event
    assert event.what.access == "update"
    assert event.who.actor_id is None
    assert event.what.outcome is None
    assert {"missing:time", "missing:actor", "missing:ip"} <= set(event.envelope.labels)
    assert "nothing of what the mapping names" in FORMAT.map(b'{"a":1}', 0).quarantine
    assert FORMAT.map(b"{", 0).quarantine.startswith("not JSON")


def test_words_that_no_table_knows_are_read_as_elsewhere():
    event = {**RECORD["event"], "op": "deleteItem", "result": {"code": 503}}
    what = check_record(FORMAT, encoded(event=event)).event.what
    assert (what.access, what.outcome) == ("delete", "failure")


@pytest.mark.parametrize(
    ("time", "given", "us", "labels"),
    [
        ("", "2026-11-21T19:14:21Z", 1_795_288_461_000_000, ()),
        ("", "2026-11-21 19:14:21", 1_795_288_461_000_000, ("assumed:utc",)),
        ('zone = "-02:30"', "2026-11-21 16:44:21", 1_795_288_461_000_000, ()),
        ('unit = "s"', 1_795_288_461, 1_795_288_461_000_000, ()),
        ('unit = "s"', "1795288461.25", 1_795_288_461_250_000, ()),
        ('unit = "ns"', 1_795_288_461_123_456_789, 1_795_288_461_123_456, ()),
        ('unit = "ms"', -5, None, ("unreadable:time",)),
        ('unit = "ms"', "inf", None, ("unreadable:time",)),
        ('layout = "%b %e %Y %I:%M %p %z"', "Nov  1 2026 12:05 AM +0100", 1_793_487_900_000_000,
         ()),
        ('layout = "%d/%m/%Y %H:%M"', "21/11/2026 19:14", 1_795_288_440_000_000, ("assumed:utc",)),
        ('layout = "%d/%m/%Y %H:%M"', "2026-11-21 19:14", None, ("unreadable:time",)),
        ('layout = "%d/%m/%Y %H:%M"', "31/02/2026 19:14", None, ("unreadable:time",)),
    ],
)  # fmt: skip
def test_times(time, given, us, labels):
    format_ = format_by_mapping("json", f'[fields]\ntime = "t"\n[time]\n{time}\n', "x.toml")
    mapped = format_.map(json.dumps({"t": given}).encode(), 0)
    assert (mapped.time, mapped.labels) == (us, labels)


def test_a_flat_key_with_dots_is_found_first():
    path = parse_path("user.id")
    assert path.find({"user.id": 1, "user": {"id": 2}}) == [1]
    assert path.find({"user": {"id": 2}}) == [2]
    assert path.find({"user": "x"}) == []
    assert parse_path("a[][1].b").find({"a": [[{}, {"b": 5}], [], 7]}) == [5]
    assert parse_path(r"a\.b.c").find({"a.b": {"c": None}}) == []


@pytest.mark.parametrize("text", ["", ".", "a.", "a..b", "[]", "a[x]", "a]b", "a[-1]", "a." * 99])
def test_what_is_no_path(text):
    assert parse_path(text) is None


@pytest.mark.parametrize(
    "layout", ["", "%Q", "%Y-%m-%d", "%Y %Y", "%Y-%m-%d %I:%M", "%d %H %Y", "%"]
)
def test_what_is_no_layout(layout):
    assert isinstance(parse_layout(layout), str)
    with pytest.raises(ValueError, match="x"):
        zone_us("x")


FAULTS = [
    ("", "no [fields]"),
    ("[fields]\n", "nothing in [fields]"),
    (
        "[fields]\naction = 'a'\n[feilds]\n",
        "shop.toml:3: feilds is not known; did you mean fields?",
    ),
    ("[fields]\nactoin = 'a'", "shop.toml:2: [fields] actoin is not known; did you mean action?"),
    ("[fields]\naction = 'a'\nactor.idd = 'b'", "shop.toml:3: [fields] actor.idd is not known"),
    ("[fields]\naction = 'a..b'", "shop.toml:2: [fields] action is a path"),
    ("[fields]\naction = 5", "not 5"),
    ("[fields]\naction = []", "has no path"),
    ("[fields]\naction = 'a'\n[constants]\naction = 'b'", "shop.toml:4: [constants] action is in"),
    ("[fields]\naction = 'a'\n[constants]\nrows = 'b'", "rows is not known"),
    ("[fields]\naction = 'a'\n[constants]\noutcome = 'fine'", "'fine', which is none of denied"),
    ("[fields]\naction = 'a'\n[values.outcome]\nOK = 'sucess'", "did you mean success?"),
    ("[fields]\naction = 'a'\n[values.outcom]\nOK = 'success'", "did you mean outcome?"),
    ("[fields]\naction = 'a'\n[values]\noutcome = 'success'", "shop.toml:"),
    ("[fields]\naction = 'a'\n[time]\nlayout = '%Q'", "shop.toml:4: [time] layout cannot be read"),
    ("[fields]\naction = 'a'\n[time]\nzone = 'CET'", 'zone is "UTC" or an offset'),
    ("[fields]\naction = 'a'\n[time]\nunit = 'min'", "unit is 'min'"),
    ("[fields]\naction = 'a'\n[time]\nformat = 'x'", "[time] format is not known"),
    ("time = 5\n[fields]\naction = 'a'", "shop.toml:1: time is a section"),
    ("records = 5\n[fields]\naction = 'a'", "shop.toml:1: records is the key"),
    ("fields = 'x'", "shop.toml:1: fields is a section"),
    ("[fields\n", "shop.toml: "),
    ("x = " + "[" * 5000, "shop.toml: "),
    ("#" * (MAPPING_BYTES_MAX + 1), "at most"),
]


@pytest.mark.parametrize(("text", "says"), FAULTS)
def test_a_fault_names_file_and_line(text, says):
    with pytest.raises(InputError) as raised:
        parse_mapping(text, "shop.toml")
    assert says in str(raised.value)
