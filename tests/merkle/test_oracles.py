"""A log rendered with nothing but this room is accepted by tools that share no code with it."""

import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from whodid.merkle.checkpoint import Checkpoint, Vkey, sign_note
from whodid.merkle.tiles import TILE_WIDTH, entry_bundle, entry_bundles_of, tile_path, tiles_of
from whodid.merkle.tree import hash_leaves, perfect_root, root_of

ORIGIN = "log.example/whodid/0"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VKEY = Vkey.of(ORIGIN, KEY.public_key().public_bytes_raw()).encode()

SIZES = [1, 2, 255, 256, 257, 700, pytest.param(65_537, marks=pytest.mark.slow)]


def render(directory, size):
    entries = [b"entry %d" % i * (i % 5) for i in range(size)]
    levels = [hash_leaves(entries)]
    while len(levels[-1]) >= TILE_WIDTH:
        below = levels[-1]
        full = len(below) // TILE_WIDTH * TILE_WIDTH
        levels.append([perfect_root(below[i : i + 256]) for i in range(0, full, TILE_WIDTH)])
    files = {
        tile_path(None, index, width): entry_bundle(entries[index * 256 : index * 256 + width])
        for index, width in entry_bundles_of(size)
    }
    for level, index, width in tiles_of(size):
        hashes = levels[level][index * 256 : index * 256 + width]
        files[tile_path(level, index, width)] = b"".join(hashes)
    for path, data in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(data)
    head = Checkpoint(ORIGIN, size, root_of(levels[0]))
    (directory / "checkpoint").write_text(sign_note(head.body(), ORIGIN, KEY))


@pytest.mark.parametrize("size", SIZES)
def test_tlog_scales_accepts(tlog_oracles, tmp_path, size):
    render(tmp_path, size)
    assert tlog_oracles.check_with_tlog_scales(tmp_path, VKEY) == size


@pytest.mark.parametrize("size", SIZES)
def test_aics_tlog_accepts(tlog_oracles, tmp_path, size):
    if not tlog_oracles.aics_tlog_is_here():
        pytest.skip("aics-tlog is not on PYTHONPATH")
    render(tmp_path, size)
    assert tlog_oracles.check_with_aics_tlog(tmp_path, VKEY) == size


def test_the_judges_can_say_no(tlog_oracles, tmp_path):
    checks = [tlog_oracles.check_with_tlog_scales]
    if tlog_oracles.aics_tlog_is_here():
        checks.append(tlog_oracles.check_with_aics_tlog)
    render(tmp_path / "good", 300)
    for path in ("checkpoint", "tile/0/000", "tile/1/000.p/1", "tile/entries/001.p/44"):
        bad = tmp_path / path.replace("/", "-")
        shutil.copytree(tmp_path / "good", bad)
        data = bytearray((bad / path).read_bytes())
        data[len(data) // 2] ^= 1
        (bad / path).write_bytes(data)
        for check in checks:
            with pytest.raises(Exception):  # noqa: B017, PT011 - theirs, of many kinds
                check(bad, VKEY)
