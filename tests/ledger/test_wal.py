"""The write-ahead log: chain, recovery, recycling."""

import errno

import pytest

from ledger_kit import FaultyDisk
from whodid.errors import IntegrityError, RefusedError, StoppedError
from whodid.ledger.wal import Wal
from whodid.ledger.wal_record import FILE_HEADER_BYTES, RECORD_HEADER_BYTES
from whodid.ledger.wal_scan import WalScan
from whodid.storage.posix import PosixDisk

LEDGER = bytes(range(16))
FILE_BYTES = 4096


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "wal").mkdir()
    return tmp_path


def start(folder, disk=None, mark=0):
    """Return a log that goes on behind what is in the folder."""
    scan = WalScan(folder, LEDGER)
    for _ in scan.records():
        pass
    scan.durable_lsn = max(scan.durable_lsn, mark)
    wal = Wal(folder, LEDGER, FILE_BYTES, disk or PosixDisk())
    try:
        wal.resume(scan)
    except BaseException:
        wal.close()
        raise
    return wal


def bodies(folder):
    return [record.body for record in WalScan(folder, LEDGER).records()]


def filled(folder, count, size=1000, each=1):
    """Write `count` records, `each` a group, and close."""
    wal = start(folder)
    written = [b"%04d" % i + b"." * (size - 4) for i in range(count)]
    for i, body in enumerate(written):
        wal.append(body)
        if (i + 1) % each == 0:
            wal.sync()
    wal.sync()
    wal.close()
    return written


def names(folder):
    return sorted(path.name for path in (folder / "wal").iterdir())


def test_what_was_synced_is_read(folder):
    written = filled(folder, 10)
    assert bodies(folder) == written
    wal = start(folder)
    assert (wal.last_lsn, wal.durable_lsn) == (10, 10)
    assert len(wal.files()) == 4
    assert wal.append(b"more") == 11
    wal.sync()
    wal.close()
    assert bodies(folder) == [*written, b"more"]


def test_nothing_is_there_before_sync(folder):
    wal = start(folder)
    wal.append(b"lost")
    assert wal.durable_lsn == 0
    wal.close()
    assert bodies(folder) == []


def test_a_group_over_several_files(folder):
    written = filled(folder, 10, each=10)
    assert bodies(folder) == written
    scan = WalScan(folder, LEDGER)
    assert len(list(scan.records())) == 10
    assert scan.durable_lsn == 0
    assert set(scan.doubtful.values()) == {FILE_HEADER_BYTES}
    assert len(scan.doubtful) == 4


def test_the_doubtful_part_is_the_last_group(folder):
    filled(folder, 5)
    scan = WalScan(folder, LEDGER)
    records = list(scan.records())
    assert scan.durable_lsn == 4
    assert scan.doubtful == {scan.files[-1].path: records[-1].offset}


def test_the_doubtful_part_is_written_again_at_a_start(folder):
    filled(folder, 5)
    disk = FaultyDisk()
    offsets = []
    disk.write_at = lambda fd, data, offset: offsets.append((offset, len(data)))
    start(folder, disk).close()
    # The fifth record is the second of its file, the fourth was its first.
    assert offsets == [(FILE_HEADER_BYTES + 1112, 1112)]


def test_a_record_larger_than_a_file_is_refused(folder):
    wal = start(folder)
    largest = FILE_BYTES - FILE_HEADER_BYTES - RECORD_HEADER_BYTES
    with pytest.raises(RefusedError, match="larger"):
        wal.append(bytes(largest + 1))
    wal.append(bytes(largest))
    wal.sync()
    wal.close()


