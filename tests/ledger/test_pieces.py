"""Pieces of one text say what the byte strings say, with the compiled part and without."""

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.ledger import pieces
from whodid.ledger.pieces import Grid, Pieces
from whodid.native import native

parts = st.lists(st.binary(max_size=40) | st.sampled_from([b"", b"alice", b"read"]), max_size=30)
ways = pytest.mark.parametrize("compiled", [native, None])


@pytest.fixture(autouse=True)
def compiled_part(request, monkeypatch):
    if "compiled" in request.fixturenames:
        monkeypatch.setattr(pieces, "native", request.getfixturevalue("compiled"))


@ways
@given(
    given_parts=parts, between=st.binary(max_size=3), head=st.binary(max_size=3), once=st.booleans()
)
def test_they_join_as_bytes_do(compiled, given_parts, between, head, once):
    joined = Pieces.of(given_parts).joined(between, head=head, once=once)
    assert joined == head + between.join(dict.fromkeys(given_parts) if once else given_parts)


@ways
@given(given_parts=parts)
def test_they_are_numbered_as_they_first_appear(compiled, given_parts):
    codes, first = Pieces.of(given_parts).numbered()
    known = list(dict.fromkeys(given_parts))
    assert codes.tolist() == [known.index(part) for part in given_parts]
    assert first.tolist() == [given_parts.index(part) for part in known]
    assert (codes.dtype, first.dtype) == (np.int32, np.int64)


@ways
@given(given_parts=parts, head=st.binary(max_size=70), with_length=st.booleans())
def test_they_are_hashed_each(compiled, given_parts, head, with_length):
    told = [(len(p).to_bytes(4, "big") if with_length else b"") + p for p in given_parts]
    expected = b"".join(sha256(head + part).digest() for part in told)
    assert Pieces.of(given_parts).hashed(head, with_length=with_length) == expected


@given(st.lists(st.text(max_size=9) | st.sampled_from(["", "\0", "a\0b"]), max_size=9))
def test_texts_come_back(texts):
    assert Pieces.of_texts(texts).texts() == [t.encode("utf-8", "replace").decode() for t in texts]


def test_what_is_no_utf8_is_no_text():
    for wrong in ([b"\xff"], [b"a\xc3", b"\xa9"], [b"\0\xc3", b"\xa9"]):
        with pytest.raises(UnicodeDecodeError):
            Pieces.of(wrong).texts()


@ways
def test_many_pieces_that_hardly_differ_are_told_apart(compiled):
    given_parts = [b"%s%08d" % (b"x" * (n % 70), n // 2) for n in range(20_000)]
    codes, first = Pieces.of(given_parts).numbered()
    known = {}
    assert codes.tolist() == [known.setdefault(part, len(known)) for part in given_parts]
    assert [given_parts[at] for at in first.tolist()] == list(known)


@given(st.data(), st.lists(st.tuples(*[st.binary(max_size=5)] * 3), min_size=1, max_size=12))
def test_a_grid_is_a_list_of_columns(data, rows):
    columns = [list(column) for column in zip(*rows, strict=True)]
    grid = Grid.of(columns)
    assert [list(column) for column in grid] == columns
    assert (grid.rows, len(grid)) == (len(rows), 3)
    assert grid.sizes.tolist() == [[len(part) for part in column] for column in columns]
    assert list(grid.all()) == [part for column in columns for part in column]
    some = data.draw(st.lists(st.integers(0, len(rows) - 1)))
    picked = grid.columns([2, 0]).part(np.array(some, dtype=np.intp))
    assert [list(column) for column in picked] == [[columns[c][i] for i in some] for c in (2, 0)]
    cut = data.draw(st.integers(0, len(rows)))
    halves = [grid.part(slice(0, cut)), grid.part(slice(cut, len(rows)))]
    assert [list(column) for column in Grid.stacked(halves)] == columns


def test_what_is_stacked_holds_no_more_than_it_needs():
    grid = Grid.of([[b"a" * 1000, b"b", b"c" * 1000]])
    part = Grid.stacked([grid.part(slice(1, 2))])
    assert (part.data, [list(column) for column in part]) == (b"b", [[b"b"]])
    assert Grid.stacked([grid]) is grid
