"""The compiled inner loops answer as the Python beside them; without a compiler that does."""

import hashlib
import hmac
import os
import shutil
import subprocess
import sys
import sysconfig
from array import array
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.index import coding
from whodid.index.words import cut, lexical
from whodid.ledger.pieces import Grid, Pieces
from whodid.merkle.commitment import commit_columns, commit_rows_unrolled
from whodid.native import build, native

CAN_BUILD = shutil.which("cc") and Path(sysconfig.get_path("include"), "Python.h").exists()
built = pytest.mark.skipif(native is None, reason="there is no compiled part")

rows = st.lists(
    st.tuples(
        st.binary(min_size=16, max_size=16), st.tuples(*[st.binary(max_size=300) for _ in range(8)])
    ),
    max_size=5,
)
texts = st.one_of(
    st.binary(max_size=400),
    st.text("abxyz{|`AZ019- é\\", max_size=400).map(str.encode),
)


def test_where_it_can_be_built_it_is():
    assert native is not None or not CAN_BUILD


@built
@given(st.lists(st.binary(max_size=400), max_size=8))
def test_it_hashes_as_hashlib(items):
    assert native.sha256_each(items) == [hashlib.sha256(item).digest() for item in items]


@built
def test_it_hashes_every_length_and_many_bytes():
    items = [bytes([size & 255]) * size for size in [*range(260), 1 << 20, (1 << 20) + 7]]
    assert native.sha256_each(items) == [hashlib.sha256(item).digest() for item in items]


@built
@given(
    st.integers(1, 8), st.integers(0, 3000), st.sampled_from((1, 1, 3, 1000, 2**63)),
    st.booleans(), st.booleans(), st.randoms(use_true_random=False),
)  # fmt: skip
def test_it_puts_numbers_together(width, count, unit, signed, steps, chance):
    planes = chance.randbytes(width * count)
    kind = "<i8" if signed else "<u8"
    made = native.planes(planes, width, count, unit, signed, steps)
    each = (planes[at::count] for at in range(count))
    expected, before = [], 0
    for number in each:
        meant = int.from_bytes(number, "little") * unit % 2**64
        if signed:
            meant = -(meant >> 1) - 1 if meant & 1 else meant >> 1
        before = meant + before if steps else meant
        expected.append(before % 2**64)
    assert np.frombuffer(made, dtype=kind).astype("<u8").tolist() == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coding, "native", None)
        data = bytes([width]) + planes
        without = coding._whole(data, count, unit=unit, signed=signed, steps=steps)
    assert (without.dtype, without.tobytes()) == (np.dtype(kind), made)


@built
@pytest.mark.parametrize("said", [(b"ab", 1, 3), (b"", 0, 0), (b"abcdefghi", 9, 1), (b"", 1, -1)])
def test_it_puts_nothing_together_of_other_planes(said):
    with pytest.raises(ValueError, match="planes"):
        native.planes(*said, 1, False, False)


@built
@given(rows)
def test_it_commits_as_python_does(given_rows):
    seeds, groups = [seed for seed, _ in given_rows], [row for _, row in given_rows]
    assert native.commitments(seeds, groups) == commit_rows_unrolled(seeds, groups)


@built
@given(texts)
def test_it_cuts_as_python_does(text):
    words = set()
    short, longer = (
        np.sort(np.frombuffer(part, "<u8"))
        for part in native.cut(text, words, np.zeros(2, np.uint64))
    )
    expected = cut(text)
    assert short.tolist() == expected.short[expected.short != 0].tolist()
    assert longer.tolist() == expected.long.tolist()
    assert words == set(lexical(text))


@built
def test_it_cuts_texts_with_more_words_than_it_has_room_for_at_first():
    text = b" ".join(b"%x %020d" % (number, number) for number in range(20_000))
    short, longer = native.cut(text, None, np.zeros(1, np.uint64))
    expected = cut(text)
    assert len(short) // 8 == len(expected.short[expected.short != 0])
    assert np.array_equal(np.sort(np.frombuffer(longer, "<u8")), expected.long)


@built
@pytest.mark.parametrize("slots", [1, 64, 1 << 16])
def test_what_was_seen_before_is_in_the_lexicon_all_the_same(slots):
    words, seen = set(), np.zeros(slots, dtype=np.uint64)
    text = [b"word%d other%030d x%x" % (n % 700, n % 500, n) for n in range(3000)]
    for at in range(0, len(text), 100):
        native.cut(b" ".join(text[at : at + 100]), words, seen)
    assert words == set(lexical(b" ".join(text)))


