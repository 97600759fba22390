"""Answers with a proof, made by the log and checked by the auditor's program; altered ones too."""

import base64
import json
import subprocess
import sys

import pytest

from whodid.errors import AccessDeniedError, IntegrityError, QueryError, UsageError
from whodid.index.ranges import prover
from whodid.ledger.attester import attest
from whodid.ledger.range_root import parse_range_root
from whodid.query.match import matcher
from whodid.query.own import is_own
from whodid.query.parse import parse
from whodid.query.rights import rights
from whodid.verifier import entries as verified_entries
from whodid.verifier.answer import check
from whodid.verifier.replays import read_attestation

from .conftest import CALLER

SEARCHES = (
    "actor:alice",
    "actor:ALICE",
    "actor.name:=Alice",
    "actor:gross",
    'actor:"Kelvin \u212a" outcome:denied',
    "resource:bob access:read",
    "ip:10.0.0.1",
    "ip:2001:db8::1 access:create outcome:success",
    "service:alice actor:bob access:read outcome:success",
    "actor:nobody",
    "actor:nobody access:read",
    "session:bob source:app",
    "correlation:c100000003",
    "correlation:c102000007 access:read",
    "actor:alice time:[2096-10-02T07:06:41Z TO 2096-10-02T07:06:43Z]",
    "actor:alice time:>2030-01-01 time:<2096-10-02T07:06:42Z",
    "actor:alice time:<2020-01-01",
    "access:read time:<2096-10-02T07:06:41Z",
)


def expected(log, text, *, own=False):
    matches = matcher(parse(text).filter)
    return {i for i, e in log.log.events.items() if matches(e) and (own or not is_own(e))}


def shown(data):
    return {event["entry"] for event in json.loads(data)["events"]}


@pytest.mark.parametrize("text", SEARCHES)
def test_an_answer_is_whole_and_verifies(mapped, text):
    data = mapped.prove(text).encode()
    verdict = check(data, mapped.keys.vkey().encode())
    assert verdict.faults == []
    assert verdict.statement == "complete as indexed"
    assert verdict.complete_to == verdict.size
    assert shown(data) == expected(mapped, text)
    assert verdict.events == len(shown(data))


def test_own_events_are_in_it_when_they_are_asked_for(mapped):
    data = mapped.prove("actor:alice", own=True).encode()
    assert check(data).faults == []
    assert shown(data) == expected(mapped, "actor:alice", own=True)
    assert shown(data) != expected(mapped, "actor:alice")


def test_what_is_set_aside_shows_no_more_than_it_must(mapped):
    document = json.loads(mapped.prove("actor:alice time:<2096-10-02T07:06:41Z").encode())
    groups = {tuple(group for group, _, _ in entry["shown"]) for entry in document["aside"]}
    assert groups == {(1,), (8,)}  # the time of others, the source of whodid's own
    tail = {tuple(g for g, _, _ in entry.get("shown", [])) for entry in document["tail"]}
    assert tail <= {(), (1,), (2,), (8,)}


@pytest.mark.parametrize(
    "text", ["*", "alice", "-actor:alice", "actor:al*", "actor:a OR actor:b", "bytes:7",
             "time:>2020-01-01", "ip:10.0.0.0/8", "actor:alice message:x", "actor:~a.c",
             "reason:=alice", "host:=alice", "actor:* access:read"],
)  # fmt: skip
def test_what_has_no_proof_is_refused_with_the_reason(mapped, text):
    with pytest.raises(QueryError, match="a proof is of exact values and a time"):
        mapped.prove(text)


def test_a_table_has_no_proof(mapped):
    with pytest.raises(QueryError):
        mapped.prove("actor:alice | stats count()")


def test_too_much_is_refused_with_what_to_do(mapped, monkeypatch):
    monkeypatch.setattr("whodid.app.proving.PROOF_EVENTS_MAX", 10)
    with pytest.raises(UsageError, match="ask for a shorter time"):
        mapped.prove("access:read")


def test_a_tail_too_long_is_left_out_and_said(mapped, monkeypatch):
    monkeypatch.setattr("whodid.app.proving.PROOF_TAIL_ROWS_MAX", 10)
    data = mapped.prove("actor:alice").encode()
    verdict = check(data)
    assert verdict.ok
    assert verdict.complete_to == 8192 < verdict.size
    assert shown(data) == {i for i in expected(mapped, "actor:alice") if i < 8192}


