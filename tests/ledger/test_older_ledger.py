"""A ledger whose blocks have no hashes of their frames is read, verified and gone on with."""

import pytest

from older_ledger import seal_as_before
from whodid.errors import IntegrityError
from whodid.ledger.manifest import read_manifest
from whodid.ledger.reader import LedgerReader


@pytest.fixture
def older(make_ledger, tmp_path, monkeypatch):
    ledger = make_ledger(tmp_path)
    with monkeypatch.context() as patch:
        seal_as_before(patch)
        ledger.open()
        ledger.add(70)
        ledger.seal()
        ledger.close()
    return ledger


def rows_of(ledger):
    reader = LedgerReader(ledger.directory, ledger.keys)
    try:
        return [(row.leaf_bytes, row.groups) for row in reader.rows(0, reader.size)]
    finally:
        reader.close()


def test_it_is_read_and_gone_on_with(older):
    manifest = older.directory / "manifest"
    assert b"whodid manifest 1\n" in manifest.read_bytes()
    verdict = older.verify()
    assert verdict.faults == []
    assert verdict.opened == verdict.leaves
    before = rows_of(older)
    older.open()
    older.add(40)
    older.seal()
    older.close()
    assert b"whodid manifest 2\n" in manifest.read_bytes()
    files = read_manifest(older.directory, older.keys.vkey()).files
    heads = [bool(file.head) for file in files if file.path.startswith("payload/")]
    assert heads == [False, True]
    after = rows_of(older)
    assert after[: len(before)] == before
    assert all(groups for _, groups in after[len(before) + 1 :][:39])
    verdict = older.verify()
    assert verdict.faults == []
    assert verdict.opened == verdict.leaves


def test_what_is_altered_in_it_is_found(older):
    [path] = (older.directory / "payload").iterdir()
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityError, match="its SHA-256 is not the manifest's"):
        rows_of(older)
    assert any("altered" in fault.problem for fault in older.verify().faults)
