import threading
from hashlib import sha256

import pytest

from whodid.app.public_files import LedgerFiles
from whodid.errors import IntegrityError, UsageError
from whodid.ledger.batch import BatchBuilder, Row
from whodid.ledger.local import LocalSequencer
from whodid.ledger.opening import Settings, init_ledger, open_ledger
from whodid.ledger.reader import LedgerReader
from whodid.ledger.sealer import Sealer
from whodid.merkle.checkpoint import parse_body, verify_note
from whodid.merkle.tiles import TILE_WIDTH, entry_bundles_of, tile_path, tiles_of
from whodid.merkle.tree import hash_leaf, perfect_root, root_of

NOW_US = 4_000_000_000_000_000  # 2096: after what `init_ledger` wrote by the real clock
NO_TAG = 32  # LeafFlag.NO_IDENTITY


class Ledger:
    """A small ledger with its sequencer in this process."""

    def __init__(self, path):
        self.path = path / "ledger"
        self.keys = init_ledger(self.path, origin="test.example/log", keys_root=path / "keys")
        settings = Settings(wal_file_bytes=4 << 20, free_bytes_min=0)
        opened = open_ledger(
            self.path, keys_root=path / "keys", clock=lambda: NOW_US, settings=settings
        )
        self.port = LocalSequencer(*opened)
        self.builder = BatchBuilder(self.keys.ledger_id, self.keys.public_kek())
        self.source_id = self.port.declare_source("crm", "json", "crm").source_id

    def add(self, count):
        while count:
            now = min(count, 4096)
            groups = (b'{"id":"i","received":1}', *[b""] * 7)
            row = Row(1, NO_TAG, 0, self.source_id, 0, 0, bytes(16), bytes(8), groups)
            self.port.submit(self.builder.build([row] * now))
            count -= now

    def grow_to(self, size):
        self.add(size - self.port.status().size)
        self.port.publish()

    def seal(self):
        reader = LedgerReader(self.path, self.keys)
        sealer = Sealer(reader, self.keys, self.port.seal, lambda: NOW_US)
        while sealer.run_once(self.port.status().size):
            pass
        reader.close()

    def files(self):
        return LedgerFiles(self.path, self.keys.vkey())


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path)
    yield made
    made.port.close()


def check_tiles(files, vkey):
    """Every tile that the checkpoint implies is there, and together they give its root."""
    checkpoint = parse_body(verify_note(files.checkpoint(), vkey))
    leaves = []
    for index, width in entry_bundles_of(checkpoint.size):
        bundle = files.tile(None, index, width)
        at = 0
        while at < len(bundle):
            end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
            leaves.append(bundle[at + 2 : end])
            at = end
    below = [hash_leaf(leaf) for leaf in leaves]
    assert root_of(below) == checkpoint.root
    nodes = {0: below}
    for level, index, width in tiles_of(checkpoint.size):
        row = nodes.setdefault(level, [])
        if level and index == 0:
            under = nodes[level - 1]
            full = len(under) // TILE_WIDTH * TILE_WIDTH
            row += [perfect_root(under[i : i + TILE_WIDTH]) for i in range(0, full, TILE_WIDTH)]
        start = index * TILE_WIDTH
        assert files.tile(level, index, width) == b"".join(row[start : start + width])
    return checkpoint.size


def test_tiles_of_an_unsealed_log_give_the_signed_root(ledger):
    for size in (2, 255, 256, 257, 512, 4097):
        ledger.grow_to(size)
        assert check_tiles(ledger.files(), ledger.keys.vkey()) == size


def test_one_instance_follows_the_log_through_growth_and_sealing(ledger):
    files = ledger.files()
    sizes = []
    for size in (3, 700, 4096 + 300, 3 * 4096 + 1):
        ledger.grow_to(size)
        sizes.append(check_tiles(files, ledger.keys.vkey()))
        ledger.seal()
        assert check_tiles(files, ledger.keys.vkey()) == size
    assert sizes == [3, 700, 4396, 12289]
    assert check_tiles(ledger.files(), ledger.keys.vkey()) == 12289
    files.close()


@pytest.mark.slow
def test_a_cache_of_tiles_is_used_and_a_wrong_one_is_not(ledger):
    ledger.grow_to(65536 + 4096)
    ledger.seal()
    assert (ledger.path / tile_path(1, 0)).is_file()
    assert check_tiles(ledger.files(), ledger.keys.vkey()) == 69632
    (ledger.path / tile_path(1, 0)).write_bytes(bytes(32 * 256))
    assert check_tiles(ledger.files(), ledger.keys.vkey()) == 69632


def test_a_tile_beyond_the_checkpoint_is_not_there(ledger):
    ledger.grow_to(100)
    ledger.add(1000)  # durable, not published
    files = ledger.files()
    for level, index, width in (
        (None, 1, 256), (0, 0, 256), (0, 1, 1), (1, 0, 1), (7, 0, 1), (8, 0, 1), (63, 0, 1),
        (0, 10**20, 256), (None, 0, 101),
    ):  # fmt: skip
        with pytest.raises(UsageError, match="has no tile/"):
            files.tile(level, index, width)


def test_a_partial_tile_of_any_smaller_width_is_there(ledger):
    ledger.grow_to(100)
    files = ledger.files()
    assert files.tile(0, 0, 100)[: 32 * 7] == files.tile(0, 0, 7)


def test_altered_leaves_are_not_served(ledger):
    ledger.grow_to(4096 + 10)
    ledger.seal()
    path = min((ledger.path / "leaves").iterdir())
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match="altered"):
        ledger.files().tile(0, 0, 1)


def test_threads_take_turns(ledger):
    ledger.grow_to(600)
    files = ledger.files()
    whole = files.tile(0, 0, 256)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(files.tile(0, 0, 256))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [whole] * 8
    assert len(sha256(whole).digest()) == 32