@pytest.mark.parametrize("limits", [("actor:alice", ()), (None, ("message",))])
def test_it_is_for_readers_from_whom_nothing_is_kept(mapped, limits):
    caller = type(CALLER)("bob", "cli", rights=rights(*limits))
    with pytest.raises(AccessDeniedError):
        mapped.reading().prove(caller, "actor:alice")


def test_each_proof_is_an_event(mapping):
    mapping.map()
    before = mapping.log.reader.refresh()
    mapping.prove("actor:alice")
    rows = list(mapping.log.reader.rows(before, mapping.log.reader.refresh()))
    (event,) = [row.event() for row in rows]
    assert (event.what.action, event.content.statement) == ("prove answer", "actor:alice")
    assert event.what.rows == len(expected(mapping, "actor:alice"))


# --- the auditor's program --------------------------------------------------------------------


def test_the_auditors_program_stands_alone():
    code = "import sys, whodid.verifier.answer, whodid.verifier.replays; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.partition(".")[0] == "whodid"}
    assert {name for name in ours if not name.startswith("whodid.verifier")} == {"whodid"}
    assert not {"msgspec", "numpy"} & set(done.stdout.split())


def test_it_knows_the_fields_of_the_maps(mapped):
    from whodid.event import FIELDS, GROUPS
    from whodid.query.provable import MAPPED

    assert verified_entries.MAPPED == MAPPED
    numbers = {name: number for number, (name, _) in enumerate(GROUPS, 1)}
    for names in MAPPED.values():
        for name in names:
            assert verified_entries.GROUP_OF[name] == numbers[FIELDS[name][0]]


SEARCH = "actor:alice access:read time:>2030-01-01"


@pytest.fixture(scope="module")
def document(mapped):
    return mapped.prove(SEARCH).encode()


def altered(document, change):
    found = json.loads(document)
    change(found)
    return check(json.dumps(found).encode())


def below(found):
    """Return an event of the answer that lies in a range."""
    return next(e for e in found["events"] if e["entry"] < found["end"])


def drop(name, which):
    def change(found):
        found[name].remove(which(found))

    return change


def test_an_event_that_is_left_out_is_named(document):
    found = json.loads(document)
    missing = below(found)["entry"]
    verdict = altered(document, drop("events", below))
    assert verdict.faults == [
        f"entry {missing} is listed for these values and is not shown: it is missing"
    ]
    assert verdict.statement == "not proved"


def test_an_event_set_aside_that_matches_is_named(document):
    def change(found):
        event = below(found)
        found["events"].remove(event)
        found["aside"].append(event)

    (fault,) = altered(document, change).faults
    assert "is not shown to be another" in fault


def test_an_event_that_does_not_match_is_named(document):
    def change(found):
        found["events"].append(found["aside"].pop(0))

    found = json.loads(document)
    assert altered(document, change).faults == [
        f"entry {found['aside'][0]['entry']} does not match: events[{len(found['events'])}]"
    ]


def test_an_event_of_the_tail_cannot_be_left_out(document):
    def change(found):
        found["events"].remove(next(e for e in found["events"] if e["entry"] >= found["end"]))

    (fault,) = altered(document, change).faults
    assert fault.startswith("not every entry from 8192 to")