@built
@pytest.mark.parametrize("size", [*range(130), 4096, 4097])
def test_it_cuts_words_of_every_length_at_every_place(size):
    for text in (b"x" * size, b" " * size, b" " + b"G1-" * (size // 3), b"ab " + b"z" * size):
        words = set()
        short, longer = native.cut(text, words, np.zeros(8, dtype=np.uint64))
        expected = cut(text)
        assert np.sort(np.frombuffer(short, "<u8")).tolist() == [n for n in expected.short if n]
        assert np.sort(np.frombuffer(longer, "<u8")).tolist() == expected.long.tolist()
        assert words == set(lexical(text))


json_texts = st.text('":{},ab\\1 ', max_size=60).map(str.encode)


@built
@given(json_texts, st.sampled_from([b"a", b"ab", b"", b"a b", b"b" * 64, b"b" * 65]))
def test_it_finds_the_names_in_json(text, name):
    for data in (text, text + b'"%s":' % name + text, b'x"%s":' % name + text):
        found = native.names(data)
        marked = {n for n in (b"a", b"b", b"ab", b"", b"a b", b"1", name) if b'"%s":' % n in data}
        assert {n for n in marked if len(n) <= 64} <= found
        assert all(b'"%s":' % n in data for n in found)


@built
def test_it_finds_the_fields_of_plain_objects():
    parts = Pieces.of([b'{"a":"x","n":-12,"b":"yy"}', b"", b"{}", b'{"n":0}', b'{"b":""}'])
    names, kinds = (b"a", b"n", b"b", b"c"), b"tntt"
    found = native.fields(parts.data, parts.begin, parts.end, names, kinds)
    a, n, b = (np.frombuffer(places, np.int64).reshape(2, -1) for places in found[:3])
    assert found[3] is None
    assert n.tolist() == [[-12, 0, 0, 0, 0], [1, 0, 0, 1, 0]]
    assert [parts.data[i:j] for i, j in a.T.tolist() if i >= 0] == [b"x"]
    assert [parts.data[i:j] for i, j in b.T.tolist() if i >= 0] == [b"yy", b""]
    assert (a[:, 1:] == -1).all()


@built
@pytest.mark.parametrize(
    "part",
    [
        b'{"a":1}', b'{"a":"x",}', b'{"a":"x"', b'{"a":"x"}}', b'{"b":"x","a":"y"}', b'{"n":01}',
        b'{"n":-0}', b'{"n":1.0}', b'{"n":1e3}', b'{"n":null}', b" {}", b'{ "a":"x"}',
        b'{"a":"\\n"}',
        b'{"a":[]}', b"x", b"}", b'{"a":"x""b":"y"}', b'{,"a":"x"}', b'{"n":1234567890123456789}',
        b'{"n":}', b'{"n":-}', b'{"a"', b'{"', b"{", b'{"a":"', b'{"a":"x"}x', b'{"a":"\n"}',
        b'{"a":"x","a":"y"}', b'{"other":"x"}', b'{"a" :"x"}', b'{"a":"x"]', b'["a":"x"}',
    ],
)  # fmt: skip
def test_what_is_not_plain_is_none(part):
    parts = Pieces.of([b'{"a":"x"}', part, b"rest"]).part(slice(0, 2))
    assert native.fields(parts.data, parts.begin, parts.end, (b"a", b"n", b"b"), b"tnt") is None


@built
def test_very_many_names_are_none():
    few, many = ({b"name%d" % n for n in range(count)} for count in (127, 128))
    assert native.names(b"{%s}" % b",".join(b'"%s":1' % name for name in few)) == few
    assert native.names(b"{%s}" % b",".join(b'"%s":1' % name for name in many)) is None


@built
@given(st.binary(max_size=100), st.lists(st.integers(0, 100), max_size=20))
def test_it_splits_as_slices_do(data, places):
    edges = sorted(min(place, len(data)) for place in places)
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert native.split(data, array("q", edges)) == pieces


@built
@given(
    st.lists(st.lists(st.sampled_from(["", "a", "b", b"b", None, ("a", "b")]), max_size=9)),
    st.integers(0, 2**20),
)
def test_it_numbers_as_python_does(calls, start):
    known, mine, at = {None: 3}, {None: 3}, start
    for given_values in calls:
        codes, fresh = native.codes(given_values, known, at)
        for value in given_values:
            mine.setdefault(value, start + len(mine) - 1)
        at += len(fresh)
        assert np.frombuffer(codes, np.int32).tolist() == [mine[value] for value in given_values]
    assert known == mine


@built
def test_it_commits_to_groups_of_every_length():
    sizes = [*range(140), *range(960, 1100), 4096, 70_000]
    groups = [tuple(bytes([g]) * (size * (g + 1) // 8) for g in range(8)) for size in sizes]
    seeds = [bytes([number % 256]) * 16 for number in range(len(sizes))]
    for many in (len(sizes), 3, 1):
        expected = commit_rows_unrolled(seeds[-many:], groups[-many:])
        assert native.commitments(seeds[-many:], groups[-many:]) == expected


@built
@given(rows)
def test_it_commits_columns_as_rows(given_rows):
    seeds, groups = [seed for seed, _ in given_rows], [row for _, row in given_rows]
    grid = Grid.of(list(zip(*groups, strict=True)) or [[]] * 8)
    expected = b"".join(commit_rows_unrolled(seeds, groups))
    assert commit_columns(b"".join(seeds), grid.data, grid.begin, grid.end) == expected


@built
@given(st.binary(max_size=140), st.lists(st.binary(max_size=200), max_size=5), st.booleans())
def test_it_hashes_pieces_behind_a_head(head, given_parts, with_length):
    parts = Pieces.of(given_parts)
    lengths = [len(part).to_bytes(4, "big") if with_length else b"" for part in given_parts]
    told = [head + length + part for length, part in zip(lengths, given_parts, strict=True)]
    found = native.sha256_pieces(head, parts.data, parts.begin, parts.end, with_length)
    assert found == b"".join(hashlib.sha256(item).digest() for item in told)


@built
@given(
    st.binary(max_size=64), st.binary(max_size=64), st.lists(st.binary(max_size=300), max_size=5)
)
def test_it_authenticates_as_hmac(key, label, messages):
    expected = [hmac.digest(key, label + message, "sha256") for message in messages]
    assert native.hmac_each(key, label, messages) == expected


@built
@given(st.binary(max_size=400), st.integers(1, 100))
def test_it_hashes_the_rows_of_a_table(data, step):
    table = data[: len(data) // step * step]
    each = [table[at : at + step] for at in range(0, len(table), step)]
    assert native.sha256_rows(table, step) == b"".join(native.sha256_each(each))


def at(*places):
    return np.array(places, dtype=np.int64)


SEED, ROW = bytes(16), tuple([b""] * 8)
MISSING = -(2**63)


@built
@pytest.mark.parametrize(
    "wrong",
    [
        lambda: native.commitments([SEED[1:]], [ROW]),
        lambda: native.commitments([SEED], [ROW[1:]]),
        lambda: native.commitments([SEED], [list(ROW)]),
        lambda: native.commitments([SEED, SEED], [ROW]),
        lambda: native.commitments([SEED], [(*ROW[1:], "text")]),
        lambda: native.commitments([None], [ROW]),
        lambda: native.commitments((SEED,), (ROW,)),
        lambda: native.sha256_each([b"", "text"]),
        lambda: native.sha256_each(b"text"),
        lambda: native.sha256_rows(b"text", 3),
        lambda: native.sha256_rows(b"text", 0),
        lambda: native.sha256_rows(b"text", -4),
        lambda: native.commitments_at(SEED, b"text", at(*[0] * 8), at(*[5] * 8)),
        lambda: native.commitments_at(SEED, b"text", at(*[0] * 7), at(*[0] * 7)),
        lambda: native.commitments_at(SEED, b"text", at(*[0] * 16), at(*[0] * 16)),
        lambda: native.commitments_at(SEED + b"?", b"", at(*[0] * 8), at(*[0] * 8)),
        lambda: native.number(b"text", at(0), at(5)),
        lambda: native.number(b"text", at(2), at(1)),
        lambda: native.number(b"text", at(-1), at(1)),
        lambda: native.number(b"text", at(-(2**63)), at(2**63 - 1)),
        lambda: native.number(b"text", at(0, 1), at(1)),
        lambda: native.number(b"text", b"1234567", b"1234567"),
        lambda: native.number(b"text", at(0, 1)[::-1], at(1, 1)),
        lambda: native.number("text", at(0), at(1)),
        lambda: native.join(b"", b"text", at(0), at(5), b"", False),
        lambda: native.join(b"", b"text", at(2), at(1), b"", True),
        lambda: native.join("", b"text", at(0), at(1), b"", False),
        lambda: native.split(b"text", array("q", [0, 5])),
        lambda: native.split(b"text", array("q", [3, 2])),
        lambda: native.split(b"text", array("q", [-1, 2])),
        lambda: native.split("text", array("q", [0, 1])),
        lambda: native.codes(("a",), {}, 0),
        lambda: native.codes(["a"], [], 0),
        lambda: native.codes(["a", []], {}, 0),
        lambda: native.codes(["a"], {"a": -1}, 0),
        lambda: native.codes(["a"], {"a": "b"}, 0),
        lambda: native.codes(["a", "b"], {}, 2**31 - 1),
        lambda: native.cut(b"text", [], np.zeros(1, np.uint64)),
        lambda: native.cut(b"text", frozenset(), np.zeros(1, np.uint64)),
        lambda: native.cut("text", set(), np.zeros(1, np.uint64)),
        lambda: native.cut(b"text", set(), np.zeros(3, np.uint64)),
        lambda: native.cut(b"text", set(), np.zeros(0, np.uint64)),
        lambda: native.cut(b"text", set(), np.zeros(16, np.uint8)[1:9]),
        lambda: native.cut(b"text", set(), bytes(8)),
        lambda: native.sha256_pieces(b"", b"text", at(0), at(5), False),
        lambda: native.hmac_each(bytes(65), b"", []),
        lambda: native.hmac_each(b"", bytes(65), []),
        lambda: native.hmac_each(b"", b"", ["text"]),
        lambda: native.hmac_each(b"", b"", (b"text",)),
        lambda: native.count(at(0, 0), ()),
        lambda: native.count(at(0, 0), ((at(0), 8, at(0), 2),) * 5),
        lambda: native.count(at(0, 0), [(at(0), 8, at(0), 2)]),
        lambda: native.count(at(0, 0), ((at(0), 8, at(0)),)),
        lambda: native.count(at(0, 0), (at(0),)),
        lambda: native.count(at(0, 0), ((at(0), 8, at(0), 3),)),
        lambda: native.count(at(0, 0), ((at(0), 3, at(0), 2),)),
        lambda: native.count(at(0, 0), ((at(0), 0, at(0), 2),)),
        lambda: native.count(at(0, 0), ((at(1), 8, at(MISSING), 2),)),
        lambda: native.count(at(0, 0), ((at(-1), 8, at(MISSING), 2),)),
        lambda: native.count(at(0, 0), ((at(0), 8, at(0), 2),)),
        lambda: native.count(at(0, 0), ((at(0), 8, at(2**63 - 1), 2),)),
        lambda: native.count(at(0, 0), ((at(0), 8, at(MISSING), -2),)),
        lambda: native.count(at(0, 0), ((at(0), 8, at(MISSING), 2), (at(0, 0), 8, at(MISSING), 1))),
        lambda: native.count(bytes(16), ((at(0), 8, at(MISSING), 2),)),
        lambda: native.count(np.zeros(17, np.uint8)[1:], ((at(0), 8, at(MISSING), 2),)),
        lambda: native.names("text"),
        lambda: native.fields(b"{}", at(0), at(3), (b"a",), b"t"),
        lambda: native.fields(b"{}", at(0), at(2), (b"a",), b"tt"),
        lambda: native.fields(b"{}", at(0), at(2), (b"a",), b"x"),
        lambda: native.fields(b"{}", at(0), at(2), ("a",), b"t"),
        lambda: native.fields(b"{}", at(0), at(2), [b"a"], b"t"),
        lambda: native.fields(b"{}", at(0), at(2), (b"a",) * 65, b"t" * 65),
    ],
)
def test_what_it_cannot_take_is_an_error(wrong):
    with pytest.raises((TypeError, ValueError, BufferError)):
        wrong()


@pytest.mark.parametrize(
    ("compiler", "said"),
    [("false", "the compiler says: nothing"), ("/nowhere/cc", "the compiler does not work")],
)
def test_without_a_compiler_one_line_says_so(compiler, said):
    done = subprocess.run(
        [sys.executable, "-m", "whodid.native.build"],
        check=False, capture_output=True, text=True, env={**os.environ, "CC": compiler},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("whodid works without its compiled part, more slowly: ")
    assert said in line


@pytest.mark.skipif(not CAN_BUILD, reason="there is no C compiler or no Python.h")
def test_it_is_built_without_a_warning(tmp_path):
    call = [*build.command(["cc"], tmp_path / build.NAME), "-Werror"]
    done = subprocess.run(call, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
