from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whodid.errors import IntegrityError, UsageError
from whodid.ledger.hash_tree import HashTree, saved_tiles
from whodid.merkle.tiles import tile_path
from whodid.merkle.tree import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    perfect_root,
    root_of,
    verify_consistency,
    verify_inclusion,
)

HASHES = [sha256(b"%d" % n).digest() for n in range(70_000)]


def older(tile):
    return HASHES[256 * tile : 256 * tile + 256]


def tree_of(count, *, release=0, loaded=0):
    tree = HashTree(older)
    if loaded:
        tree.load(b"".join(perfect_root(older(tile)) for tile in range(loaded)))
    tree.append(HASHES[tree.size : count])
    tree.release(release)
    return tree


SIZES = st.one_of(
    st.integers(0, 1100), st.sampled_from([255, 256, 257, 511, 512, 65_535, 65_536, 65_537])
)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_roots_and_proofs_like_the_naive_tree(data):
    size = data.draw(SIZES)
    loaded = data.draw(st.integers(0, size // 256))
    tree = tree_of(size, loaded=loaded, release=data.draw(st.integers(0, size)))
    assert tree.root() == root_of(HASHES[:size])
    part = data.draw(st.integers(0, size))
    assert tree.root(part) == root_of(HASHES[:part])
    verify_consistency(
        part, tree.root(part), size, tree.root(), consistency_proof(part, size, tree.node)
    )
    if size:
        index = data.draw(st.integers(0, size - 1))
        proof = tree.inclusion(index, size)
        verify_inclusion(HASHES[index], index, size, proof, tree.root())
        assert proof == inclusion_proof(index, size, tree.node)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_many_paths_at_once_are_those_of_each(data):
    size = data.draw(st.sampled_from([1, 255, 256, 257, 1000, 65_537]))
    loaded = data.draw(st.integers(0, size // 256))
    tree = tree_of(size, loaded=loaded, release=size)
    at = data.draw(st.integers(1, size))
    indexes = data.draw(st.lists(st.integers(0, at - 1), max_size=8))
    edge = data.draw(st.integers(0, at))
    found = tree.paths(at, indexes, edge)
    assert found.paths == [tree.inclusion(index, at) for index in indexes]
    frontier = Frontier(edge, found.edge)
    frontier.append_hashes(HASHES[edge:at])
    assert frontier.root() == tree.root(at)


@pytest.mark.parametrize(("size", "indexes", "edge"), [(11, [], 0), (5, [5], 0), (5, [-1], 0),
                                                      (5, [], 6), (5, [], -1)])  # fmt: skip
def test_paths_of_what_is_not_there_are_refused(size, indexes, edge):
    with pytest.raises(UsageError, match="the log has 10 entries"):
        tree_of(10).paths(size, indexes, edge)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 600), max_size=6))
def test_batches_do_not_matter(counts):
    tree, at = HashTree(older), 0
    for count in counts:
        tree.append(HASHES[at : at + count])
        at += count
    assert (tree.size, tree.root()) == (at, root_of(HASHES[:at]))


def test_release_keeps_what_is_not_full():
    tree = tree_of(1000, release=999)
    assert tree.base == 768
    tree.release(10)
    assert tree.base == 768
    assert tree.digest(768, 1000) == sha256(b"".join(HASHES[768:1000])).digest()
    with pytest.raises(IntegrityError, match="not all in memory"):
        tree.digest(767, 1000)
    with pytest.raises(IntegrityError):
        tree.digest(900, 1001)


def test_it_is_loaded_only_empty():
    with pytest.raises(IntegrityError):
        tree_of(1).load(bytes(32))


def test_full_tiles_are_saved_once(tmp_path):
    tree = tree_of(65_536 + 300)
    done = set()
    tree.save_tiles(tmp_path, done)
    path = tmp_path / tile_path(1, 0)
    assert saved_tiles(tmp_path) == [path]
    assert path.read_bytes() == b"".join(perfect_root(older(tile)) for tile in range(256))
    assert done == {(1, 0)}
    path.unlink()
    tree.save_tiles(tmp_path, done)
    assert saved_tiles(tmp_path) == []
