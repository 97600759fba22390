"""The tree in one pass: roots at any size, however the leaves are cut, and stored tiles."""

from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whodid.ledger.verification.leaves import segments
from whodid.ledger.verification.tree import StoredTiles, TreeCheck
from whodid.ledger.verification.verdict import Findings
from whodid.merkle.tiles import tile_path
from whodid.merkle.tree import perfect_root, root_of

HASHES = [sha256(b"%d" % n).digest() for n in range(1200)]


@settings(deadline=None, max_examples=60)
@given(
    size=st.integers(0, len(HASHES)),
    cuts=st.lists(st.integers(0, len(HASHES)), max_size=6),
    borders=st.lists(st.integers(0, len(HASHES)), max_size=5),
)
def test_roots_at_cuts_do_not_depend_on_the_parts(tmp_path_factory, size, cuts, borders):
    tree = TreeCheck(cuts, StoredTiles(tmp_path_factory.getbasetemp(), Findings()))
    edges = sorted({0, size, *(min(border, size) for border in borders)})
    for first, end in pairwise(edges):
        for segment in segments(HASHES[first:end], first, cuts):
            tree.add(segment)
    assert tree.size == size
    assert tree.root() == root_of(HASHES[:size])
    reached = {cut for cut in cuts if cut <= size}
    assert tree.roots == {cut: root_of(HASHES[:cut]) for cut in reached}


@pytest.fixture
def tiles(tmp_path):
    """One full tile of level 1, and the segments below it."""
    each = [HASHES[n % 1000] for n in range(65_536)]
    row = [perfect_root(each[at : at + 256]) for at in range(0, 65_536, 256)]
    path = tmp_path / tile_path(1, 0)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(row))
    return path, segments(each, 0, ())


def check(directory, parts):
    findings = Findings()
    stored = StoredTiles(directory, findings)
    tree = TreeCheck((), stored)
    for part in parts:
        tree.add(part)
    stored.rest(tree.size)
    return findings


def test_a_stored_tile_is_compared(tmp_path, tiles, flip):
    path, parts = tiles
    assert check(tmp_path, parts).faults == []
    for offset, mask in ((0, 1), (33, 0x80), (8191, 0xFF)):
        flip(path, offset, mask)
        [fault] = check(tmp_path, parts).faults
        assert (fault.where, fault.entry) == ("tile/1/000", offset // 32 * 256)
        flip(path, offset, mask)
    path.write_bytes(path.read_bytes()[:-1])
    assert [fault.entry for fault in check(tmp_path, parts).faults] == [255 * 256]


def test_a_tile_that_is_missing_is_no_fault(tmp_path, tiles):
    path, parts = tiles
    path.unlink()
    assert check(tmp_path, parts).faults == []


def test_a_tile_beyond_the_log_is_a_fault(tmp_path, tiles):
    path, parts = tiles
    path.with_name("001").write_bytes(path.read_bytes())
    [fault] = check(tmp_path, parts).faults
    assert (fault.where, fault.entry) == ("tile/1/001", 65_536)


def test_strange_files_in_the_cache_are_warnings(tmp_path, tiles):
    path, parts = tiles
    for name in ("000.tmp", "1"):
        path.with_name(name).write_bytes(b"x")
    (tmp_path / "tile" / "0").mkdir()
    (tmp_path / "tile" / "0" / "000").write_bytes(b"x")
    findings = check(tmp_path, parts)
    assert findings.faults == []
    assert len(findings.warnings) == 3