@pytest.mark.parametrize("keep", [0, 1, 60, 111, 112, 300, 1111])
def test_a_torn_tail_is_zeroed(folder, keep):
    written = filled(folder, 5)
    scan = WalScan(folder, LEDGER)
    last = list(scan.records())[-1]
    path = scan.files[-1].path
    data = bytearray(path.read_bytes())
    data[last.offset + keep : last.end] = bytes(last.end - last.offset - keep)
    path.write_bytes(data)
    start(folder).close()
    assert bodies(folder) == written[:4]
    assert not path.read_bytes()[last.offset :].strip(b"\0")


def test_a_torn_tail_below_the_mark_stops(folder):
    filled(folder, 5)
    scan = WalScan(folder, LEDGER)
    last = list(scan.records())[-1]
    path = scan.files[-1].path
    data = bytearray(path.read_bytes())
    data[last.end - 1] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match="record 5 was durable") as caught:
        start(folder, mark=5)
    assert str(path) in str(caught.value)
    assert f"offset {last.offset}" in str(caught.value)
    assert path.read_bytes() == data, "nothing is healed"


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_a_broken_durable_record_stops(folder, number):
    filled(folder, 5)
    scan = WalScan(folder, LEDGER)
    record = list(scan.records())[number]
    path = scan.files[number // 3].path
    data = bytearray(path.read_bytes())
    data[record.offset + 200] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match=f"record {number + 1} was durable") as caught:
        start(folder)
    assert f"{path} offset {record.offset}" in str(caught.value)


def test_bytes_behind_a_file_that_was_left_are_a_fault(folder):
    filled(folder, 5)
    path = folder / "wal" / f"{1:016d}"
    data = bytearray(path.read_bytes())
    data[-1] = 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match="outside of the chain"):
        start(folder)
    assert path.read_bytes()[-1] == 1


def test_a_missing_file_in_the_middle_stops(folder):
    filled(folder, 10)
    (folder / "wal" / f"{2:016d}").unlink()
    with pytest.raises(IntegrityError, match="was durable"):
        start(folder)


@pytest.mark.parametrize("content", [b"", bytes(FILE_BYTES), b"torn header"])
def test_a_new_file_that_was_never_begun_is_removed(folder, content):
    written = filled(folder, 3)
    (folder / "wal" / f"{2:016d}").write_bytes(content)
    wal = start(folder)
    assert len(wal.files()) == 1
    wal.append(bytes(2000))
    wal.sync()
    wal.close()
    assert bodies(folder) == [*written, bytes(2000)]


def test_a_group_of_which_only_the_second_file_arrived(folder):
    written = filled(folder, 3)
    wal = start(folder)
    wal.append(b"x" * 100)
    wal.append(b"y" * 2000)
    wal.sync()
    wal.close()
    first = folder / "wal" / f"{1:016d}"
    data = bytearray(first.read_bytes())
    end = WalScan(folder, LEDGER)
    end = list(end.records())[2].end
    data[end:] = bytes(len(data) - end)
    first.write_bytes(data)
    start(folder).close()
    assert bodies(folder) == written
    assert f"{2:016d}" not in names(folder)


def test_files_of_another_ledger_are_not_taken(folder):
    filled(folder, 3)
    scan = WalScan(folder, b"another ledger!!")
    assert list(scan.records()) == []
    assert "another ledger" in scan.breaks[0].reason


def test_leftovers_and_spares_of_another_size_are_removed(folder):
    filled(folder, 3)
    wal = folder / "wal"
    (wal / "spare-0000000000000009").write_bytes(bytes(10))
    (wal / "x.tmp").write_bytes(b"")
    (wal / "0000000000000000.dirty").write_bytes(b"")
    start(folder).close()
    assert [n for n in names(folder) if n.endswith((".tmp", ".dirty", "9"))] == []


# --- recycling -----------------------------------------------------------------------------------


def test_released_files_become_spares_of_zeros(folder):
    filled(folder, 7)
    wal = start(folder)
    wal.release(4)
    assert len(wal.files()) == 2
    wal.release(99)
    assert len(wal.files()) == 1, "the newest stays"
    wal.close()
    spares = [path for path in (folder / "wal").iterdir() if path.name.startswith("spare-")]
    assert spares
    assert all(not path.read_bytes().strip(b"\0") for path in spares)
    assert all(path.stat().st_size == FILE_BYTES for path in spares)
    assert len(bodies(folder)) == 1


