"""Restoring: the old events under a new origin, and what shows that it is not the old log."""

import shutil

import pytest

from ledger_kit import START_US
from whodid.backup.key_file import Keys
from whodid.backup.key_switch import KeySwitch
from whodid.errors import (
    InputError,
    IntegrityError,
    LedgerError,
    RefusedError,
    UsageError,
    WhodidError,
)
from whodid.ledger.backup_note import BackupFile, BackupNote, parse_backup_note
from whodid.ledger.leaf import LeafType
from whodid.ledger.origins import Origins, Restart, parse_origins, read_origins
from whodid.ledger.reader import LedgerReader
from whodid.ledger.signer import Signer
from whodid.ledger.verify import verify_ledger
from whodid.merkle.checkpoint import Vkey, parse_body, parse_note, sign_note, verify_note
from whodid.storage.posix import PosixDisk


def verify(owner, **options):
    return verify_ledger(owner.directory, keys=owner.keys, processes=1, **options)


def faults(owner, **options):
    verdict = verify(owner, **options)
    assert verdict.ok is not bool(verdict.faults)
    return "\n".join(map(str, verdict.faults))


def all_keys(keys):
    return Keys(
        keys.ledger_id, keys.vkey().name,
        {path.name: path.read_bytes() for path in keys.path.glob("*k*y*")} | {
            path.name: path.read_bytes() for path in keys.path.glob("kek*")
        },
    )  # fmt: skip


@pytest.mark.parametrize("name", ["b", "b.tar", "b.tar.zst"])
def test_the_old_events_are_there_and_the_log_goes_on(owner, restored, tmp_path, name):
    owner.backup(tmp_path / name)
    answer = restored(tmp_path / name)
    assert (answer.restart.size, answer.restart.lost) == (22, 0)
    owner.open()
    assert sorted(owner.numbers()) == list(range(20))
    owner.resend()  # what the backup holds is a duplicate
    assert sorted(owner.numbers()) == list(range(20))
    owner.add([100])
    owner.publish()
    owner.check()
    assert faults(owner) == ""
    owner.seal()
    assert faults(owner) == ""


def test_it_has_a_new_origin_and_a_new_key_and_names_the_old_head(owner, restored, tmp_path):
    old = owner.keys.vkey()
    made = owner.backup(tmp_path / "b")
    answer = restored(tmp_path / "b", reason="the disk died", origin="log.example/whodid/second")
    new = owner.keys.vkey()
    assert new.name == answer.origin == "log.example/whodid/second"
    assert new.public != old.public
    assert answer.restart == Restart(old.name, 22, made.root, old, 22, made.root)
    reader = LedgerReader(owner.directory, owner.keys)
    row = next(reader.rows(22, 23))
    reader.close()
    assert row.type == LeafType.RESTART
    assert row.leaf().tail.decode() == answer.restart.line()
    assert b'"reason":"the disk died"' in row.groups[6]
    assert read_origins(owner.directory, new).restarts == (answer.restart,)
    checkpoint = (owner.directory / "checkpoint").read_bytes()
    assert parse_body(verify_note(checkpoint, new)).size == 23
    with pytest.raises(IntegrityError):
        verify_note(checkpoint, old)


def test_no_head_of_the_old_origin_can_be_signed_here_again(owner, restored, tmp_path):
    secret = (owner.keys.path / "log.key").read_bytes()
    owner.backup(tmp_path / "b")
    restored(tmp_path / "b")
    for path in owner.keys_root.rglob("*"):
        assert not path.is_file() or secret.strip() not in path.read_bytes(), path
    assert [path.name for path in owner.keys_root.iterdir()] == [owner.keys.ledger_id.hex()]


def test_what_was_signed_after_the_backup_is_known_to_be_lost(owner, restored, tmp_path):
    owner.backup(tmp_path / "b")
    owner.add(range(30, 35))
    kept = owner.publish()
    answer = restored(tmp_path / "b")
    assert (answer.restart.size, answer.restart.signed_size, answer.restart.lost) == (22, 27, 5)
    [warning] = verify(owner).warnings
    assert "5 of them are not in this log" in warning
    # and a head that was kept elsewhere settles it, also where the signer's was lost
    said = faults(owner, head=kept)
    assert "signed 27 entries; this log was restored from a backup of 22: 5 of them" in said
    assert said.count("\n") == 0


