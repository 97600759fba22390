"""Moving a ledger to another folder."""

import shutil

import pytest

from whodid.backup.adopt import adopting
from whodid.errors import IntegrityError, LedgerError, UsageError
from whodid.ledger.opening import open_ledger
from whodid.ledger.writer_lock import is_writable_directory


def adopt(owner, place):
    with adopting(place, keys_root=owner.keys_root, clock=owner.clock, settings=owner.settings) as (
        _,
        former,
    ):
        return former


def copied(owner, tmp_path, name="copy"):
    owner.close()
    return shutil.copytree(owner.directory, tmp_path / name)


def test_the_copy_becomes_the_ledger_and_the_former_a_copy(owner, tmp_path):
    copy = copied(owner, tmp_path)
    former = owner.directory
    assert adopt(owner, copy) == str(former.resolve())
    assert is_writable_directory(owner.keys, copy)
    assert not is_writable_directory(owner.keys, former)
    owner.directory = copy
    owner.open()
    owner.add([40])
    owner.check()
    with pytest.raises(LedgerError, match="read-only copy"):
        open_ledger(former, keys_root=owner.keys_root, settings=owner.settings)


def test_not_while_it_is_being_written(owner, tmp_path):
    copy = shutil.copytree(owner.directory, tmp_path / "copy")
    with pytest.raises(LedgerError, match="another process writes"):
        adopt(owner, copy)
    owner.add([40])


def test_not_an_older_copy(owner, tmp_path):
    copy = copied(owner, tmp_path)
    owner.open()
    owner.add([40])
    owner.close()
    with pytest.raises(IntegrityError, match="older copy was put in place"):
        adopt(owner, copy)
    owner.open()
    owner.check()


def test_not_a_copy_that_lacks_what_was_acknowledged_last(owner, tmp_path):
    owner.publish()
    owner.reopen()
    copy = copied_live(owner, tmp_path)
    owner.add([40])  # durable and acknowledged, and not yet in a signed head
    owner.kill()
    with pytest.raises(LedgerError, match="copy the folder again"):
        adopt(owner, copy)
    owner.open()
    owner.check()


def copied_live(owner, tmp_path):
    owner.kill()
    copy = shutil.copytree(owner.directory, tmp_path / "copy")
    owner.open()
    return copy


def test_not_twice_and_not_a_backup(owner, tmp_path):
    with pytest.raises(UsageError, match="already"):
        adopt(owner, owner.directory)
    owner.backup(tmp_path / "b")
    owner.close()
    with pytest.raises(LedgerError, match="is a backup"):
        adopt(owner, tmp_path / "b")


def test_a_failure_within_leaves_the_former_one_bound(owner, tmp_path):
    copy = copied(owner, tmp_path)
    with (
        pytest.raises(ZeroDivisionError),
        adopting(copy, keys_root=owner.keys_root, clock=owner.clock, settings=owner.settings),
    ):
        raise ZeroDivisionError
    assert is_writable_directory(owner.keys, owner.directory)
    owner.open()


def test_the_former_folder_may_be_gone(owner, tmp_path):
    copy = copied(owner, tmp_path)
    shutil.rmtree(owner.directory)
    adopt(owner, copy)
    owner.directory = copy
    owner.open()
    owner.check()
