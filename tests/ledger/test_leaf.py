import contextlib
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.errors import IntegrityError
from whodid.ledger.leaf import (
    LEAF_BYTES,
    LEAF_DTYPE,
    Leaf,
    LeafFlag,
    LeafType,
    decode_leaf,
    encode_leaves,
    unprefixed,
)
from whodid.limits import LEAF_TAIL_BYTES_MAX

u16, u64 = st.integers(0, 2**16 - 1), st.integers(0, 2**64 - 1)
leaves = st.builds(
    Leaf, st.sampled_from([int(t) for t in LeafType]), u16, u16,
    st.binary(min_size=16, max_size=16), u64, u64, u64,
    st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32),
    st.binary(max_size=40),
)  # fmt: skip


def test_the_bytes_are_those_of_the_format():
    leaf = Leaf(1, 0x1234, 7, b"s" * 16, 2, 3, 4, b"t" * 16, b"c" * 32, b"tail")
    assert (
        leaf.encode()
        == bytes.fromhex("01 01 1234 0007")
        + b"s" * 16
        + bytes.fromhex("0000000000000002 0000000000000003 0000000000000004")
        + b"t" * 16
        + b"c" * 32
        + b"tail"
    )
    assert LEAF_BYTES == 94
    assert LEAF_DTYPE.itemsize == 95


@given(leaves)
def test_what_was_written_is_read(leaf):
    assert decode_leaf(leaf.encode()) == leaf


@given(st.lists(leaves, max_size=5))
def test_an_array_of_leaves_is_cut_like_single_ones(many):
    table = np.zeros(len(many), dtype=LEAF_DTYPE)
    for row, leaf in enumerate(many):
        table[row] = (
            0, leaf.version, leaf.type, leaf.flags, leaf.class_, leaf.source_id, leaf.epoch,
            leaf.seq, leaf.appended_us, leaf.identity_tag, leaf.commitment,
        )  # fmt: skip
    cut = encode_leaves(table, {i: leaf.tail for i, leaf in enumerate(many) if leaf.tail})
    assert unprefixed(cut) == [leaf.encode() for leaf in many]
    assert [sha256(one).digest() for one in cut] == [
        sha256(b"\0" + leaf.encode()).digest() for leaf in many
    ]


@given(st.binary(max_size=LEAF_BYTES + 20))
def test_hostile_bytes_are_an_integrity_error(data):
    with contextlib.suppress(IntegrityError):
        assert decode_leaf(data).encode() == data


def test_bounds():
    whole = Leaf(1, 0, 0, bytes(16), 0, 0, 0, bytes(16), bytes(32), bytes(LEAF_TAIL_BYTES_MAX))
    assert decode_leaf(whole.encode()) == whole
    with pytest.raises(IntegrityError, match="tail"):
        decode_leaf(whole.encode() + b"x")
    with pytest.raises(IntegrityError, match="version 9"):
        decode_leaf(b"\x09" + whole.encode()[1:])


def test_types_and_flags_are_part_of_the_format():
    assert [int(t) for t in LeafType] == list(range(1, 11))
    assert {f.name: int(f) for f in LeafFlag} == {
        "SEQ_SENDER": 1, "SEQ_NATIVE": 2, "QUARANTINED": 4, "REDACTED": 8, "CONFLICT": 16,
        "NO_IDENTITY": 32,
    }  # fmt: skip
    assert LeafFlag.SEQ_ASSIGNED == 3