def test_a_head_of_before_the_backup_still_holds(owner, restored, tmp_path):
    kept = owner.publish()
    owner.add([25])
    owner.backup(tmp_path / "b")
    restored(tmp_path / "b")
    assert faults(owner, head=kept) == ""
    assert "checked against the given head of 22 entries" in verify(owner, head=kept).rollback


def test_it_can_be_restored_again_and_again(owner, restored, tmp_path):
    owner.backup(tmp_path / "b")
    restored(tmp_path / "b", origin="log.example/2")
    owner.open()
    owner.add([50])
    owner.backup(tmp_path / "b2")
    assert owner.verified(tmp_path / "b2").restarts[0].size == 22
    owner.close()
    shutil.rmtree(owner.directory)
    again = pytest.raises(UsageError, match="had this origin before")
    with again:
        restored(tmp_path / "b2", tmp_path / "third", origin="log.example/whodid/hand")
    restored(tmp_path / "b2", tmp_path / "third", origin="log.example/3")
    verdict = verify(owner)
    assert verdict.ok
    assert [(one.origin, one.size) for one in verdict.restarts] == [
        ("log.example/whodid/hand", 22), ("log.example/2", 24),
    ]  # fmt: skip
    owner.open()
    owner.check()


def test_on_another_machine_with_a_file_of_keys(owner, restored, tmp_path):
    owner.backup(tmp_path / "b")
    keys = all_keys(owner.keys)
    answer = restored(tmp_path / "b", keys_root=tmp_path / "keys2", keys=keys)
    assert answer.restart.lost == 0
    owner.open()
    assert sorted(owner.numbers()) == list(range(20))
    assert faults(owner) == ""
    # the original is as it was, and still the writable one of its own keys
    assert (tmp_path / "L" / "checkpoint").is_file()


# --- what is refused ------------------------------------------------------------------------------


def test_not_beside_the_ledger_itself(owner, tmp_path):
    from whodid.backup.restore import Wish, restore

    owner.backup(tmp_path / "b")
    with pytest.raises(LedgerError, match="another process writes"):
        restore(Wish(tmp_path / "b", tmp_path / "new"), print, keys_root=owner.keys_root)
    owner.close()
    with pytest.raises(LedgerError, match="the ledger itself is still in"):
        restore(Wish(tmp_path / "b", tmp_path / "new"), print, keys_root=owner.keys_root)
    owner.open()
    owner.check()
    assert not list(tmp_path.glob("new*"))


def test_not_without_the_keys(owner, restored, tmp_path):
    owner.backup(tmp_path / "b")
    with pytest.raises(LedgerError, match="are not on this machine"):
        restored(tmp_path / "b", keys_root=tmp_path / "nothing")
    strange = Keys(bytes(16), "x", {})
    with pytest.raises(UsageError, match="another ledger"):
        restored(tmp_path / "b", keys_root=tmp_path / "nothing", keys=strange)
    other = all_keys(owner.keys)
    other.files["identity.key"] = b"11" * 32
    with pytest.raises(UsageError, match="other keys"):
        restored(tmp_path / "b", keys=other)
    assert not list(tmp_path.glob("new*"))


def test_not_into_a_folder_that_holds_something(owner, restored, tmp_path):
    owner.backup(tmp_path / "b")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "letter").write_text("dear")
    with pytest.raises(UsageError, match="not empty"):
        restored(tmp_path / "b")
    assert (tmp_path / "new" / "letter").read_text() == "dear"
    with pytest.raises(UsageError, match="nothing here"):
        restored(tmp_path / "no-backup", tmp_path / "other")
    with pytest.raises(UsageError, match="no backup"):
        restored(tmp_path / "new", tmp_path / "other")
    with pytest.raises(UsageError, match="--origin"):
        restored(tmp_path / "b", tmp_path / "other", origin="two words")


