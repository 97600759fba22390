"""Commitments: the bytes of the design, the fast path, and what an opening shows and hides."""

from hashlib import sha256, shake_128

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.errors import IntegrityError
from whodid.merkle import commitment
from whodid.merkle.commitment import (
    Opening,
    Revealed,
    commit,
    commit_columns,
    commit_rows,
    commit_rows_unrolled,
    group_hash,
    group_hashes,
    reveal,
    salts,
    verify_opening,
)
from whodid.native import native

SEED = bytes(range(16))
GROUPS = (b"one", b"", b"three", b"", b"", b"six", b"raw", b"env")
seeds = st.binary(min_size=16, max_size=16)
rows = st.lists(st.binary(max_size=50), min_size=8, max_size=8)


def test_known_answers():
    """Computed once from the formulas of the design with hashlib alone."""
    each = salts(SEED)
    assert [len(salt) for salt in each] == [16] * 8
    assert each[0].hex() == "a3b8c8cb4298a10b5c295807ad01f82d"
    assert each[7].hex() == "f2064785ad5c1a663020a232434dbdcf"
    first = "878ed490d19466f8448d1da39ad3e4707c8b67f75a7518951daa78ac9eb79fec"
    assert group_hashes(SEED, GROUPS)[0].hex() == first
    assert group_hash(1, each[0], b"one").hex() == first
    whole = "6684e88e432235e7662fcc0dd5bf950ce44fa98c3f8d0381a1dbfeddd251c51e"
    assert commit(SEED, GROUPS).hex() == whole


@given(st.lists(st.tuples(seeds, rows), max_size=5))
def test_all_ways_to_commit_agree_with_the_formula(events):
    expected = []
    for seed, groups in events:
        stream = shake_128(b"whodid/salt/v1" + seed).digest(128)
        hashes = [
            sha256(
                b"whodid/group/v1" + bytes([g + 1]) + stream[16 * g : 16 * g + 16] + data
            ).digest()
            for g, data in enumerate(groups)
        ]
        assert group_hashes(seed, groups) == hashes
        expected.append(sha256(b"whodid/event/v1" + b"".join(hashes)).digest())
    assert [commit(seed, groups) for seed, groups in events] == expected
    assert commit_rows([e[0] for e in events], [e[1] for e in events]) == expected


@pytest.mark.parametrize("compiled", [native, None])
def test_columns_are_committed_as_rows(compiled, monkeypatch):
    monkeypatch.setattr(commitment, "native", compiled)
    each = [(bytes([n]) * 16, [b"%d" % n * g for g in range(8)]) for n in range(5)]
    parts = [groups[g] for g in range(8) for _, groups in each]
    ends = np.cumsum([len(part) for part in parts]).reshape(8, 5)
    begins = ends - np.array([len(part) for part in parts]).reshape(8, 5)
    joined = b"".join(seed for seed, _ in each)
    expected = b"".join(commit(seed, groups) for seed, groups in each)
    assert commit_columns(joined, b"".join(parts), begins, ends) == expected
    with pytest.raises(ValueError, match=r"seed|argument"):
        commit_columns(joined[16:], b"".join(parts), begins, ends)


@given(seeds, rows, st.integers(0, 7), st.binary(min_size=1, max_size=4))
def test_any_change_of_any_group_or_the_seed_changes_the_commitment(seed, groups, g, more):
    whole = commit(seed, groups)
    assert commit(seed, [*groups[:g], groups[g] + more, *groups[g + 1 :]]) != whole
    assert commit(bytes([seed[0] ^ 1]) + seed[1:], groups) != whole


IN_PYTHON = (commit_rows_unrolled, "argument", "unpack")
COMPILED = (commit_rows, "as many seeds as rows", "a tuple of eight groups")


@pytest.mark.parametrize(
    ("commit_many", "uneven", "short"), [IN_PYTHON, COMPILED] if native else [IN_PYTHON]
)
def test_rows_must_be_whole(commit_many, uneven, short):
    for wrong in ([SEED, SEED], []):
        with pytest.raises(ValueError, match=uneven):
            commit_many(wrong, [GROUPS])
    with pytest.raises(ValueError, match=short):
        commit_many([SEED], [GROUPS[:7]])


def test_rows_must_be_whole_one_by_one():
    with pytest.raises(ValueError, match="argument"):
        commit(SEED, GROUPS[:7])


@given(seeds, rows, st.sets(st.integers(1, 8)))
def test_an_opening_verifies_and_hides_the_rest(seed, groups, shown):
    opening = reveal(seed, groups, shown)
    verify_opening(opening, commit(seed, groups))
    assert [r.group for r in opening.revealed] == sorted(shown)
    assert all(r.data == groups[r.group - 1] for r in opening.revealed)
    encoded = msgspec.msgpack.encode(opening)
    assert seed not in encoded or any(seed in data for data in groups)
    for g, salt in enumerate(salts(seed), 1):
        assert (salt in encoded) == (g in shown) or any(salt in data for data in groups)
    assert msgspec.msgpack.decode(encoded, type=Opening) == opening


def test_a_changed_opening_is_found():
    whole = commit(SEED, GROUPS)
    opening = reveal(SEED, GROUPS, {1, 7})
    first, raw = opening.revealed
    other = tuple(group_hashes(bytes(16), GROUPS))

    def opened(*revealed, hashes=opening.hashes):
        return Opening(hashes, revealed)

    verify_opening(opened(first), whole)
    verify_opening(opened(), whole)
    for wrong in (
        opened(Revealed(1, first.salt, b"One")),
        opened(Revealed(2, first.salt, first.data)),
        opened(Revealed(0, first.salt, first.data)),
        opened(Revealed(9, first.salt, first.data)),
        opened(Revealed(1, raw.salt, first.data)),
        opened(Revealed(1, first.salt + b"o", b"ne")),
        opened(Revealed(1, first.salt[:-1], first.salt[-1:] + first.data)),
        opened(first, hashes=other),
        opened(hashes=other),
        opened(hashes=opening.hashes[:7]),
        opened(hashes=(*opening.hashes[:6], opening.hashes[6] + opening.hashes[7][:1], b"")),
        opened(hashes=(*opening.hashes[:6], opening.hashes[7], opening.hashes[6])),
    ):
        with pytest.raises(IntegrityError):
            verify_opening(wrong, whole)
    with pytest.raises(IntegrityError):
        verify_opening(opening, bytes(32))
