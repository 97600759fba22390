"""Candidates come in chunks, no more of them than a page wants."""

import numpy as np
import pytest

from whodid.index import order
from whodid.index.order import Candidates, in_chunks


def part(count, sure):
    """Candidates of one table, newest first; the first `sure` of them are certain."""
    numbers = np.arange(count, dtype=np.int64)
    return Candidates(numbers[::-1], numbers[::-1], numbers < sure, numbers < 0)


class Tables:
    """Parts that are counted when they are looked at."""

    def __init__(self, *parts):
        self.parts = parts
        self.looked_at = 0

    def __iter__(self):
        for one in self.parts:
            self.looked_at += 1
            yield one


def chunks(tables, wanted):
    return in_chunks(iter(tables), lambda: None, wanted)


def test_a_chunk_ends_with_as_many_certain_rows_as_are_wanted():
    tables = Tables(*[part(3, 3)] * 50)
    wanted = 7
    found = chunks(tables, lambda: wanted)
    assert len(next(found).at) == 9
    assert tables.looked_at == 3
    wanted = 0
    assert len(next(found).at) == 3, "there is more: one table is enough to say so"
    assert tables.looked_at == 4


def test_all_are_taken_together_when_they_are_counted():
    tables = Tables(*[part(3, 3)] * 50)
    assert [len(chunk.at) for chunk in chunks(tables, lambda: None)] == [150]


@pytest.mark.parametrize("wanted", [None, 5, 10**6])
def test_every_row_is_in_one_chunk(monkeypatch, wanted):
    monkeypatch.setattr(order, "_ROWS_FIRST", 4)
    monkeypatch.setattr(order, "_ROWS_MAX", 16)
    parts = [part(count, sure) for count, sure in ((1, 0), (30, 2), (0, 0), (7, 7), (3, 0))]
    found = list(chunks(parts, lambda: wanted))
    rows = [
        pair for one in found for pair in zip(one.index.tolist(), one.sure.tolist(), strict=True)
    ]
    expected = [
        pair for one in parts for pair in zip(one.index.tolist(), one.sure.tolist(), strict=True)
    ]
    assert rows == expected
    assert max(len(one.at) for one in found) <= 16
