"""Making a backup: what may be written where, the copy, and the check of the copy.

A backup that returned is on disk and was verified: every byte was read again and compared with
what the log's key signed. One that failed leaves what was there before.
"""

import errno
from pathlib import Path

from msgspec import Struct

from whodid.backup import folder
from whodid.backup.archive import is_archive, write_archive
from whodid.backup.folder import Copied
from whodid.backup.snapshot import Ledger, Snapshot, take_snapshot
from whodid.errors import IntegrityError, LedgerError, UsageError
from whodid.ledger.backup_note import BackupNote, read_backup_note
from whodid.ledger.verify import Progress, verify_ledger
from whodid.merkle.checkpoint import parse_body, parse_note
from whodid.storage.posix import PosixDisk

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Made(Struct, frozen=True):
    """A backup that was made: the head that it holds, bytes in all and bytes that were new.

    `setup` counts the files of rules, calendars and settings in it; `left_out` are those that the
    settings name and that lie elsewhere.
    """

    size: int
    root: bytes
    size_bytes: int
    fresh_bytes: int
    setup: int = 0
    left_out: tuple[str, ...] = ()


class Report(Struct):
    """Who is told how far it is: bytes copied of all, then entries verified."""

    total: Copied
    copied: Copied
    verified: Progress


def make_backup(ledger: Ledger, place: Path, report: Report, disk: PosixDisk | None = None) -> Made:
    """Write a backup of a ledger to a folder or an archive.

    Raises UsageError for a place that must not be written to, LedgerError when the disk is full or
    the tail cannot be sealed, IntegrityError when ledger or copy are not what was signed.
    """
    disk = disk or PosixDisk()
    place = Path(place.absolute())
    _check_place(ledger, place)
    if not is_archive(place):
        folder.put_back(place)
    before = _backup_there(ledger, place)
    snapshot = take_snapshot(ledger)
    if before is not None:
        _check_continues(ledger, snapshot, before, place)
    report.total(snapshot.size_bytes())
    try:
        if is_archive(place):
            folder.check_room(place.parent, snapshot.size_bytes(), disk)
            fresh = write_archive(place, ledger.directory, snapshot, report.copied, disk)
        else:
            fresh = _to_folder(ledger, snapshot, place, report, disk)
    except OSError as error:
        if error.errno in _FULL:
            raise LedgerError(
                f"{place}: the disk is full ({error.strerror}); the backup was not made, an "
                "older one there is as it was"
            ) from error
        raise
    setup = snapshot.setup
    return Made(
        snapshot.note.size, snapshot.note.root, snapshot.size_bytes(), fresh, len(setup.files),
        setup.left_out,
    )  # fmt: skip


def _check_place(ledger: Ledger, place: Path) -> None:
    where = place.resolve()
    for name, taken in (("the ledger", ledger.directory), ("the keys", ledger.keys.path)):
        mine = taken.resolve()
        if where == mine or where.is_relative_to(mine) or mine.is_relative_to(where):
            raise UsageError(
                f"{place} is in the same place as {name} ({taken}): a backup belongs elsewhere, "
                "best on another disk"
            )
    if not where.parent.is_dir():
        raise UsageError(f"{where.parent}: there is no such folder to put a backup into")


def _backup_there(ledger: Ledger, place: Path) -> BackupNote | None:
    """Return the note of the backup that is there. Raises UsageError for anything else."""
    if not place.is_dir():
        if place.exists() and not is_archive(place):
            raise UsageError(f"{place} is a file; name a folder, or end its name in .tar")
        return None
    if not any(place.iterdir()):
        return None
    note = read_backup_note(place, None)
    if note is None:
        raise UsageError(f"{place} is not empty and holds no backup; choose another folder")
    if note.ledger_id != ledger.keys.ledger_id:
        raise UsageError(
            f"{place} holds a backup of another ledger ({note.origin}); choose another folder"
        )
    return note


def _check_continues(ledger: Ledger, snapshot: Snapshot, before: BackupNote, place: Path) -> None:
    if before.size > snapshot.note.size:
        raise UsageError(
            f"{place} holds a backup of {before.size} entries, this ledger has only "
            f"{snapshot.note.size}: keep that backup, and choose another folder"
        )
    head = parse_body(parse_note(ledger.port.head_at(before.size))[0])
    if head.root != before.root:
        raise UsageError(
            f"{place} holds a backup of another history: its {before.size} entries are not those "
            "of this ledger; keep it, and choose another folder"
        )


def _to_folder(
    ledger: Ledger, snapshot: Snapshot, place: Path, report: Report, disk: PosixDisk
) -> int:
    old = place if place.exists() else None
    held = {path.name for path in old.glob("*/*")} if old else set()
    new = [file for file in snapshot.sealed if Path(file.path).name not in held]
    wanted = sum(file.size_bytes for file in new) + sum(map(len, snapshot.small.values()))
    folder.check_room(place.parent, wanted, disk)
    with folder.making(place, disk) as partial:
        fresh = folder.fill(partial, ledger.directory, snapshot, old, report.copied)
        verdict = verify_ledger(partial, vkey=ledger.keys.vkey(), progress=report.verified)
        if not verdict.ok or verdict.leaves != snapshot.note.size:
            why = str(verdict.faults[0]) if verdict.faults else f"it holds {verdict.leaves} entries"
            raise IntegrityError(f"the copy does not verify, it was removed: {why}")
        folder.put_in_place(partial, place, disk)
    return fresh
