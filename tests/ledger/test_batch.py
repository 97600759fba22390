import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whodid.errors import FormatError, InputError, IntegrityError, LedgerError
from whodid.ledger.batch import _HEADER, ROW_DTYPE, BatchBuilder, Row, parse_batch
from whodid.ledger.keys import Kek
from whodid.ledger.layout import BATCH
from whodid.limits import BATCH_ROWS_MAX, LEAF_TAIL_BYTES_MAX
from whodid.merkle.commitment import commit_rows

LEDGER = bytes(range(16))
KEK = Kek(1, b"k" * 32)


def row(number=0, source=b"s" * 16, tail=b"", **changes):
    groups = tuple(b"%d:%d" % (number, g) for g in range(8))
    parts = {"type": 1, "flags": 0, "class_": 0, "epoch": 1, "seq": number} | changes
    return Row(
        parts["type"], parts["flags"], parts["class_"], source, parts["epoch"], parts["seq"],
        b"t" * 16, b"c" * 8, groups, tail,
    )  # fmt: skip


@pytest.fixture
def builder():
    return BatchBuilder(LEDGER, KEK.public())


def one(rows=3, tails=()):
    rows = [row(i, tail=dict(tails).get(i, b"")) for i in range(rows)]
    return BatchBuilder(LEDGER, KEK.public()).build(rows, b"b" * 16)


def test_a_batch_comes_back(builder):
    rows = [row(0), row(1, b"x" * 16, b"tail", flags=5, class_=9), row(2, seq=2**64 - 1)]
    data = builder.build(rows, b"b" * 16)
    batch = parse_batch(data)
    assert (batch.ledger_id, batch.batch_id, batch.rows) == (LEDGER, b"b" * 16, 3)
    assert batch.sources == (b"s" * 16, b"x" * 16)
    assert batch.table["source"].tolist() == [0, 1, 0]
    assert batch.table["seq"].tolist() == [0, 1, 2**64 - 1]
    assert batch.tails == {1: b"tail"}
    opened = batch.open({1: KEK})
    assert opened.groups == [r.groups for r in rows]
    assert [bytes(c) for c in batch.table["commitment"]] == commit_rows(opened.seeds, opened.groups)


def test_each_frame_has_its_number_and_each_batch_its_id(builder):
    batches = [parse_batch(builder.build([row()])) for _ in range(4)]
    assert [batch.frame_number for batch in batches] == [1, 2, 3, 4]
    assert len({batch.batch_id for batch in batches}) == 4
    assert len({batch.wrapped_key for batch in batches}) == 1


def test_the_door_key_is_renewed(builder, monkeypatch):
    first = parse_batch(builder.build([row()]))
    monkeypatch.setattr("whodid.ledger.batch._DOOR_KEY_S", -1.0)
    second = parse_batch(builder.build([row()]))
    assert second.wrapped_key != first.wrapped_key
    assert second.frame_number == 1
    assert second.open({1: KEK}).groups == first.open({1: KEK}).groups


@pytest.mark.parametrize("count", [0, BATCH_ROWS_MAX + 1])
def test_rows_are_bounded(builder, count):
    with pytest.raises(InputError, match="rows"):
        builder.build([row()] * count)


def test_the_body_is_bound_to_its_batch():
    data = one()
    at = data.index(b"b" * 16)
    moved = parse_batch(data[:at] + b"B" * 16 + data[at + 16 :])
    with pytest.raises(IntegrityError):
        moved.open({1: KEK})
    with pytest.raises(IntegrityError):
        parse_batch(data).open({1: Kek(1, b"K" * 32)})
    with pytest.raises(LedgerError, match="key 1 is not in the key folder"):
        parse_batch(data).open({2: KEK})


def test_the_body_must_have_as_many_rows_as_the_header():
    data = one(3)
    batch = parse_batch(data)
    cut = struct.pack(">I", 2)
    start = _HEADER.size + 16
    fewer = data[:40] + cut + data[44 : start + 2 * ROW_DTYPE.itemsize]
    fewer += data[start + 3 * ROW_DTYPE.itemsize :]
    assert parse_batch(fewer).rows == 2
    with pytest.raises(IntegrityError, match="does not decrypt"):  # the header is bound too
        parse_batch(fewer).open({1: KEK})
    assert batch.rows == 3


@given(st.binary(max_size=400), st.booleans())
def test_hostile_bytes_are_an_input_error(data, with_magic):
    with contextlib.suppress(InputError, IntegrityError, FormatError):
        parse_batch(BATCH + data if with_magic else data)


def test_every_cut_is_an_input_error():
    data = one(2, {1: b"tail"}.items())
    for end in range(8, len(data)):
        with pytest.raises(InputError):
            parse_batch(data[:end])


@settings(max_examples=300)
@given(st.data())
def test_altered_bytes_never_crash(data):
    altered = bytearray(one(3, {0: b"a", 2: b"bc"}.items()))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(altered) - 1))
        altered[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InputError, LedgerError):
        batch = parse_batch(bytes(altered))
        batch.open({1: KEK})


def test_a_long_tail_is_an_input_error():
    parse_batch(one(2, {1: bytes(LEAF_TAIL_BYTES_MAX)}.items()))
    with pytest.raises(InputError, match="tail"):
        parse_batch(one(2, {1: bytes(LEAF_TAIL_BYTES_MAX + 1)}.items()))


def test_a_newer_format_names_the_upgrade():
    data = one()
    with pytest.raises(FormatError, match="upgrade"):
        parse_batch(data[:7] + b"\x02" + data[8:])
