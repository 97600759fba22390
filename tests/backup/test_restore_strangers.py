"""Restoring from a place that a stranger can write to: only what was signed comes in."""

import io
import sqlite3
import struct
import tarfile
import tracemalloc
from contextlib import closing

import pytest
import zstandard

from whodid.backup.archive import read_archive
from whodid.backup.key_file import Keys
from whodid.backup.restore import Wish, restore
from whodid.errors import InputError, IntegrityError, LedgerError, WhodidError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.row_mac import is_genuine, rows_of
from whodid.storage.posix import PosixDisk

PAGE, SECTOR, NONCE = 4096, 512, 7


def hot_journal(database):
    """Return a rollback journal that makes any database the given one (SQLite's file format, 4)."""
    pages = [database[at : at + PAGE] for at in range(0, len(database), PAGE)]
    head = bytes.fromhex("d9d505f920a163d7") + struct.pack(
        ">5I", len(pages), NONCE, len(pages), SECTOR, PAGE
    )
    records = []
    for number, page in enumerate(pages, 1):
        check = (NONCE + sum(page[at] for at in range(PAGE - 200, 0, -200))) & 0xFFFFFFFF
        records.append(struct.pack(">I", number) + page + struct.pack(">I", check))
    return head.ljust(SECTOR, b"\0") + b"".join(records)


def of_before_rows_were_signed(state, tmp_path):
    """Return state.db with its sources, unsigned, and a user whom nobody made."""
    path = tmp_path / "forged.db"
    path.write_bytes(state)
    with closing(sqlite3.connect(path)) as db:
        db.execute("ALTER TABLE sources DROP COLUMN mac")
        db.execute(
            "CREATE TABLE access_users (name TEXT PRIMARY KEY COLLATE NOCASE, role TEXT NOT NULL, "
            "password TEXT, created_us INTEGER NOT NULL) STRICT"
        )
        db.execute("INSERT INTO access_users VALUES ('mallory', 'investigator', NULL, 1)")
        db.commit()
        db.execute("VACUUM")
    return path.read_bytes()


def genuine_users(directory, keys):
    with closing(sqlite3.connect(directory / "state.db")) as db:
        there = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
        rows = rows_of(db.execute("SELECT * FROM access_users")) if "access_users" in there else []
    return [
        row["name"] for row in rows if is_genuine(keys.state_keys().access, "access_users", row)
    ]


@pytest.mark.parametrize("name", ["b", "b.tar"])
def test_a_journal_laid_beside_state_db_makes_nobody_a_user(owner, restored, tmp_path, name):
    owner.backup(tmp_path / name)
    journal = hot_journal(
        of_before_rows_were_signed((owner.directory / "state.db").read_bytes(), tmp_path)
    )
    if name.endswith(".tar"):
        with tarfile.open(tmp_path / name, "a") as tar:
            entry = tarfile.TarInfo("state.db-journal")
            entry.size = len(journal)
            tar.addfile(entry, io.BytesIO(journal))
        with pytest.raises(WhodidError, match=r"state\.db-journal"):
            restored(tmp_path / name)
        assert not (tmp_path / "new").exists()
        return
    (tmp_path / name / "state.db-journal").write_bytes(journal)
    restored(tmp_path / name)
    keys = KeyFolder(owner.keys.ledger_id, owner.keys_root)
    assert genuine_users(tmp_path / "new", keys) == []
    assert not (tmp_path / "new" / "state.db-journal").exists()


def test_rows_that_lost_their_signatures_are_not_backed_up(owner, tmp_path):
    state = owner.directory / "state.db"
    genuine = state.read_bytes()
    state.write_bytes(of_before_rows_were_signed(genuine, tmp_path))
    with pytest.raises(IntegrityError, match="lost their signatures"):
        owner.backup(tmp_path / "b")
    state.write_bytes(genuine)
    owner.backup(tmp_path / "b")


def test_a_forged_row_is_neither_signed_nor_in_the_way(owner, restored, tmp_path):
    older = all_keys(owner.keys)
    del older.files["access.key"]
    with closing(sqlite3.connect(owner.directory / "state.db")) as db:
        db.execute(
            "CREATE TABLE IF NOT EXISTS access_users (name TEXT PRIMARY KEY COLLATE NOCASE, "
            "role TEXT NOT NULL, password TEXT, created_us INTEGER NOT NULL, filter TEXT, "
            "deny TEXT NOT NULL DEFAULT '', version INTEGER NOT NULL DEFAULT 0, mac BLOB) STRICT"
        )
        db.execute(
            "INSERT INTO access_users (name, role, created_us) "
            "VALUES ('mallory', 'investigator', 1)"
        )
        db.commit()
    owner.backup(tmp_path / "b")
    other = tmp_path / "other-keys"
    with pytest.raises(LedgerError, match="newer file of keys"):
        restored(tmp_path / "b", keys_root=other, keys=older)
    restored(tmp_path / "b", keys_root=other, keys=all_keys(owner.keys))
    assert genuine_users(tmp_path / "new", owner.keys) == []


def all_keys(keys):
    """Return what a file of keys holds."""
    files = {path.name: path.read_bytes() for path in keys.path.iterdir() if path.is_file()}
    kept = {name: data for name, data in files.items() if not name.endswith(".lock")}
    return Keys(
        keys.ledger_id, keys.vkey().name,
        {name: data for name, data in kept.items() if name not in {"head", "instance"}},
    )  # fmt: skip


def bomb(path, kind, size):
    """Write an archive of one entry of zeros, many times larger than the file."""
    entry = tarfile.TarInfo("payload/0")
    entry.type, entry.size = kind, size
    compressor = zstandard.ZstdCompressor(level=1)
    with path.open("wb") as raw, compressor.stream_writer(raw, closefd=False) as out:
        out.write(entry.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(size >> 20):
            out.write(bytes(1 << 20))


def test_a_file_of_an_archive_is_not_held_in_memory(tmp_path):
    bomb(tmp_path / "b.tar.zst", tarfile.REGTYPE, 64 << 20)
    tracemalloc.start()
    try:
        files = read_archive(tmp_path / "b.tar.zst")
        _, size, parts = next(files)
        assert sum(map(len, parts)) == size
        with pytest.raises(InputError, match="cut off"):
            next(files)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 << 20


@pytest.mark.parametrize(
    "kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.SYMTYPE, tarfile.LNKTYPE,
             tarfile.CHRTYPE, tarfile.GNUTYPE_SPARSE, tarfile.DIRTYPE]
)  # fmt: skip
def test_only_plain_files_are_read(tmp_path, kind):
    bomb(tmp_path / "b.tar.zst", kind, 4 << 20)
    with pytest.raises(InputError, match="no backup has"):
        next(read_archive(tmp_path / "b.tar.zst"))


def test_an_archive_that_does_not_fit_is_refused_before_it_is_written(tmp_path, monkeypatch):
    bomb(tmp_path / "b.tar.zst", tarfile.REGTYPE, 8 << 20)
    monkeypatch.setattr(PosixDisk, "free_bytes", lambda *_: 4 << 20)
    with pytest.raises(LedgerError, match="MiB are needed"):
        restore(
            Wish(tmp_path / "b.tar.zst", tmp_path / "new"),
            lambda *_: None,
            keys_root=tmp_path / "keys",
        )
    assert not (tmp_path / "new").exists()
