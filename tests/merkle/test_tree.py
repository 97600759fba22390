"""The tree against a naive reading of RFC 6962, 2.1, and every proof against its verifier."""

import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whodid.errors import IntegrityError
from whodid.merkle.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    hash_leaf,
    hash_leaves,
    hash_node,
    inclusion_proof,
    pair_up,
    perfect_root,
    root_at,
    root_of,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [hashlib.sha256(b"\x00%d" % i).digest() for i in range(600)]


# The definitions of RFC 6962, word for word, over leaf hashes.
def split(n):
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m, leaves, whole):
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], False), mth(leaves[:k])]


def node(level, index):
    """The perfect subtrees of LEAVES; asking for one that is not there fails the test."""
    leaves = LEAVES[index << level : (index + 1) << level]
    assert len(leaves) == 1 << level
    return perfect_root(leaves)


def flip(data, position):
    changed = bytearray(data)
    changed[position // 8 % len(data)] ^= 1 << position % 8
    return bytes(changed)


sizes = st.integers(1, len(LEAVES))


@st.composite
def leaf_and_size(draw):
    size = draw(sizes)
    return draw(st.integers(0, size - 1)), size


@st.composite
def two_sizes(draw):
    new = draw(sizes)
    return draw(st.integers(1, new)), new


def test_hashes_are_prefixed_as_the_rfc_says():
    assert hash_leaf(b"abc") == hashlib.sha256(b"\x00abc").digest()
    assert hash_leaves([b"", b"abc"]) == [hash_leaf(b""), hash_leaf(b"abc")]
    assert (
        hash_node(b"l" * 32, b"r" * 32) == hashlib.sha256(b"\x01" + b"l" * 32 + b"r" * 32).digest()
    )
    assert hashlib.sha256(b"").digest() == EMPTY_ROOT == root_of([])


def test_pairs_and_perfect_trees_need_fitting_numbers():
    assert pair_up(LEAVES[:4]) == [hash_node(*LEAVES[:2]), hash_node(*LEAVES[2:4])]
    assert pair_up([]) == []
    assert perfect_root(LEAVES[:256]) == mth(LEAVES[:256])
    for count in (3, 6, 255):
        with pytest.raises(ValueError, match="shorter"):
            perfect_root(LEAVES[:count])


@pytest.mark.parametrize("size", [*range(70), 127, 128, 129, 255, 256, 257, 511, 512, 513])
def test_root_is_the_naive_one(size):
    assert root_of(LEAVES[:size]) == root_at(size, node) == mth(LEAVES[:size])


def test_every_small_proof_is_the_one_of_the_rfc():
    for size in range(1, 36):
        leaves = LEAVES[:size]
        for index in range(size):
            assert inclusion_proof(index, size, node) == path(index, leaves)
            assert consistency_proof(index + 1, size, node) == subproof(index + 1, leaves, True)


@settings(deadline=None)
@given(st.lists(st.integers(0, 200), max_size=8))
def test_a_frontier_does_not_depend_on_the_batches(batches):
    frontier, size = Frontier(), 0
    for wanted in batches:
        batch = min(wanted, len(LEAVES) - size)
        before, copy = frontier.root(), frontier.copy()
        frontier.append_hashes(LEAVES[size : size + batch])
        size += batch
        assert frontier.size == size
        assert frontier.root() == root_of(LEAVES[:size]) == root_at(size, node)
        assert len(frontier.nodes()) == size.bit_count()
        assert Frontier(size, frontier.nodes()).root() == frontier.root()
        assert copy.root() == before
    assert frontier.root() == mth(LEAVES[:size])


def test_a_frontier_goes_on_from_its_nodes():
    first = Frontier()
    first.append_hashes(tuple(LEAVES[:300]))
    second = Frontier(300, first.nodes())
    second.append_hashes(LEAVES[300:513])
    assert second.root() == mth(LEAVES[:513])
    assert first.size == 300
    for size, count in ((300, 3), (0, 1), (-1, 1), (4, 2)):
        with pytest.raises(IntegrityError):
            Frontier(size, LEAVES[:count])


@settings(deadline=None)
@given(leaf_and_size(), st.integers(0, 10**6))
def test_inclusion_proofs_verify_and_no_changed_bit_does(where, position):
    index, size = where
    leaf, root, proof = LEAVES[index], root_at(size, node), inclusion_proof(index, size, node)
    verify_inclusion(leaf, index, size, proof, root)
    wrong = [
        (flip(leaf, position), index, size, proof, root),
        (leaf, index, size, proof, flip(root, position)),
        (leaf, index ^ 1, size, proof, root),
        (leaf, index, size, [*proof, EMPTY_ROOT], root),
        (leaf, index, size, [EMPTY_ROOT, *proof], root),
        (leaf[:-1], index, size, proof, root),
        (leaf, index - size, size, proof, root),
        (leaf, index + size, size, proof, root),
    ]
    for i, value in enumerate(proof):
        wrong.append(
            (leaf, index, size, [*proof[:i], flip(value, position), *proof[i + 1 :]], root)
        )
        wrong.append((leaf, index, size, proof[:i] + proof[i + 1 :], root))
        wrong.append((leaf, index, size, [*proof[:i], value + b"\0", *proof[i + 1 :]], root))
    for case in wrong:
        with pytest.raises(IntegrityError):
            verify_inclusion(*case)


@settings(deadline=None)
@given(two_sizes(), st.integers(0, 10**6))
def test_consistency_proofs_verify_and_no_changed_bit_does(pair, position):
    old, new = pair
    old_root, new_root = root_at(old, node), root_at(new, node)
    proof = consistency_proof(old, new, node)
    verify_consistency(old, old_root, new, new_root, proof)
    wrong = [
        (old, flip(old_root, position), new, new_root, proof),
        (old, old_root, new, flip(new_root, position), proof),
        (old, old_root, new, new_root, [*proof, EMPTY_ROOT]),
        (old, old_root, new, new_root, [EMPTY_ROOT, *proof]),
        (new + 1, new_root, new, new_root, proof),
    ]
    for i, value in enumerate(proof):
        wrong.append((old, old_root, new, new_root, proof[:i] + proof[i + 1 :]))
        changed = [*proof[:i], flip(value, position), *proof[i + 1 :]]
        wrong.append((old, old_root, new, new_root, changed))
    if old != new:
        wrong.append((new, new_root, old, old_root, proof))
        wrong.append((old - 1, old_root, new, new_root, proof))
    for case in wrong:
        with pytest.raises(IntegrityError):
            verify_consistency(*case)


def test_every_byte_of_a_proof_counts():
    proof, root = inclusion_proof(77, 100, node), root_at(100, node)
    assert len(proof) > 3
    for i, byte in itertools.product(range(len(proof)), range(32)):
        changed = [*proof[:i], flip(proof[i], byte * 8), *proof[i + 1 :]]
        with pytest.raises(IntegrityError, match="another root"):
            verify_inclusion(LEAVES[77], 77, 100, changed, root)


def test_every_log_extends_the_empty_one_and_only_that():
    assert consistency_proof(0, 5, node) == consistency_proof(5, 5, node) == []
    verify_consistency(0, EMPTY_ROOT, 5, root_at(5, node), [])
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    for case in (
        (0, LEAVES[0], 5, root_at(5, node), []),
        (0, EMPTY_ROOT, 5, b"short", []),
        (0, EMPTY_ROOT, 0, LEAVES[0], []),
        (0, EMPTY_ROOT, 5, root_at(5, node), [LEAVES[0]]),
        (-1, EMPTY_ROOT, 5, root_at(5, node), []),
    ):
        with pytest.raises(IntegrityError):
            verify_consistency(*case)


def test_proofs_are_not_made_for_what_is_not_there():
    for index, size in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(IntegrityError, match="no leaf"):
            inclusion_proof(index, size, node)
    for old, new in ((6, 5), (-1, 5)):
        with pytest.raises(IntegrityError, match="cannot extend"):
            consistency_proof(old, new, node)
