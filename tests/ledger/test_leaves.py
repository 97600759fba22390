import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whodid.errors import FormatError, IntegrityError
from whodid.ledger.leaf import Leaf, LeafFlag
from whodid.ledger.leaf_heads import LeafHead
from whodid.ledger.leaves import decode_leaf, decode_leaf_file, decode_leaf_heads, encode_leaf_file
from whodid.limits import UNIT_ROWS

LEDGER = bytes(range(16))
u64 = st.integers(0, 2**64 - 1)


@st.composite
def leaf(draw):
    flags = draw(st.integers(0, 63))
    named = not flags & LeafFlag.NO_IDENTITY
    return Leaf(
        draw(st.integers(1, 9)), flags, draw(st.integers(0, 2**16 - 1)),
        draw(st.sampled_from([b"a" * 16, b"b" * 16, bytes(16)])), draw(u64), draw(u64), draw(u64),
        draw(st.binary(min_size=16, max_size=16)) if named else bytes(16),
        draw(st.binary(min_size=32, max_size=32)), draw(st.binary(max_size=5)),
    )  # fmt: skip


def encode(leaves, first=5):
    return encode_leaf_file(LEDGER, first, [b"\0" + leaf.encode() for leaf in leaves])


@given(st.lists(leaf(), min_size=1, max_size=12))
def test_leaves_come_back_to_the_byte(leaves):
    file = decode_leaf_file(encode(leaves), "f")
    assert (file.first, file.end, file.ledger_id) == (5, 5 + len(leaves), LEDGER)
    assert file.leaves() == [b"\0" + one.encode() for one in leaves]
    assert [file.leaf(i) for i in range(len(leaves))] == [one.encode() for one in leaves]
    alone = [decode_leaf(encode(leaves), i, "f") for i in range(len(leaves))]
    assert alone == [one.encode() for one in leaves]
    heads = decode_leaf_heads(encode(leaves), "f")
    each = [heads.at(i) for i in range(len(leaves))]
    assert each == [LeafHead(one.type, one.flags, one.appended_us) for one in leaves]


def test_leaves_that_are_alike_take_little():
    one = Leaf(1, 0, 0, bytes(16), 1, 1, 7, bytes(16), bytes(32), b"")
    alike = decode_leaf_heads(encode([one] * 4000), "f")
    assert alike.at(3999) == LeafHead(1, 0, 7)
    assert alike.size_bytes < 600


def test_a_whole_unit():
    leaves = [
        Leaf(1, 1, 0, b"s" * 16, 1, i, i, bytes([i % 256]) * 16, b"c" * 32)
        for i in range(UNIT_ROWS)
    ]
    data = encode(leaves, 0)
    assert decode_leaf_file(data, "f").leaves() == [b"\0" + one.encode() for one in leaves]
    assert len(data) < 50 * UNIT_ROWS


@given(st.binary(max_size=200))
def test_hostile_bytes(data):
    with pytest.raises((IntegrityError, FormatError)):
        decode_leaf_file(data, "f")


SAMPLE = encode(
    [
        Leaf(1, 0, i, b"ab"[i % 2 : i % 2 + 1] * 16, 1, i, i, b"t" * 16, b"c" * 32, b"x" * i)
        for i in range(6)
    ]
)


@settings(max_examples=300)
@given(st.data())
def test_altered_bytes_never_crash(data):
    altered = bytearray(SAMPLE)
    for _ in range(data.draw(st.integers(1, 3))):
        altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(IntegrityError, FormatError):
        decode_leaf_file(bytes(altered), "f").leaves()
    with contextlib.suppress(IntegrityError, FormatError):
        decode_leaf(bytes(altered), data.draw(st.integers(0, 7)), "f")


def test_every_cut_is_named():
    for end in range(8, len(SAMPLE)):
        with pytest.raises(IntegrityError, match="the-file"):
            decode_leaf_file(SAMPLE[:end], "the-file")


def test_a_newer_format_names_the_upgrade():
    with pytest.raises(FormatError, match="upgrade"):
        decode_leaf_file(SAMPLE[:7] + b"\x02" + SAMPLE[8:], "f")
