"""Verification of ledgers that nobody tampered with: what it says, and what it leaves alone."""

import os
import shutil
import threading

import pytest

from whodid.errors import InputError, UsageError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.verify import verify_ledger


def snapshot(folder):
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
    }


def test_a_clean_ledger(sample):
    verdict = sample.verify()
    assert verdict.ok
    assert verdict.faults == []
    # 670 events and the entries that opened three sources
    assert verdict.leaves == verdict.opened == verdict.checkpoint.size == 673
    assert verdict.not_opened == []
    assert verdict.rollback.startswith("checked against the signer's head of 673 entries")


def test_a_fresh_ledger(make_ledger, tmp_path):
    verdict = make_ledger(tmp_path).verify()
    assert (verdict.ok, verdict.leaves, verdict.warnings) == (True, 1, [])


def test_nothing_is_written_and_no_lock_is_taken(sample):
    before = snapshot(sample.directory), snapshot(sample.keys_root)
    sample.open()  # holds the writer's lock
    try:
        assert sample.verify().ok
    finally:
        sample.close()
    assert sample.verify().ok
    after = snapshot(sample.directory)
    assert set(after) == set(before[0])
    middle = snapshot(sample.directory)
    sample.verify()
    assert snapshot(sample.directory) == middle
    assert set(snapshot(sample.keys_root)) == set(before[1])


def test_a_copy_in_a_folder_that_cannot_be_written(sample, copy):
    for path in (copy, *copy.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        assert sample.verify(copy).ok
    finally:
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)


def test_other_processes_come_to_the_same(sample):
    alone = sample.verify()
    together = verify_ledger(sample.directory, keys=sample.keys, processes=2)
    assert together == alone


def test_progress_is_reported(sample):
    seen = []
    sample.verify(progress=lambda what, done, total: seen.append((what, done, total)))
    assert seen[-1] == ("entries", 673, 673)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_the_public_key_alone(sample, copy):
    verdict = verify_ledger(copy, vkey=sample.keys.vkey())
    assert verdict.ok
    assert (verdict.leaves, verdict.opened) == (673, 0)
    assert verdict.not_opened == ["payload of 673 entries: no private key-encryption key is here"]
    assert verdict.rollback.startswith("not checked")


def test_a_key_folder_with_public_halves_only(sample, key_folder):
    for name in ("kek-1.key", "log.key", "identity.key"):
        (key_folder.path / name).unlink()
    verdict = verify_ledger(sample.directory, keys=key_folder)
    assert verdict.ok
    assert verdict.opened == 0
    assert "payload of 673 entries" in verdict.not_opened[0]


def test_no_key_at_all(sample, tmp_path):
    nowhere = KeyFolder(sample.keys.ledger_id, tmp_path / "nowhere")
    verdict = verify_ledger(sample.directory, keys=nowhere)
    assert verdict.ok
    assert "signatures: no public key" in verdict.not_opened[0]
    assert verdict.rollback.startswith("not checked")


def test_a_given_head_settles_rollback(sample, copy):
    note = (copy / "checkpoint").read_text()
    verdict = verify_ledger(copy, vkey=sample.keys.vkey(), head=note)
    assert verdict.ok
    assert verdict.rollback == "checked against the given head of 673 entries"
    with pytest.raises(InputError):
        verify_ledger(copy, vkey=sample.keys.vkey(), head="rubbish")


def test_what_is_no_ledger(tmp_path):
    with pytest.raises(UsageError):
        verify_ledger(tmp_path)
    with pytest.raises(UsageError):
        verify_ledger(tmp_path / "missing")


def test_what_a_crash_leaves_is_a_warning(sample, copy):
    shutil.copy(next((copy / "payload").iterdir()), copy / "payload" / f"{673:016d}-0010-0")
    (copy / "leaves" / "x.tmp").write_bytes(b"half")
    (copy / "wal" / f"{1:016d}.dirty").write_bytes(b"used")
    (copy / "identity" / "y.tmp").write_bytes(b"half")
    (copy / "tile" / "1").mkdir(parents=True, exist_ok=True)
    (copy / "tile" / "1" / "000.tmp").write_bytes(b"half")
    verdict = sample.verify(copy)
    assert verdict.ok
    for name in ("payload/0000000000000673", "leaves/x.tmp", "wal/0", "identity/y", "tile/1/000"):
        assert any(warning.startswith(name) for warning in verdict.warnings), name


def test_a_ledger_that_was_killed(make_ledger, tmp_path):
    ledger = make_ledger(tmp_path)
    ledger.open()
    ledger.add(100)
    killed = ledger.copy(tmp_path / "killed")
    ledger.close()
    verdict = ledger.verify(killed, keys=None, vkey=ledger.keys.vkey())
    assert verdict.ok
    assert verdict.leaves == 102  # durable, though no checkpoint covers them yet
    assert verdict.checkpoint.size == 1


def test_gaps_and_repeated_numbers_are_told(make_ledger, tmp_path):
    ledger = make_ledger(tmp_path)
    ledger.open()
    source = ledger.source()
    ledger.commit([ledger.row(source, n, seq=n) for n in (1, 2, 3, 7, 9)])
    ledger.commit([ledger.row(source, 20, seq=2), ledger.row(source, 21, seq=8)])
    ledger.close()
    verdict = ledger.verify()
    assert verdict.ok
    [warning] = verdict.warnings
    assert warning == (
        "source app: sequence numbers with 1 gaps (3 numbers are missing), 1 numbers repeated,"
        " 1 steps back"
    )


def test_while_it_is_written_and_sealed(make_ledger, tmp_path):
    ledger = make_ledger(tmp_path)
    ledger.open()
    stop, looked = threading.Event(), threading.Event()
    failures = []

    def write():
        try:
            for number in range(12):
                if number == 11:
                    looked.wait(120)  # it was verified twice by then
                ledger.add(60, rows_each=5)
                ledger.seal()
                if stop.is_set():
                    return
        except Exception as error:  # noqa: BLE001 - shown below
            failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    sizes = []
    try:
        while writer.is_alive():
            verdict = ledger.verify()
            assert verdict.ok, verdict.faults
            sizes.append(verdict.leaves)
            if len(sizes) == 2:
                looked.set()
    finally:
        stop.set()
        looked.set()
        writer.join()
        ledger.close()
    assert failures == []
    assert len(sizes) >= 2
    assert sizes == sorted(sizes)
    assert ledger.verify().leaves == 722


def test_sockets_and_folders_of_others_do_not_disturb(sample, copy):
    os.mkfifo(copy / "sock")
    assert sample.verify(copy).ok
