import base64
import json

import msgspec
import pytest

from whodid.app.answer import EventProof, Hit, SearchAnswer, SourceInfo
from whodid.app.document import (
    EVENT_KEYS,
    answer_document,
    event_document,
    flag_words,
    proof_document,
    raw_details,
    source_document,
)
from whodid.event import (
    EMPTY_CONTENT,
    EMPTY_CONTEXT,
    EMPTY_WHERE,
    FIELDS,
    Change,
    Content,
    Context,
    Envelope,
    Event,
    Redaction,
    What,
    When,
    Where,
    Who,
)
from whodid.limits import ANSWER_RAW_BYTES_MAX, NESTING_MAX

TIME_US = 1_697_903_123_136_000


def hit(raw=b'{"userId":"alice"}', **groups):
    parts = {
        "when": When("0190-id", TIME_US + 5, TIME_US),
        "who": Who(actor_id="alice"),
        "what": What("read", "read", resource_name="customers", rows=1204, outcome="success"),
        "where": EMPTY_WHERE,
        "context": EMPTY_CONTEXT,
        "content": EMPTY_CONTENT,
        "envelope": Envelope("crm", "json"),
    } | groups
    return Hit(7, Event(raw=raw, **parts), TIME_US + 9, 0)


def test_keys_are_search_fields_and_times_are_rfc_3339():
    document = event_document(hit())
    assert document == {
        "index": 7,
        "id": "0190-id",
        "received": "2023-10-21T15:45:23.136005Z",
        "time": "2023-10-21T15:45:23.136000Z",
        "actor.id": "alice",
        "action": "read",
        "access": "read",
        "resource.name": "customers",
        "outcome": "success",
        "rows": 1204,
        "source": "crm",
        "format": "json",
        "mapping": 1,
        "identity": "none",
        "appended": "2023-10-21T15:45:23.136009Z",
        "flags": [],
        "sentence": "alice read 1,204 rows of customers",
        "raw": '{"userId":"alice"}',
        "details": {"userId": "alice"},
    }


def test_every_field_can_be_shown_and_is_json():
    full = hit(
        when=When("i", 1, 2, "then"),
        who=Who("a", "A", "user", "boss", "s", ("g",)),
        what=What("x", "read", "t", "n", "p", ("l",), ("r",), "denied", "why", 0, 0),
        where=Where("::1", "h", 0, "curl", ("10.0.0.1",)),
        context=Context("s", "1", "/", "c", "t", "s", "r", 0),
        content=Content("m", (Change("f", "a", None),), "select", ("1",)),
        envelope=Envelope("s", "f", 2, "client", "n", ("l",), "bad", (Redaction(1, 2, "k"),), "ok"),
    )
    document = event_document(full)
    assert set(FIELDS) <= set(document)
    assert set(document) <= set(EVENT_KEYS)
    assert document["rows"] == 0
    assert document["changes"] == [{"field": "f", "before": "a"}]
    assert document["redactions"] == [{"offset": 1, "length": 2, "rule": "k"}]
    assert json.loads(msgspec.json.encode(document)) == document


def test_raw_that_is_not_text_is_base64():
    document = event_document(hit(b"\xff\x00"))
    assert base64.b64decode(document["raw_base64"]) == b"\xff\x00"
    assert "raw" not in document
    assert "details" not in document


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"text", b"1", b'"text"', b"null", b"{", b'{"a":1e999}', b'{"a":NaN}',
        b'{"a":"\\ud800"}', b"[" * 100_000, b"[" * (NESTING_MAX + 1) + b"]" * (NESTING_MAX + 1),
        b'{"a":"\xff"}',
    ],
)  # fmt: skip
def test_details_only_of_readable_json(raw):
    assert raw_details(raw) is None
    msgspec.json.encode(event_document(hit(raw)))


def test_details_keep_great_integers_and_wide_records():
    assert raw_details(b" [123456789012345678901234567890]\n") == [123456789012345678901234567890]
    wide = b"[" + b",".join([b"{}"] * 1000) + b"]"
    assert len(raw_details(wide)) == 1000
    deep = b"[" * NESTING_MAX + b"]" * NESTING_MAX
    assert raw_details(deep) is not None


def test_absurd_times_do_not_break_the_document():
    document = event_document(Hit(1, hit(when=When("i", 2**62, -(2**62))).event, 2**63, 0))
    assert document["time"] is None
    assert document["appended"] is None


def test_flags_are_words():
    assert flag_words(0) == []
    assert flag_words(4 | 8 | 16 | 32 | 2) == [
        "quarantined", "redacted", "conflict", "no_identity", "seq_native",
    ]  # fmt: skip


def test_an_answer_leaves_out_what_would_be_too_large_and_says_so():
    raw = b"x" * (ANSWER_RAW_BYTES_MAX // 2)
    answer = SearchAnswer([hit(raw)] * 3, 3, True, 2, "next", "note", 10, ["older"])
    document = answer_document(answer)
    assert ["raw" in event for event in document["events"]] == [True, True, False]
    assert document["warnings"][0] == "older"
    assert "of 1 events are left out" in document["warnings"][1]
    assert answer.warnings == ["older"]
    assert (document["total"], document["hidden_own"], document["size"]) == (3, 2, 10)
    assert (document["next"], document["checkpoint"]) == ("next", "note")


def test_a_proof_is_base64_and_a_source_has_times():
    document = proof_document(EventProof(3, b"leaf", b"seed", (b"", b"\xff"), "c", 4, [b"h"], "v"))
    assert [base64.b64decode(group) for group in document["groups"]] == [b"", b"\xff"]
    assert base64.b64decode(document["leaf"]) == b"leaf"
    source = source_document(SourceInfo("crm", "json", "crm", TIME_US, 1, 0, None))
    assert source["opened"] == "2023-10-21T15:45:23.136000Z"
    assert source["newest"] is None
