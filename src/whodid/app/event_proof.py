"""An event with its proof, and its verification step by step from stored bytes."""

import msgspec

from whodid.app.answer import EventProof, EventVerdict, Step
from whodid.errors import IntegrityError, WhodidError
from whodid.ledger.leaf import decode_leaf
from whodid.merkle.checkpoint import Checkpoint, Vkey, parse_body, verify_note
from whodid.merkle.commitment import commit, reveal
from whodid.merkle.tree import hash_leaf, verify_inclusion
from whodid.query.rights import Rights, shown_groups


def shown_proof(proof: EventProof, reader: Rights) -> EventProof:
    """Return the proof as the reader may have it: groups with a withheld field as hashes only.

    The seed goes with them: it holds every salt, and a salt lets its holder test guesses.
    """
    if not reader.withheld:
        return proof
    shown = shown_groups(reader)
    seed, groups = _opened(proof)
    return msgspec.structs.replace(
        proof,
        seed=None,
        groups=tuple(g if number in shown else None for number, g in enumerate(groups, 1)),
        opening=reveal(seed, groups, shown),
    )


def _opened(proof: EventProof) -> tuple[bytes, list[bytes]]:
    """Return what opens the whole commitment. Raises IntegrityError when it is not all here."""
    groups = [group for group in proof.groups if group is not None]
    if proof.seed is None or len(groups) != len(proof.groups):
        raise IntegrityError("a part of the event is not here, so its commitment cannot be opened")
    return proof.seed, groups


def check_proof(proof: EventProof, vkey: Vkey) -> EventVerdict:
    """Verify an event's proof against the log's public key. Never raises for altered bytes.

    1. The checkpoint is signed by the log's key.
    2. The stored groups and seed give the commitment in the leaf.
    3. The leaf's hash is at its index in the tree of the checkpoint.
    """
    steps: list[Step] = []
    checkpoint = _signature(proof, vkey, steps)  # 1
    _commitment(proof, steps)  # 2
    _inclusion(proof, checkpoint, steps)  # 3
    return EventVerdict(all(step.ok for step in steps), steps)


def _signature(proof: EventProof, vkey: Vkey, steps: list[Step]) -> Checkpoint | None:
    name = "The checkpoint is signed by the log's key"
    try:
        checkpoint = parse_body(verify_note(proof.checkpoint, vkey))
    except WhodidError as error:
        steps.append(Step(name, ok=False, detail=str(error)))
        return None
    detail = f"{checkpoint.origin}, {checkpoint.size:,} entries, key {vkey.key_id:08x}"
    steps.append(Step(name, ok=True, detail=detail))
    return checkpoint


def _commitment(proof: EventProof, steps: list[Step]) -> None:
    name = "The stored event gives the commitment in its leaf"
    try:
        stored = decode_leaf(proof.leaf).commitment
        computed = commit(*_opened(proof))
    except (WhodidError, ValueError) as error:  # ValueError: not eight groups
        steps.append(Step(name, ok=False, detail=str(error)))
        return
    same = stored == computed
    detail = computed.hex() if same else f"leaf {stored.hex()}, computed {computed.hex()}"
    steps.append(Step(name, ok=same, detail=detail))


def _inclusion(proof: EventProof, checkpoint: Checkpoint | None, steps: list[Step]) -> None:
    name = "The leaf is in the signed tree at its index"
    leaf_hash = hash_leaf(proof.leaf)
    if checkpoint is None:
        steps.append(Step(name, ok=False, detail="there is no signed tree to compare with"))
        return
    try:
        verify_inclusion(leaf_hash, proof.index, checkpoint.size, proof.proof, checkpoint.root)
    except WhodidError as error:
        steps.append(Step(name, ok=False, detail=str(error)))
        return
    detail = (
        f"index {proof.index:,}, leaf hash {leaf_hash.hex()}, {len(proof.proof)} hashes lead to "
        f"root {checkpoint.root.hex()}"
    )
    steps.append(Step(name, ok=True, detail=detail))
