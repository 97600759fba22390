"""Step 3 of `verify`: a run of leaves, decoded, checked by itself and made small.

What comes of a run is a `Part`: hashes for the tree (one per full tile of 256 leaves, so that a
process passes on 32 bytes where it hashed 24 KB), 64-bit words of identity tags and commitments
for the search of doubles, ranges of sequence numbers. It does not look at payload.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from whodid.ledger.leaf import LEAF_VERSION, LeafFlag, LeafType, encode_leaves
from whodid.ledger.leaf_rules import first_broken_rule, has_identity, words
from whodid.ledger.source_entry import SourceOpened
from whodid.ledger.verification.sequences import SequenceRun, sequence_runs
from whodid.ledger.verification.verdict import Fault
from whodid.merkle.batch import sha256_each
from whodid.merkle.tiles import TILE_WIDTH
from whodid.merkle.tree import perfect_root

Array = np.ndarray
_EMPTY = np.zeros(0, dtype=np.uint64)


class Segment(NamedTuple):
    """Leaf hashes of one tile, in order; of a full tile without a cut only its root (32 bytes)."""

    leaves: int
    hashes: bytes


class Part(Struct):
    """What a run of leaves [first, end) gave. Filled by the steps, then read by the collector.

    `identities` and `commitments` have one word a leaf: the first 64 bits of the identity tag (0
    without one, and for conflicts) and of the commitment. `tagged` has both in full, 48 bytes
    each, of unsealed leaves, of which no file is kept. `broken` says that the leaves could not be
    read; most other fields are then empty.
    """

    where: str
    first: int
    end: int
    broken: bool = False
    segments: Sequence[Segment] = ()
    identities: Array = _EMPTY
    commitments: Array = _EMPTY
    tagged: bytes = b""
    conflicts: Array = _EMPTY
    conflict_indexes: Array = _EMPTY
    dropped: Array = _EMPTY
    appended_us: tuple[int, int] = (0, 0)
    sequences: Sequence[SequenceRun] = ()
    used: dict[bytes, int] = {}
    opens: Sequence[tuple[int, bytes]] = ()
    settings: dict[int, SourceOpened] = {}
    restarts: Sequence[tuple[int, bytes]] = ()
    ranges: Sequence[tuple[int, bytes]] = ()
    opened: int = 0
    unopened: int = 0
    opened_before: int = 0
    faults: list[Fault] = []


def read_leaves(part: Part, table: Array, tails: dict[int, bytes], cuts: Collection[int]) -> None:
    """Check the leaves of a part and fill it.

    1. The version is known, the fields agree with each other (`leaf_rules`).
    2. `appended_us` does not decrease.
    3. Hashes: one per tile, or all of a tile in which a size of `cuts` lies.
    """
    first, where = part.first, part.where
    strange = table["version"] != LEAF_VERSION
    if strange.any():  # 1
        row = int(strange.argmax())
        version = int(table["version"][row])
        part.faults.append(Fault(where, first + row, f"leaf version {version} is not known"))
    rule = first_broken_rule(table)
    if rule:
        part.faults.append(Fault(where, first + rule[0], f"the leaf {rule[1]}"))
    times = table["appended_us"].astype(np.uint64)
    back = times[1:] < times[:-1]
    if back.any():  # 2
        row = int(back.argmax()) + 1
        part.faults.append(Fault(where, first + row, "appended before the entry in front of it"))
    part.appended_us = (int(times[0]), int(times[-1]))
    hashes = sha256_each(encode_leaves(table, tails))
    part.segments = segments(hashes, first, cuts)  # 3
    _words(part, table)
    _sources(part, table)
    restarted = np.nonzero(table["type"] == int(LeafType.RESTART))[0].tolist()
    part.restarts = [(first + row, tails.get(row, b"")) for row in restarted]
    named = np.nonzero(table["type"] == int(LeafType.RANGE_ROOT))[0].tolist()
    part.ranges = [(first + row, tails.get(row, b"")) for row in named]
    part.sequences = sequence_runs(table)


def segments(hashes: list[bytes], first: int, cuts: Collection[int]) -> list[Segment]:
    """Cut leaf hashes of [first, …) at the borders of tiles and reduce full ones."""
    kept = {cut // TILE_WIDTH for cut in cuts if cut % TILE_WIDTH}
    out = []
    at = 0
    while at < len(hashes):
        index = first + at
        chosen = hashes[at : at + TILE_WIDTH - index % TILE_WIDTH]
        at += len(chosen)
        if len(chosen) == TILE_WIDTH and index // TILE_WIDTH not in kept:
            out.append(Segment(TILE_WIDTH, perfect_root(chosen)))
        else:
            out.append(Segment(len(chosen), b"".join(chosen)))
    return out


def _words(part: Part, table: Array) -> None:
    conflict = (table["flags"] & np.uint16(LeafFlag.CONFLICT)) != 0
    tags = words(table["identity_tag"], 2)[:, 0]
    part.commitments = np.ascontiguousarray(words(table["commitment"], 4)[:, 0])
    part.identities = np.where(has_identity(table) & ~conflict, tags, np.uint64(0))
    if conflict.any():
        part.conflicts = tags[conflict]
        part.conflict_indexes = np.nonzero(conflict)[0] + part.first


def _sources(part: Part, table: Array) -> None:
    ids, rows = np.unique(table["source_id"], return_index=True)
    part.used = {
        source.tobytes(): part.first + row for source, row in zip(ids, rows.tolist(), strict=True)
    }
    types = table["type"]
    opened = np.nonzero(types == int(LeafType.SOURCE))[0].tolist()
    part.opens = [(part.first + row, table["source_id"][row].tobytes()) for row in opened]
