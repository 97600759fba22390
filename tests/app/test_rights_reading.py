"""A reader's answers are those of a ledger that holds only what he may see."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whodid.access.rights import rights_of
from whodid.access.users import User
from whodid.app.answer import Caller
from whodid.app.document import answer_document, event_document, proof_document
from whodid.app.event_proof import check_proof
from whodid.app.intake import LedgerIntake
from whodid.app.reading import LedgerReading
from whodid.app.rows import RowMaker
from whodid.errors import AccessDeniedError, UsageError
from whodid.event import encode_groups
from whodid.index.search import Searcher
from whodid.ledger.batch import BatchBuilder, Row
from whodid.ledger.leaf import LeafFlag, LeafType, decode_leaf
from whodid.ledger.local import LocalSequencer
from whodid.ledger.opening import Settings, init_ledger, open_ledger
from whodid.ledger.reader import LedgerReader
from whodid.merkle.commitment import verify_opening
from whodid.query.parse import parse
from whodid.query.rights import EVERYTHING, NOTHING, rights, visible
from whodid.query.times import resolve
from whodid.sources.intake import Delivery

FILTER = "source:shop -resource:payroll"
DENIED = ("statement", "params", "message")
READER = rights(FILTER, DENIED, own=False)
SECRET = "cardnumber"


def caller(reader, name="rita"):
    return Caller(name, "api", rights=reader)


def record(number, source):
    resource = ("customers", "payroll", "orders")[number % 3]
    return {
        "id": f"0190a0a0-0000-7000-8000-{number:012x}" if number % 2 else f"{source}-{number}",
        "userId": ("alice", "bob")[number % 2], "action": "READ", "resource": resource,
        "rows": number * 10, "ip": f"10.0.0.{number}",
        "timestamp": f"2026-11-19T10:00:{number:02d}Z",
        "statement": f"SELECT {SECRET} FROM {resource}", "message": f"told {number}",
    }  # fmt: skip


@pytest.fixture
def filled(directory, keys, port, clock):
    for name in ("shop", "hr", "empty"):
        port.declare_source(name, "json", name)
    intake = LedgerIntake(
        RowMaker(keys.identity_root(), port.sources),
        BatchBuilder(keys.ledger_id, keys.public_kek()),
        port,
    )
    for source in ("shop", "hr"):
        records = [msgspec.json.encode(record(n, source)) for n in range(12)]
        intake.accept(Delivery(source, [*records, b"{torn"], clock()))
    return intake


@pytest.fixture
def reading(directory, keys, port, clock, filled):
    reading = LedgerReading(directory, keys, port, clock)
    yield reading
    reading._reader.close()


def test_a_reader_sees_his_rows_and_counts_no_others(reading):
    reading.search(caller(EVERYTHING), "")
    answer = reading.search(caller(READER), "")
    found = [(hit.event.envelope.source, hit.event.what.resource_name) for hit in answer.events]
    assert answer.total == len(found) == 9  # of shop: 12, less 4 of payroll, and the torn one
    assert {source for source, _ in found} == {"shop"}
    assert "payroll" not in {resource for _, resource in found}
    assert (answer.total_is_exact, answer.hidden_own) == (True, 0)
    assert reading.search(caller(READER), "", own=True).total == 9
    assert reading.search(caller(READER), "service:whodid").total == 0
    assert reading.search(caller(READER), "source:hr").total == 0
    assert any("a part of the events" in warning for warning in answer.warnings)
    assert any("message, params, raw, statement" in warning for warning in answer.warnings)
    whole = reading.search(caller(EVERYTHING), "")
    assert (whole.total, whole.warnings) == (26, [])


def test_denied_fields_are_in_no_answer(reading):
    answer = reading.search(caller(READER), "")
    event_id = answer.events[0].event.when.id
    hit, proof = reading.proof(caller(READER), event_id)
    shown = [
        answer_document(answer), event_document(reading.event(caller(READER), event_id)),
        event_document(hit), proof_document(proof),
        event_document(reading.verify_event(caller(READER), event_id)[0]),
    ]  # fmt: skip
    for document in shown:
        text = msgspec.json.encode(document)
        assert SECRET.encode() not in text
        assert b'"raw"' not in text.replace(b'"withheld":["message","params","raw"', b"")
        assert b"told" not in text
    assert shown[1]["withheld"] == ["message", "params", "raw", "statement"]
    assert "details" not in shown[1]
    assert shown[1]["sentence"]


def test_a_proof_with_withheld_groups_still_proves(reading, keys):
    event_id = reading.search(caller(READER), "").events[0].event.when.id
    _, proof = reading.proof(caller(READER), event_id)
    assert proof.seed is None
    assert [group is None for group in proof.groups] == [False] * 5 + [True, True, False]
    verify_opening(proof.opening, decode_leaf(proof.leaf).commitment)
    document = proof_document(proof)
    assert document["seed"] is None
    assert [salt is None for salt in document["salts"]] == [False] * 5 + [True, True, False]
    assert len(document["hashes"]) == 8
    _, verdict = reading.verify_event(caller(READER), event_id)
    assert verdict.ok
    _, whole = reading.proof(caller(EVERYTHING), event_id)
    assert check_proof(whole, keys.vkey()).ok
    assert "hashes" not in proof_document(whole)


def test_an_event_outside_is_not_there_in_the_words_of_a_missing_one(reading):
    outside = reading.search(caller(EVERYTHING), "source:hr").events[0].event.when.id
    for read in (reading.event, reading.proof, reading.verify_event):
        with pytest.raises(UsageError) as met:
            read(caller(READER), outside)
        with pytest.raises(UsageError) as missing:
            read(caller(READER), "0190a0a0-dead-7000-8000-000000000000")
        assert str(met.value).replace(outside, "") == str(missing.value).replace(
            "0190a0a0-dead-7000-8000-000000000000", ""
        )


def test_ids_inside_are_found_however_they_are_written(reading):
    event_id = reading.search(caller(READER), "").events[0].event.when.id
    assert reading.event(caller(READER), event_id.upper()).event.when.id == event_id
    for odd in ("", "\0", "\udcff", "a" * 9999):
        with pytest.raises(UsageError, match="no event"):
            reading.event(caller(READER), odd)


def test_sources_are_those_of_which_something_is_seen(reading):
    [source] = reading.sources(caller(READER))
    newest = reading.search(caller(READER), "").events[0].event.when
    assert (source.name, source.events, source.quarantined) == ("shop", 9, 1)
    assert source.newest_us == (newest.time or newest.received)
    everything = {info.name: info.events for info in reading.sources(caller(EVERYTHING))}
    assert everything["hr"] == 13
    assert everything["empty"] == 0


def test_a_tail_is_cut_to_the_rights(reading, filled, clock):
    following = reading.follow(caller(READER), "")
    own = reading.follow(caller(READER), "service:whodid")
    conflicts = reading.follow(caller(rights("-_conflict:true", [])), "source:shop")
    reading.sources(caller(EVERYTHING))
    again = {**record(1, "shop"), "action": "OTHER"}
    for source in ("shop", "hr"):
        records = [msgspec.json.encode({**record(n, source), "id": f"t{n}"}) for n in (1, 3)]
        filled.accept(Delivery(source, records, clock()))
    filled.accept(Delivery("shop", [msgspec.json.encode(again)], clock()))
    hits = following.poll()
    assert len(hits) == 1
    assert {hit.event.envelope.source for hit in hits} == {"shop"}
    assert "payroll" not in {hit.event.what.resource_name for hit in hits}
    assert all(hit.event.content.statement is None and hit.event.raw == b"" for hit in hits)
    assert own.poll() == []
    flags = [hit.flags & LeafFlag.CONFLICT for hit in conflicts.poll()]
    assert flags == [0, 0], "the conflict is outside"


DENIED_READS = {
    "search": lambda reading, who: reading.search(who, "statement:SELECT"),
    "tail": lambda reading, who: reading.follow(who, "-params:x"),
}
READS = {
    "search": lambda reading, who: reading.search(who, "alice"),
    "tail": lambda reading, who: reading.follow(who, "alice"),
    "show": lambda reading, who: reading.event(who, "0190-x"),
    "prove": lambda reading, who: reading.proof(who, "0190-x"),
    "verify": lambda reading, who: reading.verify_event(who, "0190-x"),
}


def refusals(reading):
    hits = reading.search(caller(EVERYTHING), "source:whodid outcome:denied").events
    return [(hit.event.what, hit.event.content.statement) for hit in hits]


@pytest.mark.parametrize("action", DENIED_READS)
def test_a_question_about_a_denied_field_is_refused_and_on_record(action, reading):
    with pytest.raises(AccessDeniedError, match="withheld from you"):
        DENIED_READS[action](reading, caller(READER))
    [(what, asked)] = refusals(reading)
    assert (what.action, what.rows) == (action, None)
    assert "withheld" in what.reason
    assert asked in {"statement:SELECT", "-params:x"}


@pytest.mark.parametrize("action", READS)
def test_who_reads_no_content_gets_none_and_it_is_on_record(action, reading):
    with pytest.raises(AccessDeniedError, match="reads no events"):
        READS[action](reading, caller(NOTHING, "root"))
    [(what, _)] = refusals(reading)
    assert what.action == action


@pytest.mark.parametrize(
    "user", [User("x", "reader", filter="a:(("), User("x", "reader", deny=("gone",)),
             User("x", "auditor")]
)  # fmt: skip
def test_rights_that_are_not_understood_show_not_even_the_sources(reading, user):
    them = caller(rights_of(user))
    assert reading.sources(them) == []
    for read in READS.values():
        with pytest.raises(AccessDeniedError):
            read(reading, them)


def test_who_reads_no_content_may_know_the_sources(reading):
    assert {info.name for info in reading.sources(caller(NOTHING))} >= {"shop", "hr"}


# --- against a ledger that holds only what may be seen --------------------------------------------

LEAVES = st.sampled_from(
    ["alice", "bob", SECRET, "told", "customers", "payroll", "source:hr", "source:shop", "hr",
     "resource:payroll", "rows:>50", "ip:10.0.0.0/30", "access:read", "*", "service:whodid",
     "labels:*", "_quarantined:true", "time:>2026-11-19T10:00:05Z", "torn", "format:json",
     "native_id:hr-*", "id:0190a0a0-0000-7000-8000-000000000005", "endpoint:api"]
)  # fmt: skip
QUERIES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda text: f"-({text})"),
        st.lists(inner, min_size=2, max_size=3).map(" ".join).map("({})".format),
        st.lists(inner, min_size=2, max_size=3).map(" OR ".join).map("({})".format),
    ),
    max_leaves=5,
)


@pytest.fixture
def smaller(tmp_path, reading, directory, keys, clock):
    """A searcher over a second ledger: the reader's rows, stored anew without what is withheld."""
    where = tmp_path / "smaller"
    other = init_ledger(where, origin="test.example/whodid/smaller", clock=clock)
    options = Settings(wal_file_bytes=1 << 20, free_bytes_min=0)
    port = LocalSequencer(*open_ledger(where, clock=clock, settings=options))
    builder = BatchBuilder(other.ledger_id, other.public_kek())
    hits = sorted(reading.search(caller(READER), "", limit=1000).events, key=lambda hit: hit.index)
    rows = []
    for hit in hits:
        name = hit.event.envelope.source
        source = port.declare_source(name, "json", name)
        flags = hit.flags | LeafFlag.NO_IDENTITY
        groups = encode_groups(visible(hit.event, READER))
        rows.append(
            Row(LeafType.EVENT, int(flags), 0, source.source_id, 0, 0, bytes(16), bytes(8), groups)
        )
    port.submit(builder.build(rows))
    reader = LedgerReader(where, other)
    yield Searcher(where, other, reader), port.status().size
    reader.close()
    port.close()


def test_every_answer_is_that_of_the_smaller_ledger(reading, smaller, clock):
    searcher, size = smaller

    @settings(
        max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(QUERIES, st.integers(1, 6), st.booleans())
    def compare(text, limit, own):
        before, expected = None, None
        while True:
            answer = reading.search(caller(READER), text, limit=limit, own=own, before=before)
            page = searcher.search(
                resolve(parse(text), clock()), limit=limit, durable=size, own=own,
                before=expected,
            )  # fmt: skip
            assert [hit.event for hit in answer.events] == [hit.event for hit in page.rows]
            assert (answer.total, answer.total_is_exact) == (page.total, page.total_is_exact)
            assert answer.hidden_own == page.hidden_own == 0
            before, expected = answer.next, page.next
            assert (before is None) == (expected is None)
            if before is None:
                return

    compare()
