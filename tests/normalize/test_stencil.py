"""Stencils make what the long way makes, byte for byte, or nothing."""

import json
import random

import pytest

from whodid.event import IDENTITY_KINDS, encode_groups
from whodid.limits import STENCIL_ATTEMPTS_MAX, STENCIL_RECORD_BYTES_MAX, STENCILS_MAX
from whodid.normalize.record import prepare
from whodid.normalize.short_json import ShortJson
from whodid.normalize.short_json_names import NAMES
from whodid.normalize.stencil import NOWHERE, Stencils, all_plain, place

NOW = 1_795_000_000_000_000
ID = "01a2b3c4-0000-7000-8000-000000000000"
SOURCE = 'a "strange" 100%b source'
FORMAT = ShortJson()


def long_way(raw, request=None, position=None):
    prepared = prepare(
        FORMAT.map(raw, NOW), raw, event_id=ID, source=SOURCE, format_name="json", mapping=1,
        received_us=NOW, request=request, position=position,
    )  # fmt: skip
    kind = prepared.identity_kind if prepared.identity else 0
    plain = prepared.seq_kind == prepared.epoch == prepared.seq == 0
    assert plain or kind == IDENTITY_KINDS.index("sequence") or prepared.seq_kind
    return encode_groups(prepared.event), kind, prepared.identity, plain


def short_way(stencils, raw, where=NOWHERE):
    return stencils.cut(raw, ID, b"%d" % NOW, where) if all_plain([raw]) else None


def record(**changes):
    fields = {
        "id": "e-1", "timestamp": "2026-10-01T02:09:37.939173Z", "userId": "anna@example.com",
        "action": "read", "resource": "/a/b c", "status": "SUCCESS", "clientIp": "10.0.0.7",
        "rows": 12, "durationMs": 7, "custom": "x", "sql": "SELECT 1",
    } | changes  # fmt: skip
    return json.dumps(
        {k: v for k, v in fields.items() if v is not ...}, ensure_ascii=False
    ).encode()


@pytest.fixture
def stencils():
    made = Stencils(SOURCE)
    for _ in range(2):
        made.learn(record())
    return made


def test_the_second_record_of_a_shape_makes_a_stencil():
    made = Stencils(SOURCE)
    made.learn(record())
    assert short_way(made, record()) is None
    made.learn(record(id="e-2"))
    assert short_way(made, record(id="e-3")) == long_way(record(id="e-3"))[:3]


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "frobnicate"},
        {"action": "DeleteUser", "status": "AccessDenied"},
        {"status": "403"},
        {"timestamp": "2026-10-01T02:09:37Z"},
        {"timestamp": "2026-10-01T02:09:37.9Z"},
        {"timestamp": "2026-10-01T02:09:37.939173999Z"},
        {"timestamp": "2026-10-01T04:09:37.939+02:00"},
        {"timestamp": "2016-12-31T23:59:60.5Z"},
        {"clientIp": "2001:db8::1"},
        {"rows": 0, "durationMs": 0},
        {"rows": 999_999_999_999_999},
        {"userId": "zoë@example.com", "resource": "π/𝄞"},
        {"custom": "100%b %s %"},
        {"userId": "50%d"},
        {"userId": "a\x7fb\u2028\ufeffc"},
    ],
    ids=str,
)
def test_it_makes_what_the_long_way_makes(stencils, changes):
    raw = record(**changes)
    assert short_way(stencils, raw) == long_way(raw)[:3]


@pytest.mark.parametrize(
    "raw",
    [
        record(clientIp="10.0.0.7:443"),
        record(clientIp="256.0.0.1"),
        record(clientIp="10.0.0.7\n"),
        record(timestamp="2026-10-01 02:09:37"),
        record(timestamp="2026-13-01T02:09:37Z"),
        record(timestamp="9999-10-01T02:09:37Z"),
        record(timestamp="1969-10-01T02:09:37.000000Z"),
        record(timestamp="2026-10-01T02:09:61.939173Z"),
        record(rows=-1),
        record(rows=1.5),
        record(rows="12"),
        record(rows=10**15),
        record(userId=""),
        record(userId=None),
        record(userId='a "quoted" name'),
        record(userId="tab\there"),
        record(resource={"name": "x"}),
        record(resource=["x"]),
        record(custom=1),
        record(actor="two names of one field"),
        record(sql=...),
        record().replace(b": ", b":"),
        record().replace(b'"rows": 12', b'"rows": 012'),
        record().replace(b'"rows": 12', b'"rows": 1e3'),
        record().replace(b'"custom"', b'"userId"'),
        record() + b"{}",
        record() + b" ",
        record()[:-1],
        record(resource="x" * STENCIL_RECORD_BYTES_MAX),
    ],
    ids=lambda raw: raw[:60].decode(),
)
def test_what_is_out_of_the_ordinary_goes_the_long_way(stencils, raw):
    assert short_way(stencils, raw) is None


