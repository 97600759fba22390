import contextlib
import struct
from array import array

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from whodid.errors import IntegrityError
from whodid.ledger import frame, marked
from whodid.limits import BATCH_ROWS_MAX
from whodid.query.words import within_raw

KEY = bytes(range(32))
groups = st.tuples(*[st.binary(max_size=12)] * 8)


def pack(rows, tags=None, seeds=None, *, by_group=False):
    seeds = seeds or [bytes([i % 256]) * 16 for i in range(len(rows))]
    compressor = zstandard.ZstdCompressor(level=1)
    return frame.pack_frame(seeds, rows, tags, compressor, by_group=by_group)


@given(st.lists(groups, max_size=9), st.booleans(), st.booleans())
def test_rows_come_back(rows, with_tags, by_group):
    tags = [bytes([i]) * 8 for i in range(len(rows))]
    plain = pack(rows, tags if with_tags else None, by_group=by_group)
    opened = frame.open_frame(plain, with_tags=with_tags)
    assert [opened.row(number) for number in range(len(rows))] == rows
    assert [opened.row_bytes(number) for number in range(len(rows))] == list(map(b"".join, rows))
    assert opened.groups((6, 2)) == [[row[6] for row in rows], [row[2] for row in rows]]
    found = frame.unpack_frame(plain, with_tags=with_tags)
    assert found.groups == rows
    assert found.seeds == [bytes([i]) * 16 for i in range(len(rows))]
    assert found.content_tags == (tags if with_tags else [])


texts = st.text(alphabet='abAB \\"u0041\u212a\u017f.', max_size=10)


@given(st.lists(st.tuples(*[texts] * 8), min_size=1, max_size=6), texts, st.booleans())
def test_no_row_that_has_a_text_is_left_out(rows, wanted, by_group):
    piece = wanted.casefold()
    pieces = (piece.encode(),) if piece and piece.isascii() else ()
    look = frame.Look(within_raw(wanted), pieces)
    encoded = [tuple(text.encode() for text in row) for row in rows]
    opened = frame.open_frame(pack(encoded, by_group=by_group), with_tags=False)
    asked = opened.rows_to_ask(look)
    having = [n for n, row in enumerate(encoded) if any(map(look.holds, row))]
    assert set(having) <= set(asked)


def test_only_rows_that_may_have_a_text_are_asked():
    rows = [
        (b"{}", b"", b"{}", b"", b"", b"", raw, b"{}") for raw in (b"Alice", b"bob", b"", b"\\")
    ]
    for by_group in (False, True):
        opened = frame.open_frame(pack(rows, by_group=by_group), with_tags=False)
        look = frame.Look(within_raw("alice"), (b"alice",))
        assert list(opened.rows_to_ask(look)) == [0, 3]


odd_texts = st.one_of(texts, st.text(alphabet="aAbB\\.-19é", max_size=70))


@pytest.mark.skipif(frame.native is None, reason="nothing is compiled here")
@given(
    st.lists(st.tuples(*[odd_texts] * 8), max_size=6),
    st.lists(st.text("ab.-19", min_size=1, max_size=20), min_size=1, max_size=3),
    st.booleans(),
)
def test_the_compiled_search_asks_the_same_rows(rows, pieces, by_group):
    encoded = [tuple(text.encode() for text in row) for row in rows]
    opened = frame.open_frame(pack(encoded, by_group=by_group), with_tags=False)
    look = frame.Look(lambda _: True, tuple(piece.encode() for piece in pieces))
    compiled = list(opened.rows_to_ask(look))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(marked, "native", None)
        assert list(opened.rows_to_ask(look)) == compiled


@pytest.mark.skipif(frame.native is None, reason="nothing is compiled here")
def test_the_compiled_search_refuses_what_it_cannot_read():
    search = frame.native.seek
    bounds = array("q", (0, 2, 4))
    assert search(b"abAB", bounds, (b"b", b"zz")) == b"\1\1"
    assert search(b"", array("q", (0,)), (b"a",)) == b""
    wrong = [(0, 5), (3, 2), (-1, 2)]
    for edges in [*(array("q", pair) for pair in wrong), array("q"), array("b", (0,))]:
        with pytest.raises(ValueError, match="ascend"):
            search(b"abAB", edges, (b"a",))
    with pytest.raises(ValueError, match="empty"):
        search(b"abAB", bounds, (b"",))
    with pytest.raises(TypeError):
        search(b"abAB", bounds, ("a",))


