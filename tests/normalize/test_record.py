"""From Mapped to Prepared: identity, bounds, labels, redaction, cut records."""

from hashlib import sha256

import pytest

from whodid.event import (
    EMPTY_WHO,
    Change,
    Content,
    Mapped,
    What,
    Where,
    Who,
    decode_groups,
    encode_groups,
)
from whodid.limits import FIELD_CHARS_MAX, LIST_ITEMS_MAX, RECORD_BYTES_MAX, RECORD_KEPT_BYTES
from whodid.normalize.record import prepare

RAW = b"raw"


def make(mapped: Mapped | None = None, raw: bytes = RAW, **more):
    return prepare(
        mapped if mapped is not None else Mapped(),
        raw,
        event_id="id",
        source="crm",
        format_name="json",
        mapping=1,
        received_us=5,
        **more,
    )


FILE = {"position": ("fp", 10)}
REQUEST = {"request": ("key", 3)}


@pytest.mark.parametrize(
    ("mapped", "more", "expected"),
    [
        (Mapped(client_id="c", native_id="n", epoch=1, seq=2), FILE, (1, b"c", "client", "c")),
        (Mapped(native_id="n", epoch=1, seq=2), FILE, (2, b"n", "native", "n")),
        (Mapped(epoch=1, seq=2), FILE, (3, b"crm\x001/2", "sequence", "1/2")),
        (Mapped(epoch=1, seq=2, native_seq=True), {}, (0, b"", "none", None)),
        (Mapped(seq=2), REQUEST | FILE, (4, b"3/key", "request", "3/key")),
        (Mapped(), FILE, (5, b"10/fp", "file", "10/fp")),
        (Mapped(), {}, (0, b"", "none", None)),
        (Mapped(client_id=""), {}, (0, b"", "none", None)),
        (Mapped(epoch=-1, seq=1 << 70), {}, (0, b"", "none", None)),
    ],
)
def test_only_the_first_identity_applies(mapped, more, expected):
    prepared = make(mapped, **more)
    envelope = prepared.event.envelope
    found = (prepared.identity_kind, prepared.identity, envelope.identity, envelope.native_id)
    assert found == expected


def test_sequences_say_where_they_come_from():
    assert make(Mapped(epoch=1, seq=2))[3:] == (1, 2, 1)
    assert make(Mapped(epoch=1, seq=2, native_seq=True))[3:] == (1, 2, 2)
    assert make(Mapped(seq=2))[3:] == (0, 0, 0)


def test_missing_fields_are_labels():
    full = Mapped(
        time=1,
        who=Who(actor_name="a"),
        what=What(action="x", resource_name="r"),
        where=Where(ip="::1"),
        labels=("assumed:utc",),
    )
    assert make(full).event.envelope.labels == ("assumed:utc",)
    assert make(Mapped(labels=("l",))).event.envelope.labels == (
        "l", "missing:time", "missing:actor", "missing:action", "missing:resource", "missing:ip",
    )  # fmt: skip


def test_a_quarantined_record_is_whole_and_not_missing_anything():
    event = make(Mapped(quarantine="not JSON"), b"\x00\xff").event
    assert event.raw == b"\x00\xff"
    assert event.who is EMPTY_WHO
    assert event.envelope.labels == ()
    assert event.envelope.quarantine == "not JSON"


@pytest.mark.parametrize("time", [-1, 4_102_444_800_000_001])
def test_an_absurd_time_is_dropped_and_its_text_kept(time):
    event = make(Mapped(time=time, original_time="then", who=Who("a"))).event
    assert (event.when.time, event.when.original_time) == (None, "then")
    assert "1970" in event.envelope.quarantine
    assert event.who.actor_id == "a"


def test_the_bounds_of_fields_and_lists():
    raw = b"x" * (FIELD_CHARS_MAX + 9)
    mapped = Mapped(
        who=Who(actor_groups=("g",) * (LIST_ITEMS_MAX + 1)),
        content=Content(message="m" * (FIELD_CHARS_MAX + 1)),
    )
    event = make(mapped, raw).event
    assert len(event.content.message) == FIELD_CHARS_MAX
    assert len(event.who.actor_groups) == LIST_ITEMS_MAX
    assert {"cut:field", "cut:list"} <= set(event.envelope.labels)
    assert event.raw == raw
    short = make(Mapped(what=What(resources=("r",) * (LIST_ITEMS_MAX + 1)))).event
    assert len(short.what.resources) == LIST_ITEMS_MAX


def test_a_field_is_bounded_where_redaction_made_the_record_short():
    raw = b"password='" + b"A" * (FIELD_CHARS_MAX + 9)
    event = make(Mapped(who=Who("A" * (FIELD_CHARS_MAX + 9))), raw).event
    assert len(event.raw) < 100
    assert len(event.who.actor_id) == FIELD_CHARS_MAX
    assert "cut:field" in event.envelope.labels


def test_lone_surrogates_never_reach_the_encoder():
    mapped = Mapped(
        who=Who("a\ud800"), native_id="n\udc80", labels=("l\ud800",), quarantine="q\ud800"
    )
    prepared = make(mapped, b"\xed\xa0\x80")
    groups = encode_groups(prepared.event)
    assert decode_groups(groups) == prepared.event
    assert prepared.identity == b"n\xed\xb2\x80"


def test_a_record_that_is_too_long_is_cut_and_hashed():
    raw = b"a" * (RECORD_BYTES_MAX + 1)
    event = make(Mapped(), raw).event
    assert event.raw == raw[:RECORD_KEPT_BYTES]
    assert sha256(raw).hexdigest() in event.envelope.quarantine


def test_redaction_reaches_what_was_mapped():
    raw = b"""{"statement":"alter role a password 'pw'","password":"hunter2"}"""
    content = Content(
        message="password=pw",
        changes=(Change("password", "old", "token=pw"),),
        statement="alter role a password 'pw'",
        params=("Bearer 0123456789abcdef0",),
    )
    event = make(Mapped(content=content), raw).event
    groups = encode_groups(event)
    assert not any(b"pw" in group.replace(b"pwd", b"") for group in groups)
    assert b"hunter2" not in event.raw
    assert b"0123456789abcdef0" not in groups[5]
    assert event.content.changes[0].before == "[redacted:json-key]"
    for span in event.envelope.redactions:
        stored = event.raw[span.offset : span.offset + span.length]
        assert stored == f"[redacted:{span.rule}]".encode()
    unscanned = make(Mapped(), raw, scan=False).event
    assert unscanned.raw == raw