@pytest.mark.parametrize(
    "raw", [b'{"userId":"a\x00b"}', b'{"userId":"a\nb"}', b'{"userId":"\xff"}', b'{\t"userId":"a"}']
)
def test_control_characters_and_broken_text_are_not_plain(raw):
    assert not all_plain([record(), raw])
    assert all_plain([record(), record()])


def test_without_an_id_the_place_is_the_identity():
    made = Stencils(SOURCE)
    raw = record(id=...)
    for _ in range(2):
        made.learn(raw)
    assert short_way(made, raw) == long_way(raw)[:3]
    by_request = place("request", "4/key-1")
    assert short_way(made, raw, by_request) == long_way(raw, request=("key-1", 4))[:3]
    by_file = place("file", "4096/" + "ab" * 32)
    assert short_way(made, raw, by_file) == long_way(raw, position=("ab" * 32, 4096))[:3]


def test_an_id_of_its_own_comes_before_the_place(stencils):
    raw = record()
    assert short_way(stencils, raw, place("request", "4/k")) == long_way(raw, ("k", 4))[:3]


def test_shapes_are_bounded():
    made = Stencils(SOURCE)
    for number in range(STENCILS_MAX + 5):
        for _ in range(2):
            made.learn(record(**{f"key{number}": "v"}))
    fitting = [n for n in range(STENCILS_MAX + 5) if short_way(made, record(**{f"key{n}": "v"}))]
    assert fitting == list(range(STENCILS_MAX))


def test_a_source_that_never_repeats_itself_is_left_alone():
    made = Stencils(SOURCE)
    for number in range(STENCIL_ATTEMPTS_MAX):
        made.learn(record(**{f"key{number}": "v"}))
    for _ in range(5):
        made.learn(record())
    assert short_way(made, record()) is None


WORDS = ("read", "a b", "x%by", "zoë", "2026-10-01T02:09:37.5Z", "2026-10-01", "10.1.2.3", "::1",
         "403", "denied", "", "7", "007", "true", "nested {", "comma, [", "a:b", "e-1")  # fmt: skip
USUAL = ("id", "timestamp", "userId", "action", "resource", "status", "ip", "rows", "durationMs",
         "sql", "message", "bytes")  # fmt: skip
UNKNOWN = ("custom", "x.y", "Ünknown", "a b", "50%")


def _value(draw):
    kind = draw.randrange(12)
    if kind < 7:
        return draw.choice(WORDS)
    if kind == 7:
        return draw.choice((0, 1, 12, -3, 10**14, 10**15, 10**18, 2**63))
    if kind == 8:
        return draw.choice((None, True, False))
    if kind == 9:
        return draw.choice((0.5, 12.0, 1e3, -0.25))
    return "".join(draw.choice("abcXYZ 019/._-%'") for _ in range(draw.randrange(1, 30)))


def _shape(draw):
    known = draw.sample(sorted(NAMES), draw.randrange(0, 7))
    usual = draw.sample(USUAL, draw.randrange(1, 9))
    keys = list(dict.fromkeys([*usual, *known, *draw.sample(UNKNOWN, draw.randrange(3))]))
    draw.shuffle(keys)
    return keys


@pytest.mark.parametrize("seed", range(20))
def test_fuzz_both_ways_agree(seed):
    draw = random.Random(f"stencil {seed}")
    made, hits = Stencils(SOURCE), 0
    usual = {
        "timestamp": "2026-10-01T02:09:37.5Z", "ip": "10.1.2.3", "rows": 4, "durationMs": 3,
        "bytes": 5,
    }  # fmt: skip
    for _ in range(60):
        keys = _shape(draw)
        base = {key: usual.get(key, "plain") for key in keys}
        marks = draw.choice([(",", ":"), (", ", ": ")])
        for _ in range(6):
            fields = base | {key: _value(draw) for key in keys if draw.random() < 0.2}
            raw = json.dumps(fields, ensure_ascii=False, separators=marks).encode()
            if draw.random() < 0.1:
                at = draw.randrange(len(raw))
                raw = raw[:at] + bytes([draw.randrange(256)]) + raw[at + 1 :]
            found = short_way(made, raw)
            if found is None:
                made.learn(raw)
                continue
            hits += 1
            groups, kind, identity, plain = long_way(raw)
            assert plain, raw
            assert found == (groups, kind, identity), raw
    assert hits > 5, (seed, hits)
