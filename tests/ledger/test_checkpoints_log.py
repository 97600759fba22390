"""checkpoints.log: whole entries, what a crash leaves, what an altered byte leaves."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from whodid.ledger.checkpoints_log import (
    append_checkpoint,
    heal_checkpoints,
    is_torn,
    split_checkpoints,
)
from whodid.merkle.checkpoint import Checkpoint, sign_note
from whodid.storage.posix import PosixDisk

ORIGIN = "log.example/whodid/ünï"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))


def note(size):
    return sign_note(Checkpoint(ORIGIN, size, bytes(32)).body(), ORIGIN, KEY)


@pytest.mark.parametrize("size", [0, 9, 10, 123_456])
def test_every_cut_is_torn_and_no_altered_byte_is(size):
    entry = note(size).encode() + b"\n"
    for cut in range(len(entry)):
        notes, rest = split_checkpoints(entry[:cut])
        assert notes == []
        assert is_torn(rest, ORIGIN) == (cut < len(entry))
    for at in range(len(entry)):
        for mask in range(1, 256):
            altered = entry[:at] + bytes([entry[at] ^ mask]) + entry[at + 1 :]
            notes, rest = split_checkpoints(altered)
            assert not rest or not is_torn(rest, ORIGIN), (at, mask)


def test_a_torn_entry_is_cut_off_and_the_next_stands_apart(tmp_path):
    disk = PosixDisk()
    for size in (5, 17):
        append_checkpoint(tmp_path, note(size), disk)
    path = tmp_path / "checkpoints.log"
    whole = path.read_bytes()
    for cut in range(1, 200, 7):
        path.write_bytes(whole + note(99).encode()[:cut])
        heal_checkpoints(tmp_path, ORIGIN, disk)
        assert path.read_bytes() == whole
    append_checkpoint(tmp_path, note(99), disk)
    notes, rest = split_checkpoints(path.read_bytes())
    assert [item.note.decode() for item in notes] == [note(5), note(17), note(99)]
    assert [item.offset for item in notes] == [0, len(note(5).encode()) + 1, len(whole)]
    assert rest == b""


def test_what_is_altered_stays_to_be_found(tmp_path):
    path = tmp_path / "checkpoints.log"
    altered = note(5).encode() + b"X"
    path.write_bytes(altered)
    heal_checkpoints(tmp_path, ORIGIN, PosixDisk())
    assert path.read_bytes() == altered


def test_no_log_needs_no_healing(tmp_path):
    heal_checkpoints(tmp_path, ORIGIN, PosixDisk())
    assert list(tmp_path.iterdir()) == []
