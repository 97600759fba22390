import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whodid.errors import FormatError, IntegrityError
from whodid.ledger.blocks import decode_block, encode_block
from whodid.ledger.frame import Columns, Rows
from whodid.limits import FRAME_ROWS, UNIT_ROWS

LEDGER = bytes(range(16))


def rows_of(count):
    return Rows(
        [bytes([i % 256]) * 16 for i in range(count)],
        [tuple(b"%d.%d" % (i, g) for g in range(8)) for i in range(count)],
        [bytes([i % 251]) * 8 for i in range(count)],
    )


def sample(indexes=(3, 5, 9), span=20):
    return encode_block(LEDGER, 0, span, 7, list(indexes), Columns.of(rows_of(len(indexes))))


@settings(deadline=None, max_examples=25)
@given(st.sets(st.integers(0, UNIT_ROWS - 1), min_size=1, max_size=600), st.integers(0, 2**40))
def test_rows_come_back(offsets, first):
    indexes = sorted(first + offset for offset in offsets)
    rows = Columns.of(rows_of(len(indexes)))
    data, key_id, key = encode_block(LEDGER, first, UNIT_ROWS, 7, indexes, rows)
    block = decode_block(data, "f")
    assert (block.ledger_id, block.first, block.class_, block.key_id) == (LEDGER, first, 7, key_id)
    assert tuple(block.indexes) == tuple(indexes)
    assert [count for _, _, count in block.frames] == [
        min(FRAME_ROWS, len(indexes) - at) for at in range(0, len(indexes), FRAME_ROWS)
    ]
    found = [block.read_frame(number, key) for number in range(len(block.frames))]
    assert [g for rows in found for g in rows.groups] == rows_of(len(indexes)).groups
    assert [t for rows in found for t in rows.content_tags] == rows_of(len(indexes)).content_tags
    for index in (indexes[0], indexes[-1]):
        number, row = block.frame_of(index)
        assert number * FRAME_ROWS + row == indexes.index(index)
    for missing in (first - 1, indexes[-1] + 1):
        with pytest.raises(KeyError):
            block.frame_of(missing)


def test_each_block_has_its_own_key():
    assert len({sample()[1:] for _ in range(5)}) == 5


@settings(max_examples=300)
@given(st.data())
def test_any_altered_byte_is_found(data):
    whole, _, key = SAMPLE
    altered = bytearray(whole)
    altered[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises((IntegrityError, FormatError)):
        read_all(bytes(altered), key)


SAMPLE = sample()


def read_all(data, key):
    block = decode_block(data, "f")
    for number in range(len(block.frames)):
        block.read_frame(number, key)


@given(st.binary(max_size=200))
def test_hostile_bytes(data):
    with pytest.raises((IntegrityError, FormatError)):
        decode_block(data, "f")


def test_every_cut_is_named():
    whole, _, _ = SAMPLE
    for end in range(8, len(whole)):
        with pytest.raises(IntegrityError, match="the-file"):
            decode_block(whole[:end], "the-file")


def test_a_frame_is_bound_to_its_header():
    whole, _, key = SAMPLE
    other, _, _ = encode_block(LEDGER, 100, 20, 7, [103, 105, 109], Columns.of(rows_of(3)))
    block, alien = decode_block(whole, "f"), decode_block(other, "g")
    start = block.frames[0][0]
    mixed = decode_block(other[: alien.frames[0][0]] + whole[start:], "mixed")
    with pytest.raises(IntegrityError, match="frame 0 is altered"):
        mixed.read_frame(0, key)
    with pytest.raises(IntegrityError, match="does not decrypt"):
        mixed.decrypt(0, key, whole[start:])
