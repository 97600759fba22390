"""Grams: those of a plain reading, compiled or not; parts of numbers are found, and little else."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.index.test_words import table_of

from whodid.index import grams
from whodid.index.coding import decode, encode_steps
from whodid.index.grams import gram_numbers
from whodid.index.needles import needle_of
from whodid.index.signature import SignatureBuilder
from whodid.ledger.pieces import Grid
from whodid.query.parse import parse
from whodid.query.tree import Pattern, Text
from whodid.query.words import within_raw

mixed = st.text(st.sampled_from("0123456789abcdefABCDEFgz-_ \n/é"), max_size=200)
runs = st.lists(st.sampled_from(["12345", "0", "99", "cafe", "DECADE", "g", "-"]), max_size=40)


def plainly(text):
    data = text.encode().lower()
    found = set()
    for at in range(len(data) - 4):
        five = data[at : at + 5]
        if re.fullmatch(rb"[0-9]{5}", five):
            found.add(1 + int(five))
        if re.fullmatch(rb"[a-f]{5}", five):
            found.add(100_001 + int(five.translate(bytes.maketrans(b"abcdef", b"012345")), 6))
    return sorted(found)


@settings(max_examples=300)
@given(mixed | runs.map("".join))
def test_they_are_those_of_a_plain_reading_compiled_or_not(text):
    assert gram_numbers(text.encode()).tolist() == plainly(text)
    patched = pytest.MonkeyPatch()
    patched.setattr(grams, "native", None)
    try:
        assert gram_numbers(text.encode()).tolist() == plainly(text)
    finally:
        patched.undo()


@pytest.mark.parametrize("size", [4, 5, 63, 64, 65, 67, 68, 69, 128, 131])
def test_a_run_is_seen_wherever_it_begins(size):
    for start in range(size - 4):
        text = "-" * start + "12345" + "-" * (size - start - 5)
        assert gram_numbers(text.encode()).tolist() == [12346]


@pytest.mark.skipif(grams.native is None, reason="nothing is compiled here")
@pytest.mark.parametrize("marked", [np.zeros(2047, np.uint64), np.zeros(0, np.uint64)])
def test_numbers_are_marked_in_an_array_of_their_size_only(marked):
    with pytest.raises(ValueError, match="2\\^17 bits"):
        grams.native.grams(b"12345", marked)


def may_hold(search, raw):
    builder = SignatureBuilder()
    builder.add(np.array([7]), [Grid.of([[raw.encode()]])])
    needle = needle_of(search)
    blocks = None if needle is None else needle.blocks(table_of(builder.finish(1, [])))
    return blocks is None or bool(blocks[0])


@given(
    st.text(st.sampled_from("0123459abcdef-_é\\"), max_size=30),
    st.integers(0, 30),
    st.integers(1, 12),
    st.booleans(),
)
def test_a_part_of_what_is_there_is_a_candidate(text, start, size, upper):
    raw = text.upper() if upper else text
    part = text[start : start + size]
    for search in (Text(Pattern(("", part, ""))), Text(Pattern(("", part))), Text(part or "x")):
        if within_raw(search.value)(raw.encode()):
            assert may_hold(search, raw)


@pytest.mark.parametrize(
    ("search", "raw"),
    [
        ("*12345*", "x-123-45"), ("*123456*", "12345-23457"), ("*facade*", "face-cade"),
        ("*x_00931*", "x_00932"), ("*1234567*", "12345-34567"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_no_candidate(search, raw):
    assert not may_hold(parse(search).filter, raw)


@given(st.lists(st.integers(0, 2**25 - 1), max_size=60))
def test_steps_are_read_as_they_were_written(numbers):
    given_ = np.array(sorted(numbers), dtype=np.uint32)
    read = decode("steps", encode_steps(given_), "<u4", len(given_))
    assert read.tolist() == given_.tolist()
    with pytest.raises(ValueError, match="array"):
        decode("steps", encode_steps(given_)[:-1], "<u4", len(given_) or 1)