def flip(text):
    data = bytearray(base64.b64decode(text))
    data[len(data) // 2] ^= 1
    return base64.b64encode(bytes(data)).decode()


def flips():
    """Yield (name, change) that alters one thing each."""

    def at(*way):
        def change(found):
            here = found
            for step in way[:-1]:
                here = here[step]
            here[way[-1]] = flip(here[way[-1]])

        return change

    yield "leaf of a range", at("ranges", 0, "leaf")
    yield "path of a range", at("ranges", 0, "path", 3)
    yield "bucket", at("ranges", 0, "terms", 0, "rows")
    yield "path of a bucket", at("ranges", 1, "terms", 0, "path", 5)
    yield "list", at("ranges", 0, "terms", 0, "entries", "offsets")
    yield "key", at("keys", 0, "key")
    yield "leaf of an event", at("events", 0, "leaf")
    yield "path of an event", at("events", 0, "path", 0)
    yield "hash of a group", at("events", 0, "hashes", 5)
    yield "salt", at("events", 0, "shown", 0, 1)
    yield "raw record", at("events", 0, "shown", 6, 2)
    yield "edge", at("edge", 0)
    yield "leaf of the tail", at("tail", 0, "leaf")


@pytest.mark.parametrize(("name", "change"), list(flips()))
def test_no_altered_byte_is_accepted(document, name, change):
    assert altered(document, change).faults, name


def test_a_range_cannot_be_left_out(document):
    assert altered(document, lambda found: found["ranges"].pop(0)).faults
    assert altered(document, lambda found: found["ranges"].pop()).faults


def test_a_term_cannot_be_left_out(document):
    def change(found):
        found["ranges"][0]["terms"].pop()

    (fault,) = altered(document, change).faults
    assert "does not show what each term has in it" in fault


def test_another_question_has_another_answer(document):
    def widen(found):
        found["asked"]["terms"][1]["value"] = "create"

    def later(found):
        found["asked"]["to_us"] = 1

    def never(found):
        found["asked"]["from_us"] = None
        found["asked"]["to_us"] = 10**12

    assert altered(document, widen).faults
    assert altered(document, later).faults
    assert altered(document, never).faults


def test_one_root_does_not_prove_both_answers(mapped, document):
    """The bucket of another value, which does not hold this one, is not taken for its own."""
    other = json.loads(mapped.prove("actor:nobody").encode())

    def change(found):
        for mine, theirs in zip(found["ranges"], other["ranges"], strict=True):
            mine["terms"] = theirs["terms"]
        found["events"] = [e for e in found["events"] if e["entry"] >= found["end"]]
        found["aside"] = []

    (fault,) = altered(document, change).faults
    assert "does not belong to the map that the log names" in fault


def test_another_key_does_not_fit(mapped, document):
    _, vkey = attest("other", 1, [])
    (fault,) = check(document, vkey.encode()).faults
    assert "not signed by" in fault


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"nul", b"\xff", b'{"kind":"whodid answer 2"}', b"[" * 100_000,
             b'{"kind":"whodid answer 1","asked":{"terms":[]}}', b"1" * 5000],
)  # fmt: skip
def test_what_is_no_answer_is_said_to_be_none(data):
    verdict = check(data)
    assert verdict.faults
    assert not verdict.ok


def test_no_hostile_document_raises(document):
    found = json.loads(document)
    small = {**found, "tail": found["tail"][:2], "events": found["events"][:2]}
    for way in ways(small):
        for value in (None, -1, 1 << 70, True, "é", [], {}, [[]], "AAAA"):
            hostile = json.loads(json.dumps(small))
            here = hostile
            for step in way[:-1]:
                here = here[step]
            if here[way[-1]] != value:
                here[way[-1]] = value
                assert check(json.dumps(hostile).encode()).statement


def ways(value, way=(), depth=5):
    """Yield the ways to some values of a document: the first two of each array."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:2])
    for step, item in items:
        yield (*way, step)
        if isinstance(item, dict | list) and depth:
            yield from ways(item, (*way, step), depth - 1)


# --- an index that lies, and a replay ---------------------------------------------------------


def test_no_proof_is_made_when_index_and_map_differ(mapping, monkeypatch):
    mapping.map()
    honest = prover._rows

    def less(tables, term):
        for rows in honest(tables, term):
            yield rows[1:]

    monkeypatch.setattr(prover, "_rows", less)
    with pytest.raises(IntegrityError, match=r"the index finds .* the map that entry"):
        mapping.prove("actor:alice")


def test_a_replay_makes_an_answer_genuine(mapped, document):
    roots = [parse_range_root(tail) for _, tail in mapped.named()]
    note, vkey = attest(mapped.log.sequencer._p.manifest.origin, 9_000, roots)
    verdict = check(document)
    verdict.take(read_attestation(note, vkey.encode()))
    assert verdict.statement == "genuine and complete"


def test_a_replay_of_less_or_of_others_does_not(mapped, document):
    origin = mapped.log.sequencer._p.manifest.origin
    roots = [parse_range_root(tail) for _, tail in mapped.named()]
    note, vkey = attest(origin, 9_000, roots[:1])
    verdict = check(document)
    verdict.take(read_attestation(note, vkey.encode()))
    assert verdict.statement == "complete as indexed"
    for lie in (attest("other log", 9_000, roots), attest(origin, 9_000, [other(roots[0])])):
        verdict = check(document)
        verdict.take(read_attestation(lie[0], lie[1].encode()))
        assert verdict.statement == "not proved"


def other(root):
    values = {name: getattr(root, name) for name in root.__struct_fields__}
    return type(root)(**{**values, "map_root": bytes(32)})