def spoil(place, name, change):
    path = next(place.glob(name))
    path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize(
    "name",
    ["manifest", "checkpoint", "checkpoints.log", "keys.db", "state.db", "backup", "leaves/*",
     "payload/*"],
)  # fmt: skip
@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[:-9],
        lambda data: data[:60] + bytes([data[60] ^ 1]) + data[61:],
        lambda _: b"",
    ],
)
def test_an_altered_backup_is_not_restored(owner, restored, tmp_path, name, change):
    owner.backup(tmp_path / "b")
    spoil(tmp_path / "b", name, change)
    with pytest.raises(WhodidError):
        restored(tmp_path / "b")
    assert not list(tmp_path.glob("new*"))
    assert [path.name for path in owner.keys_root.iterdir()] == [owner.keys.ledger_id.hex()]
    (tmp_path / "lost").rename(owner.directory)
    owner.open()  # with the old keys, as it was
    owner.check()


def test_a_backup_that_another_key_signed_is_not_restored(owner, restored, tmp_path):
    owner.backup(tmp_path / "b")
    (owner.keys.path / "log.vkey").write_text(
        Vkey.of("log.example/whodid/hand", bytes(range(32))).encode()
    )
    with pytest.raises(IntegrityError, match=r"does not fit|not signed"):
        restored(tmp_path / "b")


def test_a_full_disk_leaves_nothing(owner, tmp_path, monkeypatch):
    from whodid.backup import folder
    from whodid.backup.restore import Wish, restore

    class Full(PosixDisk):
        def free_bytes(self, _folder):
            return 10

    owner.backup(tmp_path / "b")
    owner.close()
    owner.directory.rename(tmp_path / "lost")
    with pytest.raises(LedgerError, match="MiB are needed"):
        restore(
            Wish(tmp_path / "b", tmp_path / "new"), print, keys_root=owner.keys_root, disk=Full()
        )
    real, left = folder.write, iter(range(6))

    def write(target, data):
        if next(left, None) is None:
            raise OSError(28, "No space left on device")
        real(target, data)

    monkeypatch.setattr(folder, "write", write)
    with pytest.raises((OSError, LedgerError)):
        restore(Wish(tmp_path / "b", tmp_path / "new"), print, keys_root=owner.keys_root)
    assert not list(tmp_path.glob("new*"))


# --- stopped on the way ---------------------------------------------------------------------------


class Stopped(BaseException):
    """What a kill is: nothing is tidied up behind it."""


@pytest.mark.parametrize("after", range(5))
def test_the_switch_of_keys_is_finished_by_the_next_run(
    owner, restored, tmp_path, monkeypatch, after
):
    owner.backup(tmp_path / "b")
    real = KeySwitch.finish

    def finish(self):
        from whodid.backup import key_switch

        for name in key_switch._SWITCHED[:after]:
            (self.new.path / name).rename(self.old.path / name)
        raise Stopped

    monkeypatch.setattr(KeySwitch, "finish", finish)
    with pytest.raises(Stopped):
        restored(tmp_path / "b")
    monkeypatch.setattr(KeySwitch, "finish", real)
    assert (tmp_path / "new").is_dir()
    answer = restored(tmp_path / "b")
    assert answer.restart.size == 22
    assert faults(owner) == ""
    owner.open()
    owner.check()
    assert [path.name for path in owner.keys_root.iterdir()] == [owner.keys.ledger_id.hex()]


def test_one_stopped_before_its_place_is_begun_again(owner, restored, tmp_path, monkeypatch):
    from whodid.backup import folder

    owner.backup(tmp_path / "b")
    real = folder.put_in_place
    monkeypatch.setattr(folder, "put_in_place", lambda *_: (_ for _ in ()).throw(Stopped))
    with pytest.raises(Stopped):
        restored(tmp_path / "b")
    monkeypatch.setattr(folder, "put_in_place", real)
    assert not (tmp_path / "new").exists()
    restored(tmp_path / "b")
    assert faults(owner) == ""


