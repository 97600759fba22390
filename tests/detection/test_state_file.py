"""The state of detection on disk: nobody without the keys reads or makes one."""

import os

import pytest

from ledger_kit import Hand
from whodid.detection.state_file import StateFile
from whodid.errors import FormatError, IntegrityError, LedgerError


@pytest.fixture
def hand(tmp_path):
    return Hand(tmp_path)


def test_what_was_kept_is_read_again_and_not_in_the_clear(hand):
    file = StateFile(hand.directory, hand.keys, "state")
    assert file.read() is None
    file.write(b"alice read payroll " * 100)
    assert StateFile(hand.directory, hand.keys, "state").read() == b"alice read payroll " * 100
    assert b"payroll" not in file.path.read_bytes()
    assert file.path.stat().st_mode & 0o77 == 0
    file.write(b"")
    assert file.read() == b""


def test_every_altered_byte_is_noticed(hand):
    file = StateFile(hand.directory, hand.keys, "state")
    file.write(os.urandom(50))
    whole = file.path.read_bytes()
    for at in range(len(whole)):
        file.path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(LedgerError):
            file.read()
    for size in range(len(whole)):
        file.path.write_bytes(whole[:size])
        with pytest.raises(IntegrityError):
            file.read()
    file.path.write_bytes(whole)
    assert len(file.read()) == 50


def test_a_state_of_another_name_ledger_or_format_is_none_of_ours(hand, tmp_path):
    file = StateFile(hand.directory, hand.keys, "state")
    file.write(b"of the state")
    other = StateFile(hand.directory, hand.keys, "alerts")
    other.path.write_bytes(file.path.read_bytes())
    with pytest.raises(IntegrityError):
        other.read()
    (tmp_path / "b").mkdir()
    elsewhere = Hand(tmp_path / "b")
    foreign = StateFile(elsewhere.directory, elsewhere.keys, "state")
    foreign.path.parent.mkdir(exist_ok=True)
    foreign.path.write_bytes(file.path.read_bytes())
    with pytest.raises(IntegrityError, match="another ledger"):
        foreign.read()
    data = file.path.read_bytes()
    file.path.write_bytes(data[:7] + b"\x09" + data[8:])
    with pytest.raises(FormatError, match="newer"):
        file.read()
    file.set_aside()
    assert file.read() is None
    file.set_aside()
