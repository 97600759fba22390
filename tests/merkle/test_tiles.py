"""Paths and bundles of tlog-tiles, and which tiles a log must serve."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whodid.errors import InputError, TooLargeError
from whodid.merkle.tiles import (
    entry_bundle,
    entry_bundles_of,
    parse_entry_bundle,
    parse_tile_path,
    tile_path,
    tiles_of,
)

levels = st.none() | st.integers(0, 63)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        ((0, 0, 256), "tile/0/000"),
        ((None, 0, 256), "tile/entries/000"),
        ((0, 999, 256), "tile/0/999"),
        ((0, 1000, 256), "tile/0/x001/000"),
        ((3, 1234067, 256), "tile/3/x001/x234/067"),
        ((None, 1234067, 8), "tile/entries/x001/x234/067.p/8"),
        ((63, 0, 255), "tile/63/000.p/255"),
    ],
)
def test_known_paths(tile, path):
    assert tile_path(*tile) == path
    assert parse_tile_path(path) == tile


@given(levels, st.integers(0, 2**63), st.integers(1, 256))
def test_every_path_is_read_back(level, index, width):
    assert parse_tile_path(tile_path(level, index, width)) == (level, index, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001/x002",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/08",
        "tile/0/000.p/",
        "tile/0/000.p",
        "tile/0/000\n",
        "/tile/0/000",
        "tile/0/../000",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/" + "x001/" * 7 + "001",
        "tile/0/" + "x001/" * 100_000 + "001",
    ],
)
def test_other_spellings_are_refused(path):
    with pytest.raises(InputError):
        parse_tile_path(path)


@given(st.text(alphabet="tile/entrisx0123456789.p-", max_size=40) | st.text())
def test_any_other_text_is_an_input_error(text):
    try:
        tile = parse_tile_path(text)
    except InputError:
        return
    assert tile_path(*tile) == text


@pytest.mark.parametrize("tile", [(64, 0), (-1, 0), (0, -1), (0, 0, 0), (0, 0, 257), (0, 10**21)])
def test_tiles_that_cannot_exist_have_no_path(tile):
    with pytest.raises(InputError):
        tile_path(*tile)


def test_the_example_of_the_specification():
    tiles = list(tiles_of(70_000))
    assert tiles[:273] == [(0, i, 256) for i in range(273)]
    assert tiles[273:] == [(0, 273, 112), (1, 0, 256), (1, 1, 17), (2, 0, 1)]
    assert list(entry_bundles_of(70_000)) == [t[1:] for t in tiles[:274]]


def test_the_edges_of_a_log():
    assert list(tiles_of(0)) == list(entry_bundles_of(0)) == []
    assert list(tiles_of(1)) == [(0, 0, 1)]
    assert list(tiles_of(255)) == [(0, 0, 255)]
    assert list(tiles_of(256)) == [(0, 0, 256), (1, 0, 1)]
    assert list(tiles_of(257)) == [(0, 0, 256), (0, 1, 1), (1, 0, 1)]
    assert list(tiles_of(65_536))[-2:] == [(1, 0, 256), (2, 0, 1)]


@given(st.integers(0, 300_000))
def test_tiles_hold_every_hash_of_their_level_once(size):
    held = {}
    for level, index, width in tiles_of(size):
        assert held.get(level, 0) == index * 256
        held[level] = index * 256 + width
    assert held == {level: size // 256**level for level in range(9) if size // 256**level}


@given(st.lists(st.binary(max_size=40), max_size=256))
def test_bundles_are_read_back(entries):
    data = entry_bundle(entries)
    assert len(data) == sum(2 + len(entry) for entry in entries)
    assert parse_entry_bundle(data, len(entries)) == entries
    with pytest.raises(InputError):
        parse_entry_bundle(data + b"\0", len(entries))
    with pytest.raises(InputError):
        parse_entry_bundle(data, len(entries) + 1)
    if entries:
        with pytest.raises(InputError):
            parse_entry_bundle(data[:-1], len(entries))


def test_a_bundle_in_bytes():
    assert entry_bundle([b"ab", b"", b"c" * 258]) == b"\x00\x02ab\x00\x00\x01\x02" + b"c" * 258
    assert len(entry_bundle([b"x" * 0xFFFF])) == 0xFFFF + 2


def test_bundles_have_bounds():
    with pytest.raises(TooLargeError):
        entry_bundle([b"x" * 0x10000])
    with pytest.raises(TooLargeError):
        entry_bundle([b""] * 257)


@given(st.binary(max_size=600), st.integers(0, 256))
def test_hostile_bundles_are_input_errors(data, width):
    try:
        entries = parse_entry_bundle(data, width)
    except InputError:
        return
    assert entry_bundle(entries) == data