# --- what an attacker can do with the folder ------------------------------------------------------


def test_origins_cannot_be_altered_hidden_or_forged(owner, restored, tmp_path):
    owner.backup(tmp_path / "b")
    owner.add([30])
    owner.publish()
    restored(tmp_path / "b")
    path = owner.directory / "origins"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b" 23 ", b" 22 "))
    assert "origins" in faults(owner)
    path.unlink()
    assert "an entry says that the log was restarted here" in faults(owner)
    # signed again by who holds the log's key: the entry in the tree tells
    origins = read_origins_of(whole)
    [one] = origins.restarts
    forged = Origins(origins.ledger_id, (Restart(
        one.origin, one.size, one.root, one.vkey, one.size, one.root),))  # fmt: skip
    key, name = owner.keys.signing_key(), owner.keys.vkey().name
    path.write_text(sign_note(forged.body(), name, key))
    assert "is not what the entry that restarted the log says" in faults(owner)
    more = Restart("log.example/x", 5, bytes(32), Vkey.of("log.example/x", bytes(32)), 5, bytes(32))
    path.write_text(sign_note(Origins(origins.ledger_id, (more, one)).body(), name, key))
    assert "the entry that restarted the log is not there" in faults(owner)
    path.write_bytes(whole)
    assert faults(owner) == ""


def read_origins_of(note):
    return parse_origins(parse_note(note)[0])


def test_a_restart_is_not_appended_by_anybody_else(owner):
    row = owner.row(99, identity=False)
    row.type = int(LeafType.RESTART)
    [answer] = owner.commit(owner.builder.build([row]))
    assert isinstance(answer, RefusedError)
    assert "only a restore" in str(answer)


def test_an_older_tree_is_signed_only_if_the_head_continues_it(owner):
    owner.publish()
    signer = Signer(owner.keys, "log.example/whodid/hand", PosixDisk())
    with pytest.raises(IntegrityError):
        signer.sign_past(5, bytes(32), [])
    with pytest.raises(UsageError, match="there is no head of"):
        owner.sequencer.head_at(999)
    assert parse_body(parse_note(owner.sequencer.head_at(5))[0]).size == 5
    assert owner.sequencer.published == 22


# --- the texts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["", "restart", "restart a 1 00 b 1 00", "restart a -1 {root} {vkey} 1 {root}",
     "restart a 1 {root} {vkey} 1 {root} x", "restart b 1 {root} {vkey} 1 {root}",
     "restart a 01 {root} {vkey} 1 {root}"],
)  # fmt: skip
def test_what_is_no_origin_is_an_error_of_ours(line):
    vkey = Vkey.of("a", bytes(32))
    good = Restart("a", 1, bytes(32), vkey, 1, bytes(32))
    text = Origins(bytes(16), (good,)).body()
    assert parse_origins(text).restarts == (good,)
    line = line.format(root="00" * 32, vkey=vkey.encode())
    with pytest.raises(IntegrityError):
        parse_origins(text.replace(good.line(), line))


def test_the_note_of_a_backup_reads_back():
    note = BackupNote("a", bytes(16), 5, bytes(32), START_US, (BackupFile("manifest", 3, "00"),))
    assert parse_backup_note(note.body()) == note
    for wrong in ("", "x\n", note.body()[:-3], note.body().replace("file manifest", "file ../x")):
        with pytest.raises(IntegrityError):
            parse_backup_note(wrong)


def test_an_archive_cannot_write_outside(tmp_path, owner, restored):
    import io
    import tarfile

    for name in ("../evil", "/evil", "wal/0/evil", "x/evil", "payload/../../evil"):
        with tarfile.open(tmp_path / "evil.tar", "w") as tar:
            entry = tarfile.TarInfo(name)
            entry.size = 1
            tar.addfile(entry, io.BytesIO(b"x"))
        with pytest.raises(InputError):
            restored(tmp_path / "evil.tar")
        assert not (tmp_path / "evil").exists()
