"""Backups: what is in them, where they may go, and what is left when something fails."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from whodid.backup import folder
from whodid.backup.archive import read_archive
from whodid.errors import InputError, IntegrityError, LedgerError, RefusedError, UsageError
from whodid.ledger.backup_note import read_backup_note
from whodid.ledger.manifest import read_manifest
from whodid.ledger.state_db import read_sources
from whodid.storage.posix import PosixDisk


def tree(place):
    return {
        p.relative_to(place).as_posix(): p.read_bytes() for p in place.rglob("*") if p.is_file()
    }


def test_it_holds_what_was_durable_and_verifies(owner, tmp_path):
    made = owner.backup(tmp_path / "b")
    assert made.size == owner.sequencer.size == 22
    verdict = owner.verified(tmp_path / "b")
    assert (verdict.leaves, verdict.opened) == (22, 22)
    assert owner.verified(tmp_path / "b", keys=False).leaves == 22
    note = read_backup_note(tmp_path / "b", owner.keys.vkey())
    assert (note.size, note.root, note.ledger_id) == (22, made.root, owner.keys.ledger_id)


def test_neither_keys_nor_the_write_ahead_log_are_in_it(owner, tmp_path):
    owner.backup(tmp_path / "b")
    names = set(tree(tmp_path / "b"))
    assert not [name for name in names if name.startswith(("wal", "index", "identity", "tile"))]
    secrets = [bytes.fromhex(path.read_text()) for path in owner.keys.path.glob("*.key")] + [
        path.read_bytes().strip() for path in owner.keys.path.glob("*.key")
    ]
    assert len(secrets) == 10
    for name, data in tree(tmp_path / "b").items():
        assert not any(secret in data for secret in secrets), name


def test_only_its_owner_may_read_it(owner, tmp_path):
    os.umask(old := os.umask(0))
    os.umask(0)
    try:
        owner.backup(tmp_path / "b")
        owner.backup(tmp_path / "b.tar")
    finally:
        os.umask(old)
    for path in [tmp_path / "b", tmp_path / "b.tar", *(tmp_path / "b").rglob("*")]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


def test_the_next_one_copies_only_what_is_new(owner, tmp_path):
    first = owner.backup(tmp_path / "b")
    assert first.fresh_bytes == first.size_bytes
    sealed = {file.path for file in read_manifest(tmp_path / "b", None).files}
    inodes = {name: (tmp_path / "b" / name).stat().st_ino for name in sealed}
    owner.add(range(20, 30))
    second = owner.backup(tmp_path / "b")
    assert second.size == 32
    assert {name: (tmp_path / "b" / name).stat().st_ino for name in sealed} == inodes
    assert second.fresh_bytes < second.size_bytes
    assert owner.verified(tmp_path / "b").leaves == 32


def test_a_backup_is_not_called_a_rollback_when_the_log_goes_on(owner, tmp_path):
    owner.backup(tmp_path / "b")
    owner.add([50])
    owner.publish()
    assert "backup of 22 entries" in owner.verified(tmp_path / "b").rollback
    (tmp_path / "b" / "backup").unlink()  # without its note it is an older copy
    with pytest.raises(AssertionError, match="older copy"):
        owner.verified(tmp_path / "b")


def test_a_note_of_another_key_makes_no_backup(owner, tmp_path):
    owner.backup(tmp_path / "b")
    note = tmp_path / "b" / "backup"
    note.write_bytes(note.read_bytes().replace(b"head 22", b"head 21"))
    with pytest.raises(AssertionError, match="backup"):
        owner.verified(tmp_path / "b")


def test_what_rotted_in_the_old_backup_is_copied_again(owner, tmp_path):
    owner.backup(tmp_path / "b")
    path = next((tmp_path / "b" / "payload").iterdir())
    path.write_bytes(bytes(len(path.read_bytes())))
    owner.backup(tmp_path / "b")
    owner.verified(tmp_path / "b")


@pytest.mark.parametrize("name", ["b.tar", "b.tar.zst"])
def test_an_archive_holds_the_same(owner, tmp_path, name):
    owner.backup(tmp_path / "b")
    made = owner.backup(tmp_path / name)
    assert made.size == 22
    found = {path: b"".join(parts) for path, _, parts in read_archive(tmp_path / name)}
    same = {path: data for path, data in found.items() if "/" in path or path == "manifest"}
    there = tree(tmp_path / "b")
    assert same == {path: there[path] for path in same}
    assert set(found) == set(there)
    with pytest.raises(UsageError, match="exists"):
        owner.backup(tmp_path / name)


def test_an_archive_that_was_cut_off_is_told(owner, tmp_path):
    owner.backup(tmp_path / "b.tar.zst")
    data = (tmp_path / "b.tar.zst").read_bytes()
    (tmp_path / "b.tar.zst").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match="whole archive"):
        list(read_archive(tmp_path / "b.tar.zst"))


# --- where it may go ------------------------------------------------------------------------------


def test_it_is_not_written_into_the_ledger_or_its_keys(owner, tmp_path):
    for place in (
        owner.directory, owner.directory / "b", tmp_path, owner.keys.path / "b", owner.keys_root,
    ):  # fmt: skip
        with pytest.raises(UsageError, match="belongs elsewhere"):
            owner.backup(place)
    (tmp_path / "link").symlink_to(owner.directory)
    with pytest.raises(UsageError, match="belongs elsewhere"):
        owner.backup(tmp_path / "link")


def test_it_is_not_written_over_anything_else(owner, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("dear")
    with pytest.raises(UsageError, match="holds no backup"):
        owner.backup(tmp_path / "mine")
    (tmp_path / "file").write_text("dear")
    with pytest.raises(UsageError, match="is a file"):
        owner.backup(tmp_path / "file")
    (tmp_path / "b.partial").mkdir()
    (tmp_path / "b.partial" / "letter").write_text("dear")
    with pytest.raises(UsageError, match="in the way"):
        owner.backup(tmp_path / "b")
    with pytest.raises(UsageError, match="no such folder"):
        owner.backup(tmp_path / "no" / "b")
    assert (tmp_path / "b.partial" / "letter").read_text() == "dear"


def test_it_is_not_written_over_another_ledgers_backup(owner, tmp_path):
    owner.backup(tmp_path / "b")
    (tmp_path / "other").mkdir()
    other = type(owner)(tmp_path / "other").open()
    before = tree(tmp_path / "b")
    with pytest.raises(UsageError, match="another ledger"):
        other.backup(tmp_path / "b")
    other.close()
    assert tree(tmp_path / "b") == before


def test_it_is_not_written_over_a_longer_one(owner, tmp_path, monkeypatch):
    owner.backup(tmp_path / "b")
    real = read_backup_note(tmp_path / "b", None)
    longer = type(real)(real.origin, real.ledger_id, 99, real.root, real.made_us, real.files)
    monkeypatch.setattr("whodid.backup.make.read_backup_note", lambda *_: longer)
    with pytest.raises(UsageError, match="keep that backup"):
        owner.backup(tmp_path / "b")
    other = type(real)(real.origin, real.ledger_id, 12, bytes(32), real.made_us, real.files)
    monkeypatch.setattr("whodid.backup.make.read_backup_note", lambda *_: other)
    with pytest.raises(UsageError, match="another history"):
        owner.backup(tmp_path / "b")


# --- what fails -----------------------------------------------------------------------------------


class Full(PosixDisk):
    def free_bytes(self, folder):
        return 1000


def test_a_full_disk_is_told_before_anything_is_written(owner, tmp_path):
    for name in ("b", "b.tar"):
        with pytest.raises(LedgerError, match="MiB are needed"):
            owner.backup(tmp_path / name, Full())
    assert not list(tmp_path.glob("b*"))


def test_a_disk_that_fills_up_leaves_the_old_backup(owner, tmp_path, monkeypatch):
    owner.backup(tmp_path / "b")
    before = tree(tmp_path / "b")
    owner.add(range(20, 30))

    def full(target, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder, "write", full)
    with pytest.raises(LedgerError, match="is full"):
        owner.backup(tmp_path / "b")
    assert tree(tmp_path / "b") == before
    assert sorted(path.name for path in tmp_path.glob("b*")) == ["b"]


def test_an_altered_ledger_is_not_backed_up(owner, tmp_path):
    block = next((owner.directory / "payload").iterdir())
    data = bytearray(block.read_bytes())
    data[-1] ^= 1
    block.write_bytes(data)
    for name in ("b", "b.tar"):
        with pytest.raises(IntegrityError, match="altered; run `whodid verify`"):
            owner.backup(tmp_path / name)
    assert not list(tmp_path.glob("b*"))


def test_a_copy_that_does_not_verify_is_removed(owner, tmp_path, monkeypatch):
    real = folder.fill

    def spoiled(partial, *rest):
        fresh = real(partial, *rest)
        path = next((partial / "leaves").iterdir())
        path.write_bytes(path.read_bytes()[:-1] + b"\0")
        return fresh

    monkeypatch.setattr(folder, "fill", spoiled)
    with pytest.raises(IntegrityError, match="does not verify"):
        owner.backup(tmp_path / "b")
    assert not list(tmp_path.glob("b*"))


_KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from whodid.backup import folder
from whodid.storage.posix import PosixDisk
place = Path({place!r})
with folder.making(place, PosixDisk()) as partial:
    (partial / "half").write_text("half")
    if {swap!r}:
        (partial / folder._MARK).unlink()
        place.rename(folder.previous_of(place))
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("swap", [False, True])
def test_one_that_was_killed_is_cleared_away(owner, tmp_path, swap):
    owner.backup(tmp_path / "b")
    script = _KILLED.format(tests=str(tmp_path), place=str(tmp_path / "b"), swap=swap)
    killed = subprocess.run([sys.executable, "-c", script], check=False)
    assert killed.returncode == -9
    assert (tmp_path / "b").exists() is not swap
    if swap:  # it had been finished, but for its place
        assert (tmp_path / "b.previous").is_dir()
        import shutil

        shutil.rmtree(tmp_path / "b.partial")
    owner.add([77])
    owner.backup(tmp_path / "b")
    assert owner.verified(tmp_path / "b").leaves == owner.sequencer.size
    assert sorted(path.name for path in tmp_path.glob("b*")) == ["b"]


def test_two_at_once_do_not_meet(owner, tmp_path):
    with (
        folder.making(tmp_path / "b", PosixDisk()),
        pytest.raises(UsageError, match="another process is making"),
    ):
        owner.backup(tmp_path / "b")


# --- while others write ---------------------------------------------------------------------------


def test_a_source_declared_meanwhile_is_in_it(owner, tmp_path):
    port = owner.ledger().port
    real, names = port.head_at, iter(["late"])

    class Port:
        """Declares a source between the copy of state.db and the manifest, once."""

        def __getattr__(self, name):
            return getattr(port, name)

        def status(self):
            for name in names:
                port.declare_source(name, "json", name)
            return port.status()

        def head_at(self, size):
            return real(size)

    made = owner.backup(tmp_path / "b", port=Port())
    assert made.size == 23
    assert set(read_sources(tmp_path / "b", owner.keys.doors_key())) == {"whodid", "app", "late"}
    owner.verified(tmp_path / "b")


def test_a_server_that_does_not_seal_is_not_waited_for_without_end(owner, tmp_path):
    slept = []
    with pytest.raises(RefusedError, match="not being sealed"):
        owner.backup(tmp_path / "b", alone=False, sleep=slept.append)
    assert owner.sequencer.seal_wanted == 22
    assert 60 <= sum(slept) < 61
    assert not list(tmp_path.glob("b*"))
