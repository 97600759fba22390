import contextlib
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.errors import FormatError, InputError, IntegrityError
from whodid.ledger.batch import BatchBuilder, Row, parse_batch
from whodid.ledger.keys import Kek
from whodid.ledger.leaf import LeafFlag, decode_leaf, unprefixed
from whodid.ledger.sequenced import CONFLICT, DUPLICATE, Sequenced, parse_sequenced

KEK = Kek(1, b"k" * 32)


def batch(count):
    rows = [
        Row(1, 0, i, bytes([i % 2]) * 16, 0, i, bytes([i]) * 16, b"c" * 8, (b"x",) * 8, b"t" * i)
        for i in range(count)
    ]
    return parse_batch(BatchBuilder(b"l" * 16, KEK.public()).build(rows))


def test_only_what_was_accepted_becomes_an_entry():
    s = Sequenced(100, 77, bytes([0, DUPLICATE, CONFLICT, 0]), batch(4))
    assert (s.accepted, s.end, s.kept()) == (3, 103, [0, 2, 3])
    leaves = [decode_leaf(leaf) for leaf in unprefixed(s.leaves())]
    assert [leaf.seq for leaf in leaves] == [0, 2, 3]
    assert [leaf.tail for leaf in leaves] == [b"", b"tt", b"ttt"]
    assert [leaf.flags & LeafFlag.CONFLICT for leaf in leaves] == [0, LeafFlag.CONFLICT, 0]
    assert [leaf.source_id for leaf in leaves] == [bytes(16), bytes(16), b"\1" * 16]
    assert {leaf.appended_us for leaf in leaves} == {77}


def test_a_batch_of_duplicates_has_no_leaves():
    s = Sequenced(5, 77, bytes([DUPLICATE] * 3), batch(3))
    assert (s.leaves(), s.end) == ([], 5)


@given(st.lists(st.sampled_from([0, DUPLICATE, CONFLICT]), min_size=1, max_size=6))
def test_it_comes_back(verdicts):
    s = Sequenced(9, 10, bytes(verdicts), batch(len(verdicts)))
    again = parse_sequenced(s.encode())
    assert (again.first, again.appended_us, again.verdicts) == (9, 10, bytes(verdicts))
    assert [sha256(leaf).digest() for leaf in again.leaves()] == [
        sha256(leaf).digest() for leaf in s.leaves()
    ]


@given(st.data())
def test_hostile_bytes_are_an_error_of_ours(data):
    body = bytearray(Sequenced(9, 10, bytes(3), batch(3)).encode())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(FormatError, IntegrityError, InputError):
        parse_sequenced(bytes(body[: data.draw(st.integers(0, len(body)))]))


def test_verdicts_must_add_up():
    body = Sequenced(9, 10, bytes([0, 0, DUPLICATE]), batch(3)).encode()
    with pytest.raises(IntegrityError, match="add up"):
        parse_sequenced(body[:20] + b"\0\0\0\3" + body[24:])
