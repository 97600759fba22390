"""Rules, calendars and settings beside a ledger: in its backups, and back where they were."""

import msgspec
import pytest
import zstandard

from whodid.backup import setup as place_of_setup
from whodid.backup.folder import write
from whodid.backup.setup import SETUP, Setup, put_setup, read_setup
from whodid.errors import IntegrityError, LedgerError
from whodid.ledger.backup_note import read_backup_note

RULE = b"title: A\nid: x\n"


@pytest.fixture
def place(owner):
    folder = owner.directory / "rules" / "cloud"
    folder.mkdir(parents=True)
    (folder / "a.yml").write_bytes(RULE)
    (folder / "a.test.json").write_bytes(b"{}")
    (folder / "notes.txt").write_bytes(b"no rule")
    (owner.directory / "hours.yml").write_bytes(b"office: {}\n")
    (owner.directory / "whodid.toml").write_bytes(b"[detection]\n")
    return owner


@pytest.mark.parametrize("name", ["b", "b.tar", "b.tar.zst"])
def test_they_come_back_and_the_settings_under_another_name(place, restored, tmp_path, name):
    made = place.backup(tmp_path / name, named=("hours.yml",))
    assert (made.setup, made.left_out) == (4, ())
    if name == "b":
        note = read_backup_note(tmp_path / "b", place.keys.vkey())
        assert SETUP in {file.path for file in note.files}
        place.verified(tmp_path / "b")
    answer = restored(tmp_path / name)
    assert sorted(answer.setup) == [
        "hours.yml", "rules/cloud/a.test.json", "rules/cloud/a.yml", "whodid.toml",
    ]  # fmt: skip
    new = place.directory
    assert (new / "rules/cloud/a.yml").read_bytes() == RULE
    assert (new / "hours.yml").is_file()
    assert (new / "whodid.toml.restored").read_bytes() == b"[detection]\n"
    assert not (new / "whodid.toml").exists()
    assert not (new / SETUP).exists()


def test_an_altered_one_is_not_restored(place, restored, tmp_path):
    place.backup(tmp_path / "b")
    file = tmp_path / "b" / SETUP
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.chmod(0o600)
    file.write_bytes(data)
    with pytest.raises(IntegrityError, match="setup is missing or altered"):
        restored(tmp_path / "b")


def test_without_any_there_is_none(owner, tmp_path):
    made = owner.backup(tmp_path / "b")
    assert (made.setup, made.left_out) == (0, ())
    assert not (tmp_path / "b" / SETUP).exists()


def test_what_lies_elsewhere_is_said_to_be_left_out(place, tmp_path):
    secret = tmp_path / "secret.yml"
    secret.write_text("secret")
    (place.directory / "rules/link.yml").symlink_to(secret)
    (place.directory / "rules/more").symlink_to(tmp_path)
    outside = str(secret)
    found = read_setup(place.directory, (outside, "../secret.yml", "none.yml", "rules"))
    assert not any(b"secret" in data for data in found.files.values())
    assert set(found.left_out) == {outside, "../secret.yml", "rules/link.yml", "rules"}


def test_too_much_is_refused(place, monkeypatch):
    monkeypatch.setattr(place_of_setup, "BACKUP_SETUP_FILES_MAX", 2)
    with pytest.raises(LedgerError, match="keep them elsewhere"):
        read_setup(place.directory)
    monkeypatch.setattr(place_of_setup, "BACKUP_SETUP_FILES_MAX", 99)
    monkeypatch.setattr(place_of_setup, "BACKUP_SETUP_BYTES_MAX", 10)
    with pytest.raises(LedgerError):
        read_setup(place.directory)


def packed(files):
    return Setup(files).packed()


@pytest.mark.parametrize(
    "name",
    [
        "../a.yml", "/a.yml", "rules/../../a.yml", "state.db", "payload/00.yml.db", "",
        "payload/a.yml", "a\0.yml", "rules\\a.yml", "wal/x", "keys.db", "x/" * 40 + "a.yml",
    ],
)  # fmt: skip
def test_no_name_leaves_the_folder_or_is_a_part_of_the_ledger(tmp_path, name):
    (tmp_path / SETUP).write_bytes(packed({name: b"x"}))
    with pytest.raises(IntegrityError, match="which no backup has"):
        put_setup(tmp_path, write)
    assert [path.name for path in tmp_path.iterdir()] == [SETUP]


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "hours.yml").write_bytes(b"mine")
    (tmp_path / SETUP).write_bytes(packed({"hours.yml": b"x"}))
    with pytest.raises(IntegrityError, match="there already"):
        put_setup(tmp_path, write)
    assert (tmp_path / "hours.yml").read_bytes() == b"mine"


def test_what_is_no_such_file(tmp_path):
    good = packed({"rules/a.yml": b"x"})
    huge = zstandard.ZstdCompressor().compress(bytes(200 * 2**20))
    other = zstandard.ZstdCompressor().compress(msgspec.msgpack.encode([1]))
    for data in (b"", b"x", good[:-3], good[8:], good[:8] + huge, good[:8] + other):
        (tmp_path / SETUP).write_bytes(data)
        with pytest.raises(IntegrityError, match="not what a backup holds"):
            put_setup(tmp_path, write)
