"""A ledger that the first whodid made: refused with what to do, upgraded, and whole afterwards.

`first-format.tar.xz` was made by that version's own commands: a source, six events, of which the
first five are sealed, a user, a token for writing and one for reading. Its keys are in it; they
open nothing else.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from whodid.errors import FormatError, IntegrityError, LedgerError
from whodid.ledger.formats import DATABASES
from whodid.ledger.layout import LEAVES, PAYLOAD
from whodid.ledger.opening import keys_of, open_ledger
from whodid.ledger.verify import verify_ledger
from whodid.storage.posix import PosixDisk
from whodid.upgrade.steps import STEPS, pending, upgrade

MADE = Path(__file__).with_name("first-format.tar.xz")
COMMAND = [sys.executable, "-c", "from whodid.cli import main; main()"]


class Old:
    """The old ledger, in its place: bound as the first whodid bound it, by device and inode."""

    def __init__(self, folder):
        with tarfile.open(MADE) as tar:
            if hasattr(tarfile, "data_filter"):  # from 3.11.4 on
                tar.extraction_filter = tarfile.data_filter
            tar.extractall(folder)
        self.folder = folder
        self.directory = folder / "ledger"
        self.keys_root = folder / "keys"
        self.keys = keys_of(self.directory, self.keys_root)
        path = self.keys.path / "instance"
        stat = self.directory.stat()
        bound = json.loads(path.read_bytes())
        assert set(bound) == {"instance", "device", "inode", "directory"}
        path.write_text(json.dumps({**bound, "device": stat.st_dev, "inode": stat.st_ino}))

    def run(self, *arguments, rc=0, stdin=None):
        env = {**os.environ, "WHODID_KEYS": str(self.keys_root), "WHODID_DIR": str(self.directory)}
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)], check=False, env=env, input=stdin,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == rc, done.stdout + done.stderr
        return done.stdout if rc == 0 else done.stderr

    def verified(self):
        verdict = verify_ledger(self.directory, keys=self.keys, processes=1)
        assert verdict.ok, verdict.faults
        return verdict

    def sealed_files(self):
        return {
            path.name: path.read_bytes()
            for folder in (LEAVES, PAYLOAD)
            for path in (self.directory / folder).iterdir()
        }


@pytest.fixture
def old(tmp_path):
    return Old(tmp_path)


def test_it_is_refused_with_what_to_do_and_nothing_is_touched(old):
    before = {path: path.read_bytes() for path in old.folder.rglob("*") if path.is_file()}
    said = old.run("search", rc=1)
    assert f"whodid upgrade {old.directory}" in said
    assert "back the ledger up" in said
    assert f"whodid upgrade {old.directory}" in old.run("serve", "--port", "0", rc=1)
    after = {path: path.read_bytes() for path in old.folder.rglob("*") if path.is_file()}
    changed = {
        path.name for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    }
    assert changed <= {"instance", "server.lock"}


def test_it_verifies_before_and_after_and_what_is_sealed_stays_as_it_was(old):
    verdict = old.verified()
    assert (verdict.leaves, verdict.opened) == (15, 15)
    sealed = old.sealed_files()
    assert len(sealed) == 2
    old.run("upgrade", old.directory)
    assert {name: old.sealed_files()[name] for name in sealed} == sealed
    verdict = old.verified()
    assert verdict.leaves == verdict.opened == 16  # and the event that says so
    assert pending(old.directory, old.keys) == []


def test_everything_in_it_works_afterwards(old):
    said = old.run("upgrade", old.directory)
    assert said.splitlines()[-1] == f"{old.directory} is up to date"
    for step in STEPS:
        assert step.name in said
    found = json.loads(old.run("search", "source:app", "--json"))["events"]
    assert sorted(event["actor.id"] for event in found) == [
        f"user{n}@example.com" for n in range(1, 7)
    ]
    again = (MADE.parent / "again.ndjson").read_text()
    answer = json.loads(old.run("ingest", "--source", "app", "-", "--json", stdin=again))
    assert (answer["accepted"], answer["duplicate"]) == (0, 1)
    new = again.replace('"6"', '"7"')
    assert (
        json.loads(old.run("ingest", "--source", "app", "-", "--json", stdin=new))["accepted"] == 1
    )
    tokens = json.loads(old.run("token", "list", "--json"))["tokens"]
    assert len(tokens) == 2
    own = json.loads(old.run("search", "--own", "action:upgrade", "--json"))["events"]
    assert len(own) == 1
    old.run("verify", "--index", old.directory)
    old.run("backup", old.folder / "backup")


def test_doing_it_twice_changes_nothing(old):
    assert upgrade(old.directory, keys_root=old.keys_root) == [step.name for step in STEPS]
    assert upgrade(old.directory, keys_root=old.keys_root) == []


class Stopped(BaseException):
    """What a kill is."""


@pytest.mark.parametrize("calls", range(1, 6))
def test_it_can_be_stopped_anywhere_and_done_again(old, monkeypatch, calls):
    left = iter(range(calls))
    real = PosixDisk.rename

    def rename(self, *names):
        if next(left, None) is None:
            raise Stopped
        real(self, *names)

    monkeypatch.setattr(PosixDisk, "rename", rename)
    stopped = False
    try:
        upgrade(old.directory, keys_root=old.keys_root)
    except Stopped:
        stopped = True
    assert stopped is (calls < 4)  # the mark, the binding, two keys
    monkeypatch.undo()
    upgrade(old.directory, keys_root=old.keys_root)
    assert pending(old.directory, old.keys) == []
    sequencer, lock = open_ledger(old.directory, keys_root=old.keys_root)
    assert set(sequencer.sources) == {"whodid", "app"}
    sequencer.close()
    lock.release()
    old.verified()


def test_not_while_it_is_written_nor_a_copy(old, tmp_path):
    upgrade(old.directory, keys_root=old.keys_root)
    copy = shutil.copytree(old.directory, tmp_path / "copy")
    with pytest.raises(LedgerError, match="read-only copy"):
        upgrade(copy, keys_root=old.keys_root)
    sequencer, lock = open_ledger(old.directory, keys_root=old.keys_root)
    with pytest.raises(LedgerError, match="another process writes"):
        upgrade(old.directory, keys_root=old.keys_root, lock_wait_s=0)
    sequencer.close()
    lock.release()


def test_a_state_without_signatures_is_not_backed_up(old, monkeypatch):
    """It would be taken for one of before rows were signed, whoever wrote it."""
    from whodid.backup.make import Report, make_backup
    from whodid.backup.snapshot import Ledger
    from whodid.clock import system_clock
    from whodid.ledger.local import LocalSequencer

    state = (old.directory / "state.db").read_bytes()
    upgrade(old.directory, keys_root=old.keys_root)
    port = LocalSequencer(*open_ledger(old.directory, keys_root=old.keys_root))
    monkeypatch.setattr(
        "whodid.backup.snapshot.copy_database",
        lambda path: state if path.name == "state.db" else path.read_bytes(),
    )
    ignore = Report(lambda _: None, lambda _: None, lambda *_: None)
    ledger = Ledger(old.directory, old.keys, port, alone=True, clock=system_clock)
    with pytest.raises(IntegrityError, match="lost their signatures"):
        make_backup(ledger, old.folder / "b", ignore)
    port.close()
    assert not (old.folder / "b").exists()


# --- newer numbers -------------------------------------------------------------------------------


def newer(path, kind):
    data = bytearray(path.read_bytes())
    if kind == "binary":
        assert data[:6] == b"whodid"
        data[7] = 9
    else:
        first, _, rest = bytes(data).partition(b"\n")
        data = first.rpartition(b" ")[0] + b" 9\n" + rest
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("manifest", "text"), ("leaves/*", "binary"), ("payload/*", "binary"), ("wal/0*1", "binary")],
)
def test_a_newer_file_is_refused_by_name(old, name, kind):
    upgrade(old.directory, keys_root=old.keys_root)
    path = next(old.directory.glob(name))
    newer(path, kind)
    verdict = verify_ledger(old.directory, keys=old.keys, processes=1)
    said = "\n".join(map(str, verdict.faults))
    assert not verdict.ok
    if name != "manifest":  # it is read before anything else
        said += _refused(old)
    assert "is newer than this whodid" in said or "altered" in said


def _refused(old):
    try:
        sequencer, lock = open_ledger(old.directory, keys_root=old.keys_root)
    except LedgerError as error:
        return str(error)
    sequencer.close()
    lock.release()
    return ""


@pytest.mark.parametrize("name", DATABASES)
def test_a_newer_database_is_refused_by_name(old, name):
    import contextlib
    import sqlite3

    upgrade(old.directory, keys_root=old.keys_root)
    with contextlib.closing(sqlite3.connect(old.directory / name)) as db:
        db.execute(f"PRAGMA user_version = {DATABASES[name] + 1}")
        db.commit()
    with pytest.raises(
        FormatError, match=r"newer than this whodid .* `pip install --upgrade whodid`"
    ):
        open_ledger(old.directory, keys_root=old.keys_root)
    verdict = verify_ledger(old.directory, keys=old.keys, processes=1)
    assert any("pip install --upgrade" in fault.problem for fault in verdict.faults)


def test_each_kind_of_file_refuses_a_newer_number():
    from whodid.ledger import layout
    from whodid.ledger.backup_note import parse_backup_note
    from whodid.ledger.layout import check_magic
    from whodid.ledger.manifest import parse_manifest
    from whodid.ledger.origins import parse_origins

    magics = [
        value for name, value in vars(layout).items()
        if isinstance(value, bytes) and value[:6] == b"whodid"
    ]  # fmt: skip
    assert len(magics) >= 6
    for magic in magics:
        with pytest.raises(FormatError, match="pip install --upgrade whodid"):
            check_magic(magic[:7] + bytes([magic[7] + 1]), magic, "file")
    for parse, word in ((parse_manifest, "manifest"), (parse_backup_note, "backup"),
                        (parse_origins, "origins")):  # fmt: skip
        with pytest.raises(FormatError, match="pip install --upgrade whodid"):
            parse(f"whodid {word} 9\na\nb\nc\nd\ne\n")
