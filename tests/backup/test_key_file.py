"""Keys in a file under a passphrase."""

import pytest

from whodid.backup.key_file import read_key_file, write_key_file
from whodid.errors import (
    AccessDeniedError,
    FormatError,
    InputError,
    IntegrityError,
    TooLargeError,
    UsageError,
)
from whodid.storage.posix import PosixDisk

PASS = "correct horse battery"


@pytest.fixture(autouse=True)
def light(monkeypatch):
    monkeypatch.setattr("whodid.backup.key_file.KEY_FILE_SCRYPT_LOG2", 10)


@pytest.fixture
def file(owner, tmp_path):
    path = tmp_path / "keys.whodid"
    write_key_file(path, owner.keys, PASS, PosixDisk())
    return path


def test_what_was_written_is_read(owner, file):
    keys = read_key_file(file, PASS)
    assert keys.ledger_id == owner.keys.ledger_id
    assert keys.origin == "log.example/whodid/hand"
    assert set(keys.files) == {
        "access.key", "doors.key", "identity.key", "kek-1.key", "kek-1.pub", "log.key", "log.vkey",
    }  # fmt: skip
    for name, data in keys.files.items():
        assert data == (owner.keys.path / name).read_bytes()
    assert file.stat().st_mode & 0o077 == 0


def test_nothing_of_them_is_in_the_clear(owner, file):
    data = file.read_bytes()
    for path in owner.keys.path.glob("*.key"):
        assert path.read_bytes().strip() not in data
        assert bytes.fromhex(path.read_text()) not in data


def test_the_wrong_passphrase_opens_nothing(file):
    with pytest.raises(AccessDeniedError, match="wrong passphrase"):
        read_key_file(file, PASS + "!")


def test_each_altered_byte_is_an_error_of_ours(file):
    data = file.read_bytes()
    for at in [*range(40), len(data) - 1]:
        changed = bytearray(data)
        changed[at] ^= 1
        file.write_bytes(changed)
        with pytest.raises((AccessDeniedError, FormatError, InputError, IntegrityError)):
            read_key_file(file, PASS)


@pytest.mark.parametrize("size", [0, 5, 8, 30])
def test_a_part_of_it_is_none(file, size):
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises((InputError, IntegrityError)):
        read_key_file(file, PASS)


def test_what_is_too_large_is_not_read(file):
    with file.open("r+b") as out:
        out.truncate(1 << 30)
    with pytest.raises(TooLargeError):
        read_key_file(file, PASS)


def test_a_short_passphrase_and_a_file_that_is_there(owner, file):
    with pytest.raises(UsageError, match="at least 12"):
        write_key_file(file.with_name("other"), owner.keys, "short", PosixDisk())
    with pytest.raises(UsageError, match="exists"):
        write_key_file(file, owner.keys, PASS, PosixDisk())
