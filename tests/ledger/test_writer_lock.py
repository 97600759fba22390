"""One writer, one writable DIR."""

import json
import shutil
import threading
import time

import pytest

from ledger_kit import Hand
from whodid.errors import IntegrityError, LedgerError, UsageError
from whodid.ledger.layout import MARKER
from whodid.ledger.opening import Settings, init_ledger, keys_of, open_ledger
from whodid.ledger.reader import LedgerReader
from whodid.ledger.writer_lock import INSTANCE, WriterLock, bind, is_writable_directory
from whodid.storage.posix import PosixDisk


@pytest.fixture
def hand(tmp_path):
    hand = Hand(tmp_path).open()
    yield hand
    hand.close()


def test_a_second_writer_is_refused(hand):
    with pytest.raises(LedgerError, match="another process writes"):
        open_ledger(hand.directory, keys_root=hand.keys_root, settings=Settings(lock_wait_s=0.1))
    hand.add([1])
    hand.check()


def test_it_waits_for_the_first_to_end(hand):
    lock = WriterLock(hand.keys)
    timer = threading.Timer(0.1, hand.close)
    timer.start()
    started = time.monotonic()
    lock.acquire(600)
    assert time.monotonic() - started < 60
    timer.join()
    lock.release()
    lock.release()


def test_a_failed_opening_gives_the_lock_back(hand):
    hand.close()
    manifest = hand.directory / "manifest"
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-5])
    with pytest.raises((IntegrityError, Exception)):
        hand.open()
    manifest.write_bytes(whole)
    hand.open()


def test_a_copy_is_read_only(hand, tmp_path):
    hand.add([1, 2])
    hand.close()
    copy = tmp_path / "copy"
    shutil.copytree(hand.directory, copy)
    assert is_writable_directory(hand.keys, hand.directory)
    assert not is_writable_directory(hand.keys, copy)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    with pytest.raises(LedgerError, match="read-only copy"):
        open_ledger(copy, keys_root=hand.keys_root, settings=hand.settings)
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before
    reader = LedgerReader(copy, hand.keys)
    assert reader.size == 4
    assert [row.type for row in reader.rows(0, 4)] == [2, 2, 1, 1]
    reader.close()


def test_a_renamed_folder_is_still_the_writable_one(hand, tmp_path):
    hand.close()
    hand.directory = hand.directory.rename(tmp_path / "elsewhere")
    hand.open()


def rebind(hand, **changed):
    path = hand.keys.path / INSTANCE
    bound = json.loads(path.read_bytes())
    path.write_text(json.dumps({**bound, **changed}))
    return bound


def test_a_reboot_that_numbers_devices_anew_locks_nobody_out(hand):
    hand.close()
    bound = rebind(hand, device=12345)
    assert is_writable_directory(hand.keys, hand.directory)
    hand.open()  # and what is bound is what is there now
    assert json.loads((hand.keys.path / INSTANCE).read_bytes()) == bound


def test_another_device_at_another_path_is_a_copy(hand):
    rebind(hand, device=12345, directory="/elsewhere")
    assert not is_writable_directory(hand.keys, hand.directory)


@pytest.mark.parametrize("content", [None, b"", b"0" * 32])
def test_a_folder_with_another_marker_is_a_copy(hand, content):
    marker = hand.directory / MARKER
    if content is None:
        marker.unlink()
    else:
        marker.write_bytes(content)
    assert not is_writable_directory(hand.keys, hand.directory)


def test_a_folder_filled_again_in_place_is_a_copy(hand):
    marker = hand.directory / MARKER
    name = marker.read_bytes()
    (hand.directory / "taken").write_bytes(b"")  # or the file system might give the inode again
    other = marker.with_name("other")
    other.write_bytes(name)
    other.rename(marker)
    assert not is_writable_directory(hand.keys, hand.directory)


def test_a_binding_of_before_there_were_markers_gets_one(hand):
    hand.close()
    (hand.directory / MARKER).unlink()
    rebind(hand, marker_inode=0)
    assert is_writable_directory(hand.keys, hand.directory)
    hand.open()
    assert (hand.directory / MARKER).is_file()
    assert is_writable_directory(hand.keys, hand.directory)


def test_binding_another_one(hand, tmp_path):
    hand.close()
    copy = tmp_path / "copy"
    shutil.copytree(hand.directory, copy)
    bind(hand.keys, copy, PosixDisk())
    assert not is_writable_directory(hand.keys, hand.directory)
    sequencer, lock = open_ledger(copy, keys_root=hand.keys_root, settings=hand.settings)
    sequencer.close()
    lock.release()
    bind(hand.keys, hand.directory, PosixDisk())


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_without_a_binding_nothing_is_writable(hand, content):
    path = hand.keys.path / INSTANCE
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    assert not is_writable_directory(hand.keys, hand.directory)


def test_a_ledger_is_made_only_in_an_empty_folder(hand, tmp_path):
    with pytest.raises(UsageError, match="not empty"):
        init_ledger(hand.directory, keys_root=hand.keys_root)
    with pytest.raises(UsageError, match="no ledger here"):
        keys_of(tmp_path / "nothing")


def test_without_keys_nothing_is_opened(hand, tmp_path):
    with pytest.raises(LedgerError, match="are not on this machine"):
        open_ledger(hand.directory, keys_root=tmp_path / "other")