def test_a_spare_is_used(folder):
    wal = start(folder)
    wal.append(b"a")
    wal.sync()
    wal.close()
    spare = folder / "wal" / "spare-0000000000000001"
    inode = spare.stat().st_ino
    wal = start(folder)
    wal.append(bytes(3800))
    wal.sync()
    wal.close()
    assert (folder / "wal" / f"{2:016d}").stat().st_ino == inode


@pytest.mark.parametrize("mode", ["lost", "kept"])
def test_a_file_that_cannot_be_given_back(folder, mode):
    filled(folder, 7)
    disk = FaultyDisk()
    wal = start(folder, disk)
    disk.arm("rename", r"\.dirty$", mode)
    if mode == "lost":
        with pytest.raises(OSError, match="as the test wants"):
            wal.release(4)
        assert len(wal.files()) == 3
        wal.release(4)
    else:
        wal.release(4)
    assert disk.spent
    assert len(wal.files()) == 2
    wal.append(b"more")
    wal.sync()
    wal.close()
    assert bodies(folder)[-1] == b"more"


@pytest.mark.parametrize(
    ("kind", "pattern"), [("write_at", "dirty"), ("sync_data", "dirty"), ("rename", "spare")]
)
@pytest.mark.parametrize("mode", ["lost", "torn"])
def test_a_file_that_cannot_be_zeroed_is_dropped(folder, kind, pattern, mode):
    filled(folder, 7)
    disk = FaultyDisk()
    wal = start(folder, disk)
    disk.arm(kind, pattern, mode)
    wal.release(4)
    wal.close()
    assert disk.spent
    assert not [n for n in names(folder) if n.endswith(".dirty")]
    assert all(
        not path.read_bytes().strip(b"\0")
        for path in (folder / "wal").iterdir() if path.name.startswith("spare-")
    )  # fmt: skip


# --- faults of appending -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["lost", "torn", "kept"])
@pytest.mark.parametrize("kind", ["write_at", "sync_data"])
def test_a_failed_write_or_fsync_stops(folder, kind, mode):
    written = filled(folder, 2)
    disk = FaultyDisk()
    wal = start(folder, disk)
    wal.append(b"doubtful")
    disk.arm(kind, "0000001$", mode)
    with pytest.raises(StoppedError, match="fsync failed" if kind == "sync_data" else "write"):
        wal.sync()
    wal.close()
    start(folder).close()
    assert bodies(folder) in ([*written, b"doubtful"], written)


@pytest.mark.parametrize("mode", ["lost", "torn", "kept"])
@pytest.mark.parametrize("kind", ["preallocate", "rename", "sync_folder"])
def test_a_file_that_cannot_be_made_is_a_refusal(folder, kind, mode):
    disk = FaultyDisk()
    wal = start(folder, disk)
    disk.arm(kind, "wal", mode, errno.ENOSPC)
    with pytest.raises(RefusedError, match="disk is full"):
        wal.append(b"first")
    assert disk.spent
    assert wal.append(b"again") == 1
    wal.sync()
    wal.close()
    assert bodies(folder) == [b"again"]
    start(folder).close()
    assert bodies(folder) == [b"again"]


def test_a_refused_roll_leaves_a_log_that_starts(folder):
    written = filled(folder, 3)
    for path in (folder / "wal").glob("spare-*"):
        path.unlink()
    disk = FaultyDisk()
    wal = start(folder, disk)
    disk.arm("sync_folder", "wal", "kept", errno.ENOSPC)
    with pytest.raises(RefusedError):
        wal.append(bytes(2000))
    wal.close()
    start(folder).close()
    assert bodies(folder) == written
