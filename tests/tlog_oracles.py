"""Strangers' tools as judges of a log that we rendered as static C2SP tlog-tiles files.

A test gets them as the fixture `tlog_oracles` (tests/conftest.py). They read nothing but the
directory and the verifier key, and share no code with whodid.
"""

import hashlib
import importlib.util
from pathlib import Path


def check_with_tlog_scales(directory: Path, vkey: str) -> int:
    """Fail unless tlog-scales accepts `directory` (checkpoint, tile/…); return the size of the log.

    Checked: the signature, the root from the tiles, each entry against its leaf hash, each full
    tile against the hash above it, inclusion at the edges, consistency from smaller sizes.
    """
    from tlog_scales import backend, reader, signing, writer

    tiles = reader.TilesReader(backend.LocalBackend(directory))
    head = tiles.get_checkpoint()
    head.verify(signing.Vkey.from_string(vkey))
    size = head.size
    assert tiles.calculate_root_hash() == head.root_hash
    for index in range(size):
        leaf = hashlib.sha256(b"\x00" + tiles.get_entry(index)).digest()
        assert leaf == tiles.mth(index, index + 1), f"entry {index} is not its leaf"
    folder = writer.TilesWriter(directory, head.origin, size)
    level, full = 0, size >> 8
    while full:
        for index in range(full):
            above = tiles._get_from_tile(level + 1, index >> 8, index & 255)
            assert folder._hash_full_tile(level, index) == above, f"tile {level}/{index}"
        level, full = level + 1, full >> 8
    for index in _edges(size):
        leaf = tiles.mth(index, index + 1)
        tiles.get_inclusion_proof(index, size).check(leaf, head.root_hash)
    for old in {index + 1 for index in _edges(size)}:
        proof = tiles.get_consistency_proof(old, size)
        proof.check(tiles.mth(0, old), head.root_hash)
    return size


def aics_tlog_is_here() -> bool:
    """Say whether aics-tlog can be imported: its wheel, unpacked, on PYTHONPATH."""
    return importlib.util.find_spec("aics_tlog") is not None


def check_with_aics_tlog(directory: Path, vkey: str) -> int:
    """Fail unless aics-tlog accepts every tile and bundle of `directory`; return its size."""
    import aics_tlog

    note = aics_tlog.parse_note((directory / "checkpoint").read_bytes())
    verdict = aics_tlog.verify_checkpoint(note, aics_tlog.parse_vkey(vkey))
    assert verdict.ok, verdict.error
    files = aics_tlog.FileSystemTileReader(directory)
    size, root = verdict.size, verdict.root
    aics_tlog.audit_tiles(files, size, root)
    proven = aics_tlog.VerifiedTileReader(files, size, root)
    for index in _edges(size):
        proof = aics_tlog.inclusion_proof_from_tiles(proven, index, size)
        entry = proven.entry(index)
        assert aics_tlog.verify_leaf_inclusion(entry, index, size, proof, root)
        old = index + 1
        old_root = aics_tlog.tree_root_from_tiles(proven, old, size)
        proof = aics_tlog.consistency_proof_from_tiles(proven, old, size)
        assert aics_tlog.verify_consistency(old, size, old_root, root, proof)
    return size


def _edges(size: int) -> list[int]:
    """Return the indexes where trees and tiles begin and end."""
    wanted = {0, 1, 127, 254, 255, 256, 257, 65_534, 65_535, 65_536, size // 2, size - 2, size - 1}
    return sorted(index for index in wanted if 0 <= index < size)
