"""The opaque form of a cursor."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.errors import QueryError
from whodid.index.page import Cursor, decode_cursor


@given(st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1))
def test_a_cursor_survives_its_text(time_us, index):
    assert decode_cursor(Cursor(time_us, index).encode()) == Cursor(time_us, index)


@given(st.text(max_size=30))
def test_other_texts_are_refused_or_cursors(text):
    with contextlib.suppress(QueryError):
        assert isinstance(decode_cursor(text), Cursor)


@pytest.mark.parametrize("text", ["", "a" * 21, "a" * 23, "=" * 22, "é" * 22, "a" * 21 + "\n"])
def test_hostile_texts_are_query_errors(text):
    with pytest.raises(QueryError):
        decode_cursor(text)
