"""One altered byte anywhere is found, and the file and its entries are named."""

import sqlite3

import pytest

MASKS = (0x01, 0x80, 0xFF)


def spots(data, count, start=0, end=None):
    """Return about `count` offsets spread over [start, end), the first and the last among them."""
    end = len(data) if end is None else end
    step = max((end - start) // count, 1)
    return sorted({*range(start, end, step), end - 1})


def found_at(sample, copy, flip, path, offset, number, **options):
    """Alter one byte, verify, put it back; return the verdict."""
    mask = MASKS[number % len(MASKS)]
    flip(path, offset, mask)
    try:
        return sample.verify(copy, **options)
    finally:
        flip(path, offset, mask)


def files(folder, pattern):
    return sorted(path for path in folder.glob(pattern) if path.is_file())


SIGNED = ["checkpoint", "checkpoints.log", "manifest"]
SEALED = ["leaves/*", "payload/*", "identity/*"]


@pytest.mark.parametrize("pattern", SIGNED + SEALED)
def test_any_byte_of_a_file_that_is_signed_or_sealed(sample, copy, flip, pattern):
    check_files(sample, copy, flip, pattern, 8)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", SIGNED + SEALED)
def test_many_bytes_of_a_file_that_is_signed_or_sealed(sample, copy, flip, pattern):
    check_files(sample, copy, flip, pattern, 120)


def check_files(sample, copy, flip, pattern, count):
    paths = files(copy, pattern)
    assert paths
    for path in paths:
        where = path.relative_to(copy).as_posix()
        for number, offset in enumerate(spots(path.read_bytes(), count)):
            verdict = found_at(sample, copy, flip, path, offset, number)
            assert not verdict.ok, f"{where} offset {offset}"
            assert where in {fault.where for fault in verdict.faults}, verdict.faults
            if pattern in {"leaves/*", "payload/*"}:
                first, count_here = (int(part) for part in path.name.split("-")[:2])
                entries = [fault.entry for fault in verdict.faults if fault.where == where]
                assert all(first <= entry < first + count_here for entry in entries)
    assert sample.verify(copy).ok


def test_the_altered_frame_of_a_block_is_named(sample, copy, flip):
    block = next(path for path in files(copy, "payload/*") if "-0301-" in path.name)
    flip(block, len(block.read_bytes()) - 5)  # its second frame: rows 256 to 300
    verdict = sample.verify(copy)
    assert [fault.entry for fault in verdict.faults] == [72, 72 + 256]
    assert "altered" in verdict.faults[0].problem
    assert "frame 1 is altered" in verdict.faults[1].problem


@pytest.mark.parametrize("count", [25, pytest.param(200, marks=pytest.mark.slow)])
def test_any_byte_of_the_write_ahead_log(sample, copy, flip, count):
    paths = files(copy, "wal/0*")
    assert len(paths) >= 2
    for path in paths:
        data = path.read_bytes()
        for number, offset in enumerate(spots(data, count)):
            verdict = found_at(sample, copy, flip, path, offset, number)
            where = path.relative_to(copy).as_posix()
            assert not verdict.ok, f"{where} offset {offset}"
            named = next(fault for fault in verdict.faults if fault.where == where)
            if data[offset]:
                assert named.entry is not None
    assert sample.verify(copy).ok


def test_a_byte_of_a_spare_file(make_ledger, tmp_path, flip):
    ledger = make_ledger(tmp_path)
    ledger.open()
    ledger.add(400)  # rolls over, which makes a spare
    ledger.close()
    [spare] = files(ledger.directory, "wal/spare-*")
    assert ledger.verify().ok
    flip(spare, 20_000)
    [fault] = ledger.verify().faults
    assert fault.where == f"wal/{spare.name}"
    assert "offset 20000" in fault.problem


def cells(path, query):
    with sqlite3.connect(f"file:{path}?immutable=1", uri=True) as db:
        found = [row[0] for row in db.execute(query)]
    db.close()
    return found


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("keys.db", "SELECT wrapped FROM data_keys"),
        ("keys.db", "SELECT key_id FROM data_keys"),
        ("state.db", "SELECT source_id FROM sources"),
        ("state.db", "SELECT CAST(domain AS BLOB) FROM sources"),
    ],
)
def test_what_matters_in_a_database(sample, copy, flip, name, query):
    path = copy / name
    data = path.read_bytes()
    for value in cells(path, query):
        at = data.find(value)
        assert at > 0
        for number, offset in enumerate(spots(value, 4)):
            verdict = found_at(sample, copy, flip, path, at + offset, number)
            assert not verdict.ok, f"{name} offset {at + offset}"


def test_the_pages_of_a_database(sample, copy, flip):
    for name in ("keys.db", "state.db"):
        for offset in (0, 16, 60, 100, 101, 105):  # headers of the file and of its first page
            verdict = found_at(sample, copy, flip, copy / name, offset, 2)
            assert not verdict.ok, f"{name} offset {offset}"
            assert any(fault.where == name for fault in verdict.faults)


def test_with_the_public_key_alone_what_is_not_payload_is_found(sample, copy, flip):
    vkey = sample.keys.vkey()
    for pattern in (*SIGNED, *SEALED, "wal/0*"):
        for path in files(copy, pattern):
            for number, offset in enumerate(spots(path.read_bytes(), 2)):
                verdict = found_at(sample, copy, flip, path, offset, number, keys=None, vkey=vkey)
                assert not verdict.ok, f"{path.name} offset {offset}"
