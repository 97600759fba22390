"""Counts in an array of cells are those of a plain count, compiled or not, however it grows."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.index import dense as module
from whodid.index.dense import Dense
from whodid.index.vocabulary import MISSING, OTHER
from whodid.native import native

WIDTHS = (np.uint8, np.uint16, np.uint32, np.int64)
ways = pytest.mark.parametrize(
    "compiled",
    [pytest.param(True, marks=pytest.mark.skipif(native is None, reason="not compiled")), False],
)


@st.composite
def tables(draw):
    """Return (texts known, ids, codes) of each key, of some tables; texts only become more."""
    keys = draw(st.integers(1, 4))
    known = [0] * keys
    found = []
    for _ in range(draw(st.integers(1, 4))):
        rows = draw(st.integers(1, 40))
        parts = []
        for key in range(keys):
            known[key] += draw(st.integers(0, 5))
            ids = st.one_of(st.sampled_from([MISSING, OTHER]), st.integers(0, known[key]))
            given_ids = draw(st.lists(ids.filter(lambda n, k=known[key]: n < k), min_size=1))
            codes = draw(st.lists(st.integers(0, len(given_ids) - 1), min_size=rows, max_size=rows))
            width = draw(st.sampled_from(WIDTHS))
            parts.append((np.array(codes, dtype=width), np.array(given_ids, dtype=np.int64)))
        found.append((list(known), parts))
    return found


@ways
@given(tables())
def test_it_counts_as_a_counter_does(compiled, given_tables):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_CELLS_A_ROW", 1 << 20)
        if not compiled:
            patch.setattr(module, "native", None)
        found, expected = Dense(len(given_tables[0][0])), Counter()
        for known, parts in given_tables:
            assert found.add(parts, known)
            expected.update(
                zip(*(ids[codes.astype(np.int64)].tolist() for codes, ids in parts), strict=True)
            )
        keys, counts = found.take()
        assert dict(zip(zip(*map(np.ndarray.tolist, keys), strict=True), counts.tolist(),
                        strict=True)) == expected  # fmt: skip
        assert not len(found.take()[1])


@ways
def test_more_rows_than_are_taken_at_once(compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(module, "native", None)
    codes = np.arange(5000) % 7
    found = Dense(2)
    first = (codes.astype(np.uint16), np.arange(7))
    assert found.add([first, (codes.astype(np.uint8), np.full(7, MISSING))], [7, 0])
    (ids, missing), counts = found.take()
    assert ids.tolist() == list(range(7))
    assert set(missing.tolist()) == {MISSING}
    assert counts.tolist() == np.bincount(codes).tolist()


def test_what_would_take_too_many_cells_is_left_to_others():
    one = (np.zeros(100, dtype=np.uint8), np.zeros(1, dtype=np.int64))
    assert not Dense(2).add([one, one], [1 << 11, 1 << 11])
    assert not Dense(1).add([one], [100 * 64])
    assert not Dense(5).add([one] * 5, [1] * 5)
    found = Dense(1)
    assert found.add([one], [5000])
    few = (one[0][:10], one[1])
    assert not found.add([few], [5000])
    assert found.take()[1].tolist() == [100]
