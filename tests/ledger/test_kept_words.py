"""Words of many entries: kept on disk once there are many, found again by share and by place."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.errors import LedgerError
from whodid.ledger.verification import kept_words
from whodid.ledger.verification.kept_words import KeptWords, in_share, share_bits

words = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3), max_size=40)


@pytest.fixture(autouse=True, scope="module")
def _small():
    """Seven words are many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept_words, "_HELD", 7)
        patch.setattr(kept_words, "_CHUNK", 3)
        yield


def kept(parts):
    found = KeptWords()
    for part in parts:
        found.append(np.array(part, dtype=np.uint64))
    return found


@given(st.lists(words, max_size=8), st.data())
def test_they_are_what_was_appended(parts, data):
    found, flat = kept(parts), [word for part in parts for word in part]
    assert found.count == len(flat)
    first = data.draw(st.integers(0, len(flat)))
    end = data.draw(st.none() | st.integers(first, len(flat) + 3))
    got = []
    for at, chunk in found.chunks(first, end):
        assert at == first + len(got)
        got += chunk.tolist()
    assert got == flat[first:end]
    bits = data.draw(st.integers(0, 3))
    shares = [found.share(number, bits, first, end).tolist() for number in range(1 << bits)]
    for number, share in enumerate(shares):
        assert share == [w for w in flat[first:end] if not bits or w >> (64 - bits) == number]
    wanted = sorted(set(flat))[:5]
    assert found.places(np.array(wanted, dtype=np.uint64)) == {
        word: [at for at, other in enumerate(flat) if other == word] for word in wanted
    }


def test_shares_are_few_and_cover_all():
    assert [share_bits(n) for n in (0, 1 << 21, 1 << 22, 1 << 23, 100_000_000)] == [0, 0, 1, 2, 5]
    assert in_share(np.array([0, 2**63], np.uint64), 1, 1).tolist() == [False, True]


def test_many_are_in_a_file_without_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = kept([range(20)])
    assert list(tmp_path.iterdir()) == []
    assert found._held == []
    assert os.fstat(found._fd).st_size == 160


def test_no_room_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(LedgerError, match="set TMPDIR"):
        kept([range(20)])
