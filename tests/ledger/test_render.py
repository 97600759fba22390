"""Rendered logs: what strangers' tools say of them, and what is refused."""

import threading

import pytest

from whodid.errors import IntegrityError, UsageError
from whodid.ledger.render import render_tiles
from whodid.ledger.verify import verify_ledger
from whodid.merkle.checkpoint import parse_body, parse_note

SIZES = [1, 255, 256, 257, pytest.param(65_537, marks=pytest.mark.slow)]


@pytest.fixture(scope="module")
def of_size(make_ledger, tmp_path_factory):
    """A ledger with this many entries, half of them sealed, rendered; made once for both judges."""
    made = {}

    def make(size):
        if size not in made:
            folder = tmp_path_factory.mktemp(f"size-{size}")
            ledger = make_ledger(folder, wal_file_bytes=1 << 20)
            if size > 1:
                ledger.open()
                ledger.add(size // 2, rows_each=1000)
                ledger.seal()
                ledger.add(size - ledger.sequencer.size, rows_each=1000)
            ledger.close()
            assert render_tiles(ledger.directory, folder / "out").size == size
            made[size] = ledger, folder / "out"
        return made[size]

    return make


@pytest.mark.parametrize("size", SIZES)
def test_tlog_scales_accepts(tlog_oracles, of_size, size):
    ledger, out = of_size(size)
    assert tlog_oracles.check_with_tlog_scales(out, ledger.keys.vkey().encode()) == size


@pytest.mark.parametrize("size", SIZES)
def test_aics_tlog_accepts(tlog_oracles, of_size, size):
    if not tlog_oracles.aics_tlog_is_here():
        pytest.skip("aics-tlog is not on PYTHONPATH")
    ledger, out = of_size(size)
    assert tlog_oracles.check_with_aics_tlog(out, ledger.keys.vkey().encode()) == size


@pytest.mark.slow
def test_stored_tiles_of_a_great_log_are_the_rendered_ones(of_size, flip):
    ledger, out = of_size(65_537)
    stored = ledger.directory / "tile" / "1" / "000"
    assert stored.read_bytes() == (out / "tile" / "1" / "000").read_bytes()
    assert ledger.verify().ok
    for offset in (0, 4000, 8191):
        flip(stored, offset)
        [fault] = ledger.verify().faults
        assert (fault.where, fault.entry) == ("tile/1/000", offset // 32 * 256)
        flip(stored, offset)
    together = verify_ledger(ledger.directory, keys=ledger.keys, processes=2)
    assert (together.ok, together.leaves, together.opened) == (True, 65_537, 65_537)


def test_an_older_kept_size(sample, tmp_path, tlog_oracles):
    log = (sample.directory / "checkpoints.log").read_bytes().split(b"\n\n")
    size = int(log[2].split(b"\n")[1])
    assert 0 < size < 673
    assert render_tiles(sample.directory, tmp_path / "out", size=size).size == size
    vkey = sample.keys.vkey().encode()
    assert tlog_oracles.check_with_tlog_scales(tmp_path / "out", vkey) == size


def test_no_size_that_was_not_signed(sample, tmp_path):
    with pytest.raises(UsageError, match="no checkpoint of size 300 is kept"):
        render_tiles(sample.directory, tmp_path / "out", size=300)
    assert not (tmp_path / "out").exists()


def test_only_into_an_empty_folder(sample, tmp_path):
    (tmp_path / "x").write_text("mine")
    for out in (tmp_path, tmp_path / "x"):
        with pytest.raises(UsageError, match="not an empty folder"):
            render_tiles(sample.directory, out)
    with pytest.raises(UsageError, match="no ledger here"):
        render_tiles(tmp_path / "nothing", tmp_path / "out")


def test_altered_leaves_get_no_checkpoint(sample, copy, tmp_path, flip):
    flip(next((copy / "leaves").iterdir()), 1000)
    with pytest.raises(IntegrityError):
        render_tiles(copy, tmp_path / "out")
    assert not (tmp_path / "out" / "checkpoint").exists()


def test_a_cut_tail_gets_no_checkpoint(sample, copy, tmp_path):
    for path in (copy / "wal").glob("0*"):
        path.unlink()
    with pytest.raises(IntegrityError, match="only 373 are here"):
        render_tiles(copy, tmp_path / "out")


def test_while_it_is_sealed(make_ledger, tmp_path, tlog_oracles):
    ledger = make_ledger(tmp_path)
    ledger.open()
    failures = []

    def write():
        try:
            for _ in range(8):
                ledger.add(100, rows_each=10)
                ledger.seal()
        except Exception as error:  # noqa: BLE001 - shown below
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    rounds, goes_on = 0, True
    while goes_on:
        goes_on = writer.is_alive()
        out = tmp_path / f"out-{rounds}"
        head = render_tiles(ledger.directory, out)
        assert parse_body(parse_note((out / "checkpoint").read_bytes())[0]) == head
        rounds += 1
    writer.join()
    ledger.close()
    assert failures == []
    assert tlog_oracles.check_with_tlog_scales(out, ledger.keys.vkey().encode()) == head.size
