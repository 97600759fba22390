"""Words, pieces of them and needles: what matches is always among the candidates."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from whodid.index.coding import decode, encodings
from whodid.index.needles import needle_of
from whodid.index.signature import SignatureBuilder, blocks_of, merged, words_with
from whodid.index.table import MemoryTable, Summary
from whodid.index.words import key_number
from whodid.ledger.pieces import Grid
from whodid.query.tree import Pattern, Text
from whodid.query.words import within_raw

alphabet = st.sampled_from('abAB01 _-.\\"néßK\u017f\n日ux') | st.characters(codec="utf-8")
texts = st.text(alphabet, max_size=40)
searches = st.one_of(
    texts.filter(bool),
    st.tuples(texts, texts).filter(any).map(Pattern),
    texts.filter(bool).map(lambda text: Pattern(("", text, ""))),
)


def may_hold(value, raw):
    """Tell whether the only block of a table of this record may hold the value."""
    needle = needle_of(Text(value))
    if needle is None:
        return True
    builder = SignatureBuilder()
    builder.add(np.array([7]), [Grid.of([[raw]])])
    blocks = needle.blocks(table_of(builder.finish(1, [])))
    return blocks is None or bool(blocks[0])


def table_of(arrays):
    nothing = Summary(0, 0, 0, 1, 0, None, None, {})
    return MemoryTable(0, {"at": np.zeros(1, np.int64)} | arrays, nothing)


@settings(max_examples=500)
@given(before=texts, after=texts, value=searches)
@example(before="", after="", value="gross")
@example(before="\\u00e9 \\n", after="", value="word")
def test_what_matches_is_among_the_candidates(before, after, value):
    middle = value if isinstance(value, str) else "x".join(value.pieces)
    for raw in (before + middle + after, before + middle.upper() + after, middle):
        data = raw.encode()
        if within_raw(value)(data):
            assert may_hold(value, data), (value, raw)


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        ("gross", "groß"), ("groß", "GROSS"), ("kelvin", "\u212aelvin"), ("e", '"\\u0065"'),
        ("word", "a\\nword"), ("nword", "a\\nword"), ("4f3a", "12-4F3A-"), ("line", "x\\\\line"),
        (Pattern(("", "dmi", "")), "administrator"), (Pattern(("adm", "")), "Administrator"),
        (Pattern(("", "tor")), "administrator"), ("a" * 40, "A" * 40),
        (Pattern(("", "52z")), "00:00.010652Z"), (Pattern(("", "z", "")), "1z 2z"),
    ],
)  # fmt: skip
def test_examples(value, raw):
    assert within_raw(value)(raw.encode())
    assert may_hold(value, raw.encode())


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        ("nowhere", "somewhere"), ("admin", "administrator"), ("12345678", "87654321"),
        (Pattern(("", "xyz", "")), "abc zyx"), ("aaaaaaaaX", "aaaaaaaaY"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_mostly_no_candidate(value, raw):
    assert not may_hold(value, raw.encode())


@given(st.text(st.sampled_from("abgzG019 -"), max_size=90), st.text("agz0", min_size=1))
@example("12z z 012345z 1az 1zz g2z", "z")
def test_a_lexicon_is_that_of_a_plain_reading(text, piece):
    builder = SignatureBuilder()
    builder.add(np.array([7]), [Grid.of([[text.encode()]])])
    lexicon = builder.finish(1, [])["lexicon"]
    words = {
        word
        for word in text.lower().replace("-", " ").split()
        if not set(word).isdisjoint("gz") and not re.fullmatch("[0-9]*z", word)
    }
    assert lexicon.tobytes().decode() == "\n".join(["", *sorted(words), ""])
    found = [word.encode() for word in sorted(words) if piece in word]
    assert words_with(lexicon, piece.encode()) == found


@pytest.mark.parametrize("bound", ["WORDS", "BYTES"])
def test_a_lexicon_that_is_too_large_says_nothing(bound, monkeypatch):
    monkeypatch.setattr(f"whodid.index.signature.INDEX_LEXICON_{bound}_MAX", 9)
    builder = SignatureBuilder()
    builder.add(np.array([0]), [Grid.of([[b" ".join(b"word%d" % number for number in range(8))]])])
    small = SignatureBuilder()
    small.add(np.array([300]), [Grid.of([[b"word8 x y"]])])
    few, more = builder.finish(1, []), small.finish(1, [])
    assert ("lexicon" in few) == (bound == "WORDS")
    assert "lexicon" not in merged([few, more])
    needle = needle_of(Text(Pattern(("", "nowhere", ""))))
    assert needle.blocks(table_of(merged([few, more]))) is None


def test_a_piece_of_very_many_words_may_be_anywhere(monkeypatch):
    monkeypatch.setattr("whodid.index.needles._WORDS_MAX", 2)
    builder = SignatureBuilder()
    builder.add(np.array([0, 256, 512]), [Grid.of([[b"wordy", b"wordier swords", b"other"]])])
    table = table_of(builder.finish(3, []))
    (needle,) = [needle_of(Text(Pattern(("", "words", ""))))]
    assert np.flatnonzero(needle.blocks(table)).tolist() == [1]
    assert needle_of(Text(Pattern(("", "word", "")))).blocks(table).all()


@given(st.lists(texts, min_size=1, max_size=40), st.integers(0, 70_000))
def test_any_cut_gives_the_same_signature(rows, first):
    def made(start, end):
        builder = SignatureBuilder()
        indexes = np.arange(first + 100 * start, first + 100 * end, 100)
        if start < end:
            builder.add(indexes, [Grid.of([[row.encode() for row in rows[start:end]]])])
        return builder.finish(10_000, [])

    whole, half = made(0, len(rows)), len(rows) // 2
    parts = merged([made(0, half), made(half, len(rows))])
    assert whole.keys() == parts.keys()
    for name, array in whole.items():
        assert array.tolist() == parts[name].tolist()


def test_a_block_of_too_many_words_may_hold_any(monkeypatch):
    monkeypatch.setattr("whodid.index.signature.INDEX_BLOCK_WORDS_MAX", 2)
    builder = SignatureBuilder()
    builder.add(np.array([0, 300]), [Grid.of([[b"one two three", b"one two"]])])
    words = builder.finish(2, [])["words"]
    (number,) = needle_of(Text("elsewhere")).words
    assert np.flatnonzero(blocks_of(words, number)).tolist() == [0]
    (number,) = needle_of(Text("two")).words
    assert np.flatnonzero(blocks_of(words, number)).tolist() == [0, 1]


def test_keys_fold_case_and_know_their_field():
    assert key_number("actor.id", "Groß") == key_number("actor.id", "GROSS")
    assert key_number("actor.id", "x") != key_number("actor.name", "x")


whole = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9), max_size=30)


@given(whole, st.sampled_from(["at", "rows"]), st.sampled_from([1, 1000]))
def test_numbers_come_back(values, name, unit):
    array = np.array([value // unit * unit for value in values if abs(value) < 2**62], np.int64)
    _back(name, {name: array})


@given(st.lists(st.integers(0, 9), max_size=40), st.sampled_from([np.uint8, np.uint16, np.uint32]))
def test_codes_come_back(values, dtype):
    _back("ip", {"ip": np.array(values, dtype)})
    order = {}
    fresh = [0 if value == 0 else order.setdefault(value, len(order) + 1) for value in values]
    _back("ip", {"ip": np.array(fresh, dtype)})


@given(
    st.lists(st.uuids().map(str), max_size=9) | st.lists(st.text("ab1-", max_size=3), max_size=9)
)
def test_texts_come_back(values):
    at = np.cumsum([0, *map(len, values)], dtype=np.uint32)
    blob = np.frombuffer("".join(values).encode(), np.uint8)
    arrays = {"trace@": at, "trace$": blob}
    for name in arrays:
        _back(name, arrays)


def _back(name, arrays):
    array = arrays[name]
    for coding, data in encodings(name, arrays):
        back = decode(coding, data, array.dtype.str, len(array))
        assert back.dtype == array.dtype
        assert back.tolist() == array.tolist()


@given(st.binary(max_size=60), st.integers(0, 30), st.sampled_from(["<u2", "<i8", "|u1"]))
def test_foreign_bytes_are_an_error_of_one_kind(data, count, dtype):
    for coding in ("raw", "low", "delta", "fresh", "hex", "pairs", "other"):
        try:
            decode(coding, data, dtype, count)
        except ValueError:
            continue