@pytest.mark.skipif(frame.native is None, reason="nothing is compiled here")
@given(st.lists(st.tuples(*[texts] * 8), max_size=6), st.booleans())
def test_the_compiled_part_finds_the_same_bounds(rows, by_group):
    plain = pack([tuple(text.encode() for text in row) for row in rows], by_group=by_group)
    compiled = frame.open_frame(plain, with_tags=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame, "native", None)
        assert frame.open_frame(plain, with_tags=False) == compiled


@pytest.mark.skipif(frame.native is None, reason="nothing is compiled here")
def test_the_compiled_part_refuses_lengths_that_are_not_there():
    bounds = frame.native.bounds
    assert array("q", bounds(b"", 0, 8, True)).tolist() == [0]
    lengths = b"\0\0\0\1\0\0\1\0"
    assert array("q", bounds(lengths, 1, 2, False)).tolist() == [8, 9, 265]
    assert array("q", bounds(b"\0\0\0\0\0\1\1\0", 1, 2, True)).tolist() == [8, 9, 265]
    for rows, groups in ((1, 3), (2, 2), (-1, 2), (1, 0), (2**62, 2)):
        with pytest.raises(ValueError, match="cut short"):
            bounds(lengths, rows, groups, True)


@given(st.binary(max_size=200), st.booleans())
def test_hostile_plaintext_is_an_integrity_error(data, with_tags):
    with contextlib.suppress(IntegrityError):
        frame.unpack_frame(data, with_tags=with_tags)


@given(st.data())
def test_altered_plaintext_is_an_integrity_error_or_other_rows(data):
    plain = bytearray(pack([tuple(b"abc%d" % i for i in range(8))] * 3))
    at = data.draw(st.integers(0, len(plain) - 1))
    plain[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(IntegrityError):
        frame.unpack_frame(bytes(plain), with_tags=False)


@given(st.integers(1, 4), st.lists(st.integers(0, 2**32 - 1), max_size=32))
def test_lengths_that_lie(count, lengths):
    body = struct.pack(f">{len(lengths)}I", *lengths) + b"data"
    plain = struct.pack(">I", count) + bytes(24 * count) + zstandard.compress(body)
    try:
        found = frame.unpack_frame(plain, with_tags=True)
    except IntegrityError:
        return
    assert sum(len(part) for row in found.groups for part in row) + 32 * count == len(body)


def test_a_bomb_is_refused_before_it_bursts():
    bomb = zstandard.ZstdCompressor(write_content_size=True).compress(
        bytes(frame.FRAME_PLAIN_BYTES_MAX + 1)
    )
    with pytest.raises(IntegrityError, match="would decompress to"):
        frame.unpack_frame(struct.pack(">I", 0) + bomb, with_tags=False)


def test_a_bomb_without_a_size_is_refused():
    silent = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(100))
    with pytest.raises(IntegrityError):
        frame.unpack_frame(struct.pack(">I", 0) + silent, with_tags=False)


def test_too_many_rows():
    with pytest.raises(IntegrityError, match="rows"):
        frame.unpack_frame(struct.pack(">I", BATCH_ROWS_MAX + 1), with_tags=False)


@pytest.mark.parametrize(
    ("number", "aad", "key"), [(2, b"aad", KEY), (1, b"other", KEY), (1, b"aad", bytes(32))]
)
def test_place_and_key_are_bound(number, aad, key):
    sealed = frame.encrypt(KEY, 1, b"aad", b"plain")
    assert frame.decrypt(KEY, 1, b"aad", sealed) == b"plain"
    with pytest.raises(IntegrityError, match="does not decrypt"):
        frame.decrypt(key, number, aad, sealed)


@given(st.binary(max_size=40))
def test_hostile_ciphertext_is_an_integrity_error(data):
    with pytest.raises(IntegrityError):
        frame.decrypt(KEY, 1, b"aad", data)
