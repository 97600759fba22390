import msgspec
import pytest

from whodid.app.rows import RowMaker
from whodid.errors import UsageError
from whodid.event import decode_groups
from whodid.ledger.leaf import LeafFlag
from whodid.ledger.state_db import Source
from whodid.sources.intake import Delivery

NOW = 1_795_000_000_000_000
SAMPLE = (
    b'{"timestamp":"2023-10-21T15:45:23.136Z","userId":"john.doe@example.com",'
    b'"action":"FILE_UPLOAD","resource":"customer-records.csv","status":"SUCCESS"}'
)
SOURCES = {
    "crm": Source("crm", b"c" * 16, "json", "crm"),
    "crm-2": Source("crm-2", b"d" * 16, "json", "crm"),
    "other": Source("other", b"o" * 16, "auto", "other"),
}


@pytest.fixture
def maker():
    return RowMaker(bytes(32), lambda: SOURCES)


def test_the_articles_sample_becomes_a_row(maker):
    prepared = maker.make(Delivery("crm", [SAMPLE], NOW))
    [row] = prepared.rows
    event = decode_groups(row.groups)
    assert event.who.actor_id == "john.doe@example.com"
    assert event.what.action == "FILE_UPLOAD"
    assert event.what.access == "create"
    assert event.what.resource_name == "customer-records.csv"
    assert event.what.outcome == "success"
    assert event.raw == SAMPLE
    assert event.when.received == NOW
    assert event.envelope.source == "crm"
    assert row.source_id == b"c" * 16


def test_without_an_identity_the_reply_does_not_promise_exactly_once(maker):
    prepared = maker.make(Delivery("crm", [SAMPLE], NOW))
    assert not prepared.exactly_once
    assert prepared.rows[0].flags & LeafFlag.NO_IDENTITY
    assert prepared.rows[0].identity_tag == bytes(16)


@pytest.mark.parametrize(
    "delivery",
    [
        Delivery("crm", [SAMPLE], NOW, request_key="key-1"),
        Delivery("crm", [SAMPLE], NOW, fingerprint="ab" * 32, offsets=[0]),
        Delivery("crm", [SAMPLE[:-1] + b',"id":"e-1"}'], NOW),
    ],
    ids=["request", "file", "client"],
)
def test_an_identity_is_tagged_and_stable(maker, delivery):
    first, second = maker.make(delivery).rows[0], maker.make(delivery).rows[0]
    assert not first.flags & LeafFlag.NO_IDENTITY
    assert first.identity_tag == second.identity_tag != bytes(16)
    assert first.content_tag == second.content_tag
    assert first.groups[0] != second.groups[0], "our own id is new each time"


def test_identities_are_scoped_to_the_domain(maker):
    record = SAMPLE[:-1] + b',"id":"e-1"}'
    tags = {
        name: maker.make(Delivery(name, [record], NOW)).rows[0].identity_tag for name in SOURCES
    }
    assert tags["crm"] == tags["crm-2"], "two sources of one domain share identities"
    assert tags["other"] != tags["crm"], "another domain does not"


def test_what_cannot_be_mapped_is_kept_and_quarantined(maker):
    prepared = maker.make(Delivery("other", [b"\x00\xffnonsense", b"[1,2"], NOW))
    assert prepared.quarantined == [True, True]
    for row, raw in zip(prepared.rows, (b"\x00\xffnonsense", b"[1,2"), strict=True):
        assert row.flags & LeafFlag.QUARANTINED
        assert row.groups[6] == raw
        assert decode_groups(row.groups).envelope.quarantine


def test_a_cut_record_is_quarantined_with_the_reason(maker):
    prepared = maker.make(Delivery("crm", [SAMPLE], NOW, cut={0: "too long: 99 bytes"}))
    assert prepared.quarantined == [True]
    assert "too long" in decode_groups(prepared.rows[0].groups).envelope.quarantine


def test_secrets_are_replaced_and_flagged(maker):
    record = SAMPLE[:-1] + b',"password":"hunter2"}'
    row = maker.make(Delivery("crm", [record], NOW)).rows[0]
    assert row.flags & LeafFlag.REDACTED
    assert not any(b"hunter2" in group for group in row.groups)
    assert msgspec.json.decode(row.groups[6])["userId"] == "john.doe@example.com"


def test_an_undeclared_source_says_how_to_declare_it(maker):
    with pytest.raises(UsageError, match="whodid source add nobody"):
        maker.make(Delivery("nobody", [SAMPLE], NOW))


def _usual(number, **changes):
    fields = {
        "id": f"e-{number}", "timestamp": "2026-10-21T15:45:23.136Z", "userId": "jo@example.com",
        "action": "read", "resource": f"/srv/{number}", "status": "SUCCESS", "ip": "10.0.0.7",
    }  # fmt: skip
    return msgspec.json.encode(fields | changes)


def test_records_of_one_shape_become_the_same_the_short_way(maker):
    records = [_usual(number) for number in range(6)]
    together = maker.make(Delivery("crm", records, NOW))
    alone = [RowMaker(bytes(32), lambda: SOURCES).make(Delivery("crm", [r], NOW)) for r in records]
    assert together.exactly_once
    for row, other in zip(together.rows, [item.rows[0] for item in alone], strict=True):
        assert row.groups[1:] == other.groups[1:]
        assert row.groups[0][48:] == other.groups[0][48:]  # behind the random id
        assert (row.identity_tag, row.content_tag) == (other.identity_tag, other.content_tag)
        assert (row.flags, row.epoch, row.seq) == (0, 0, 0)


def test_a_secret_among_records_of_one_shape_is_still_replaced(maker):
    records = [_usual(number) for number in range(6)]
    records[4] = _usual(4, resource="/login?password=hunter22")
    rows = maker.make(Delivery("crm", records, NOW)).rows
    assert [bool(row.flags & LeafFlag.REDACTED) for row in rows] == [False] * 4 + [True, False]
    assert b"hunter22" not in b"".join(rows[4].groups)


def test_a_short_way_never_takes_what_is_no_json(maker):
    records = [_usual(number) for number in range(6)]
    records[4] = records[4].replace(b"10.0.0.7", b"10.0.0\x007")
    prepared = maker.make(Delivery("crm", records, NOW))
    assert prepared.quarantined == [False] * 4 + [True, False]


def test_a_source_of_any_format_takes_the_short_way_for_short_json_only(maker):
    trail = msgspec.json.encode({"eventSource": "s3.amazonaws.com", "eventName": "GetObject"})
    records = [*[_usual(number) for number in range(4)], trail, _usual(9, userId="eventSource")]
    for delivered in (records[:4], records, [*records, records[3]]):
        together = maker.make(Delivery("other", delivered, NOW))
        for raw, row in zip(delivered, together.rows, strict=True):
            alone = RowMaker(bytes(32), lambda: SOURCES).make(Delivery("other", [raw], NOW))
            assert row.groups[1:] == alone.rows[0].groups[1:]
