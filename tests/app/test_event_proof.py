"""An event's proof: what it says, and that every altered byte of it is named."""

import msgspec
import pytest

from whodid.app.answer import Caller
from whodid.app.event_proof import check_proof
from whodid.app.intake import LedgerIntake
from whodid.app.reading import LedgerReading
from whodid.app.rows import RowMaker
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.leaf import decode_leaf
from whodid.merkle.checkpoint import Vkey, parse_body, verify_note
from whodid.merkle.commitment import commit
from whodid.merkle.tree import hash_leaf, verify_inclusion
from whodid.query.rights import EVERYTHING
from whodid.sources.intake import Delivery

CALLER = Caller("alice", "cli", rights=EVERYTHING)


@pytest.fixture
def proven(directory, keys, port, clock):
    port.declare_source("crm", "json", "crm")
    maker = RowMaker(keys.identity_root(), port.sources)
    intake = LedgerIntake(maker, BatchBuilder(keys.ledger_id, keys.public_kek()), port)
    records = [
        msgspec.json.encode({"id": f"e{n}", "userId": "bob", "action": "READ"}) for n in range(9)
    ]
    intake.accept(Delivery("crm", records, clock()))
    reading = LedgerReading(directory, keys, port, clock)
    event_id = reading.search(CALLER, "id:* actor:bob", limit=1).events[0].event.when.id
    hit, proof = reading.proof(CALLER, event_id)
    _, verdict = reading.verify_event(CALLER, event_id)
    reading._reader.close()
    return hit, proof, verdict, keys.vkey()


def test_a_proof_stands_with_the_pure_floor_alone(proven):
    hit, proof, verdict, _ = proven
    vkey = Vkey.parse(proof.vkey)
    head = parse_body(verify_note(proof.checkpoint, vkey))
    assert head.size == proof.size > proof.index == hit.index
    verify_inclusion(hash_leaf(proof.leaf), proof.index, head.size, proof.proof, head.root)
    assert commit(proof.seed, proof.groups) == decode_leaf(proof.leaf).commitment
    assert proof.groups[6] == hit.event.raw
    assert verdict.ok
    assert [step.ok for step in verdict.steps] == [True, True, True]


def altered(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_every_altered_part_is_named_by_its_step(proven):
    _, proof, _, vkey = proven
    replace = msgspec.structs.replace
    groups = list(proof.groups)
    groups[6] = altered(groups[6], 0)
    swapped = (proof.groups[1], proof.groups[0], *proof.groups[2:])
    cases = {
        "seed": (replace(proof, seed=altered(proof.seed, 5)), [True, False, True]),
        "raw": (replace(proof, groups=tuple(groups)), [True, False, True]),
        "swapped": (replace(proof, groups=swapped), [True, False, True]),
        "fewer groups": (replace(proof, groups=proof.groups[:7]), [True, False, True]),
        "index": (replace(proof, index=proof.index - 1), [True, True, False]),
        "beyond": (replace(proof, index=proof.size), [True, True, False]),
        "negative": (replace(proof, index=-1), [True, True, False]),
        "path": (replace(proof, proof=[altered(proof.proof[0], 0), *proof.proof[1:]]), None),
        "short path": (replace(proof, proof=proof.proof[:-1]), [True, True, False]),
        "no path": (replace(proof, proof=[]), [True, True, False]),
        "odd path": (replace(proof, proof=[b"x", *proof.proof[1:]]), [True, True, False]),
        "note": (replace(proof, checkpoint=proof.checkpoint.replace("app", "apq")), None),
        "no note": (replace(proof, checkpoint=""), [False, True, False]),
        "not text": (replace(proof, checkpoint="\ud800"), [False, True, False]),
    }
    for name, (case, expected) in cases.items():
        verdict = check_proof(case, vkey)
        assert not verdict.ok, name
        assert expected in (None, [step.ok for step in verdict.steps]), name
        assert all(step.detail for step in verdict.steps), name


def test_no_byte_of_the_leaf_can_be_altered(proven):
    _, proof, _, vkey = proven
    for at in range(len(proof.leaf)):
        case = msgspec.structs.replace(proof, leaf=altered(proof.leaf, at))
        assert not check_proof(case, vkey).ok, at
    for leaf in (b"", proof.leaf[:-1], proof.leaf + b"\0"):
        assert not check_proof(msgspec.structs.replace(proof, leaf=leaf), vkey).ok


def test_another_log_of_the_same_name_is_not_believed(proven):
    _, proof, _, vkey = proven
    stranger = Vkey.of(vkey.name, bytes(range(32)))
    assert [step.ok for step in check_proof(proof, stranger).steps] == [False, True, False]
