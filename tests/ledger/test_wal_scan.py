"""Every byte of the write-ahead log is part of the chain, a zero, or found."""

import mmap

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from whodid.ledger.wal import Wal
from whodid.ledger.wal_record import RECORD_MAGIC, encode_record
from whodid.ledger.wal_scan import WalScan, first_nonzero
from whodid.storage.posix import PosixDisk

LEDGER = bytes(range(16))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    (folder / "wal").mkdir()
    wal = Wal(folder, LEDGER, 1024, PosixDisk())
    for number in range(9):
        wal.append(bytes([number]) * 200)
        wal.sync()
    wal.close()
    return folder


def scanned(folder):
    scan = WalScan(folder, LEDGER)
    return scan, [record.body[0] for record in scan.records()]


def test_the_whole_chain(folder):
    scan, found = scanned(folder)
    assert found == list(range(9))
    assert (scan.last_lsn, scan.durable_lsn, scan.breaks) == (9, 8, [])
    assert [(f.first_lsn, f.last_lsn) for f in scan.files] == [
        (1, 2),
        (3, 4),
        (5, 6),
        (7, 8),
        (9, 9),
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_altered_byte_is_found(folder, data):
    path = data.draw(st.sampled_from(WalScan(folder, LEDGER).paths()))
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    altered = bytearray(whole)
    altered[at] ^= data.draw(st.integers(1, 255))
    try:
        path.write_bytes(altered)
        scan, found = scanned(folder)
    finally:
        path.write_bytes(whole)
    assert scan.breaks
    assert scan.breaks[0].path == path
    assert scan.breaks[0].offset <= at
    assert found == list(range(len(found)))


def test_a_cut_file_is_found(folder):
    path = WalScan(folder, LEDGER).paths()[0]
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:300])
        scan, found = scanned(folder)
    finally:
        path.write_bytes(whole)
    assert scan.breaks
    assert found == []
    assert scan.durable_lsn == 8, "what stands behind the break says how far the disk had come"


def test_a_record_inside_a_body_is_no_record(tmp_path):
    (tmp_path / "wal").mkdir()
    wal = Wal(tmp_path, LEDGER, 4096, PosixDisk())
    header, _ = encode_record(LEDGER, 1, 2, 10**6, bytes(32), b"x")
    wal.append(header + b"x")
    wal.sync()
    wal.close()
    scan, _ = scanned(tmp_path)
    assert (scan.breaks, scan.durable_lsn) == ([], 0)


def test_a_file_under_another_name(folder, tmp_path):
    (tmp_path / "wal").mkdir()
    first = WalScan(folder, LEDGER).paths()[0]
    (tmp_path / "wal" / f"{5:016d}").write_bytes(first.read_bytes())
    scan, found = scanned(tmp_path)
    assert found == []
    assert "under another name" in scan.breaks[0].reason


def test_two_files_swapped(folder, tmp_path):
    (tmp_path / "wal").mkdir()
    paths = WalScan(folder, LEDGER).paths()
    order = [paths[0], paths[2], paths[1], *paths[3:]]
    for name, path in zip(paths, order, strict=True):
        (tmp_path / "wal" / name.name).write_bytes(path.read_bytes())
    scan, found = scanned(tmp_path)
    assert found == [0, 1]
    assert scan.breaks


def test_no_folder_is_an_empty_log(tmp_path):
    scan, found = scanned(tmp_path)
    assert (found, scan.breaks, scan.last_lsn) == ([], [], 0)


@given(st.integers(0, 3 << 19), st.integers(0, 3 << 19))
@settings(max_examples=20)
def test_first_nonzero(at, start):
    with mmap.mmap(-1, (3 << 19) + 1) as mapped:
        mapped[at] = 7
        assert first_nonzero(mapped, start) == (at if at >= start else None)


def test_the_magic_is_part_of_the_format():
    assert RECORD_MAGIC == b"WREC"
