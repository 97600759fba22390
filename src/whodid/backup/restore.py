"""Restoring: a working ledger from a backup, under a new origin.

1. Read the backup: its note is signed by the log's key, every file is as the note and the manifest
   say, the tree has the head that the note names.
2. Make the new ledger beside its place, with a key folder of its own beside the old one: the same
   keys, but a new signing key under a new origin. Its manifest and `origins` are signed by that.
   Rules, calendars and settings that were backed up are put into it (`setup`).
3. Open it, which appends the entry that names the old head, publish and verify.
4. Put DIR in its place, then the new signing key; the old signing key is gone here.

What stops it before 4 leaves nothing but what the next run clears away; what stops it in 4, the
next run finishes. The original ledger, when it is still here and whole, is not restored over.

It does not bring back what was acknowledged after the backup: senders send it again, and what the
backup holds is a duplicate. Sessions and login links of the backup are ended.
"""

import secrets
import socket
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import msgspec
from msgspec import Struct

from whodid.backup import folder
from whodid.backup.archive import is_archive, read_archive
from whodid.backup.key_file import Keys
from whodid.backup.key_switch import KeySwitch
from whodid.backup.setup import put_setup
from whodid.clock import Clock, system_clock
from whodid.errors import InputError, IntegrityError, LedgerError, UsageError
from whodid.ledger.backup_note import BackupNote, read_backup_note
from whodid.ledger.keys import KeyFolder
from whodid.ledger.keys_db import open_durable
from whodid.ledger.layout import (
    BACKUP,
    CHECKPOINT,
    FOLDERS,
    MANIFEST,
    ORIGINS,
    STATE_DB,
)
from whodid.ledger.manifest import all_files, read_manifest
from whodid.ledger.opening import Settings, open_ledger
from whodid.ledger.origins import Origins, Restart, read_origins
from whodid.ledger.state_binding import bind_state, drop_forged, is_signed
from whodid.ledger.verify import Progress, verify_ledger
from whodid.ledger.writer_lock import WriterLock, bind, is_writable_directory, read_binding
from whodid.limits import RESTORE_REASON_CHARS_MAX
from whodid.merkle.checkpoint import Checkpoint, Vkey, sign_note
from whodid.storage.posix import PosixDisk


class Restored(Struct, frozen=True):
    """What was restored: the new origin, what the old one ended with, files of `setup`."""

    origin: str
    restart: Restart
    setup: tuple[str, ...] = ()


class Wish(Struct, frozen=True):
    """What a restore is asked for. `keys` are those of a file of keys, None for the key folder."""

    source: Path
    directory: Path
    keys: Keys | None = None
    origin: str | None = None
    reason: str = ""


def restore(
    wish: Wish,
    progress: Progress,
    *,
    keys_root: Path | None = None,
    clock: Clock = system_clock,
    settings: Settings | None = None,
    disk: PosixDisk | None = None,
) -> Restored:
    """Restore a backup to a new folder (the numbered steps of the module).

    Raises UsageError for places that cannot be taken, InputError for what is no whole backup,
    IntegrityError when it is not what was signed, LedgerError when keys are missing, the original
    is still here, or the disk is full.
    """
    disk = disk or PosixDisk()
    place = Path(wish.directory.absolute())
    if len(wish.reason) > RESTORE_REASON_CHARS_MAX:
        raise UsageError(f"a reason has at most {RESTORE_REASON_CHARS_MAX} characters")
    if not wish.source.exists():
        raise UsageError(f"{wish.source}: there is nothing here")
    finished = KeySwitch.finish_interrupted(place, keys_root, disk)
    if finished is not None:
        return _what_is_there(place, finished)
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise UsageError(f"{place}: not empty; a backup is restored to a new folder")
    with folder.making(place, disk) as partial:
        _bring(wish.source, partial, disk)
        note = _announced(partial)
        switch = KeySwitch.begin(note.ledger_id, wish.keys, keys_root, disk)
        lock = WriterLock(switch.old)
        if switch.old.exists():
            lock.acquire(0.0)
        try:
            _check_original(switch.old)
            restart = _check(partial, note, switch, progress)
            origin = wish.origin or f"{socket.gethostname()}/whodid/{secrets.token_hex(16)}"
            _make_new(partial, switch, origin, restart, disk)
            setup = put_setup(partial, folder.write)
            _open(partial, switch.new, restart, wish.reason, clock, settings)
            _verify(partial, switch.new, progress)
            switch.ready(place)
            folder.put_in_place(partial, place, disk)
            switch.finish()
        finally:
            lock.release()
            switch.clear()
    return Restored(origin, restart, setup)


def _what_is_there(place: Path, keys: KeyFolder) -> Restored:
    origins = read_origins(place, keys.vkey())
    if origins is None or not origins.restarts:
        raise IntegrityError(f"{place}: holds no restored ledger")
    return Restored(keys.vkey().name, origins.restarts[-1])


# --- the backup (1) ------------------------------------------------------------------------------


def _bring(source: Path, partial: Path, disk: PosixDisk) -> None:
    """Copy a backup's files as they are; they are checked afterwards, where they are now."""
    for name in FOLDERS:
        (partial / name).mkdir(mode=0o700)
    if is_archive(source):
        for path, size, parts in read_archive(source):
            folder.check_room(partial, size, disk)
            _put(partial, path, parts)
        return
    note = read_backup_note(source, None)
    if note is not None:
        sealed = [file.path for file in all_files(source, read_manifest(source, None))]
        # not what else lies there: SQLite takes a journal beside a database for its own
        wanted = list(dict.fromkeys([BACKUP, *(file.path for file in note.files), *sealed]))
        sizes = [(source / path).stat().st_size for path in wanted if (source / path).is_file()]
        folder.check_room(partial, sum(sizes), disk)
        for path in wanted:
            if (source / path).is_file():  # one that is missing is named when all is checked
                _put(partial, path, folder.parts_of(source / path))
        return
    previous = folder.previous_of(source)
    hint = f"; {previous} is whole" if (previous / BACKUP).is_file() else ""
    raise UsageError(f"{source}: no backup (it has no file `{BACKUP}`){hint}")


def _put(partial: Path, path: str, parts: Iterable[bytes]) -> None:
    target = partial / path
    parent = target.parent
    if parent != partial and (parent.parent != partial or parent.name not in FOLDERS):
        raise InputError(f"the backup holds {path[:80]!r}, which no backup has")
    if target.exists():
        raise InputError(f"the backup holds {path[:80]!r} twice")
    folder.write_parts(target, parts)


def _announced(partial: Path) -> BackupNote:
    note = read_backup_note(partial, None)
    if note is None:
        raise InputError(f"no backup: it has no file `{BACKUP}`")
    return note


def _check(partial: Path, note: BackupNote, switch: KeySwitch, progress: Progress) -> Restart:
    """Check the backup against the old public key (1) and return what the old origin ended with."""
    vkey = switch.old_vkey()
    if read_backup_note(partial, vkey) != note:
        raise IntegrityError("the backup's note changed while it was read")
    for file in note.files:
        if not folder.holds(partial / file.path, file.size_bytes, file.sha256):
            raise IntegrityError(f"the backup's {file.path} is missing or altered")
    _check_nothing_else(partial, note, vkey)
    verdict = verify_ledger(partial, vkey=vkey, progress=progress)
    if not verdict.ok or verdict.leaves != note.size:
        why = str(verdict.faults[0]) if verdict.faults else f"it holds {verdict.leaves} entries"
        raise IntegrityError(f"the backup does not verify: {why}")
    signed = switch.signer_head() or Checkpoint(note.origin, note.size, note.root)
    if signed.origin != note.origin or signed.size < note.size:
        signed = Checkpoint(note.origin, note.size, note.root)
    return Restart(note.origin, note.size, note.root, vkey, signed.size, signed.root)


def _check_nothing_else(partial: Path, note: BackupNote, vkey: Vkey) -> None:
    """Raise IntegrityError for a file that nobody signed, before anything opens a database.

    SQLite would play a journal that lies beside state.db back into it.
    """
    named = {BACKUP, *(file.path for file in note.files)}
    named.update(file.path for file in all_files(partial, read_manifest(partial, vkey)))
    for path in folder.files_in(partial):
        if path not in named:
            raise IntegrityError(f"the backup holds {path[:80]!r}, which its note does not name")


def _check_original(keys: KeyFolder) -> None:
    """Raise LedgerError when the ledger itself is still where it was."""
    bound = read_binding(keys)
    if bound is None or not (Path(bound.directory) / MANIFEST).is_file():
        return
    if is_writable_directory(keys, Path(bound.directory)):
        raise LedgerError(
            f"the ledger itself is still in {bound.directory}: use it, or move it away first (it "
            "becomes a read-only copy). To try a backup without touching it, set WHODID_KEYS to a "
            "new folder and give the keys with --keys"
        )


# --- the new ledger (2, 3) -----------------------------------------------------------------------


def _make_new(
    partial: Path, switch: KeySwitch, origin: str, restart: Restart, disk: PosixDisk
) -> None:
    before = read_origins(partial, restart.vkey)
    older = before.restarts if before else ()
    if origin == restart.origin or origin in {one.origin for one in older}:
        raise UsageError(f"--origin {origin}: the log had this origin before; choose another")
    switch.make(origin)
    key = switch.new.signing_key()
    old = read_manifest(partial, restart.vkey)
    manifest = msgspec.structs.replace(old, origin=origin)
    origins = Origins(old.ledger_id, (*older, restart))
    disk.create(partial / MANIFEST, sign_note(manifest.body(), origin, key).encode(), 0o644)
    disk.create(partial / ORIGINS, sign_note(origins.body(), origin, key).encode(), 0o644)
    for name in (BACKUP, CHECKPOINT):  # the old checkpoint is the last of checkpoints.log
        disk.remove(partial / name)
    _end_sessions(partial)
    _sign_state(partial, switch.new)
    bind(switch.new, partial, disk)


def _end_sessions(partial: Path) -> None:
    """End the sessions and login links of then (tables of `access`); users and tokens stay."""
    with closing(open_durable(partial / STATE_DB)) as db, db:
        there = {name for (name,) in db.execute("SELECT name FROM sqlite_schema")}
        for table in ("access_sessions", "access_links"):
            if table in there:
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - the two names above


def _sign_state(partial: Path, keys: KeyFolder) -> None:
    """Sign the rows of a backup of before they were signed; its note vouches for them.

    Of rows that are signed, a forged one must not become one of ours, nor be a reason not to
    restore: it is dropped. Raises LedgerError when the key that signed them is not here.
    """
    if not is_signed(partial):
        (keys.path / "access.key").unlink(missing_ok=True)
        bind_state(partial, keys)
    elif not keys.has_access_key():
        raise LedgerError(
            "the rows of this backup's state.db are signed by an access.key that is not among these"
            " keys: give a newer file of keys with --keys"
        )
    else:
        drop_forged(partial, keys.state_keys())


def _open(
    partial: Path,
    keys: KeyFolder,
    restart: Restart,
    reason: str,
    clock: Clock,
    settings: Settings | None,
) -> None:
    """Open the new ledger and append the entry that restarts it (3)."""
    sequencer, lock = open_ledger(
        partial, keys_root=keys.path.parent, clock=clock, settings=settings
    )
    try:
        sequencer.restart(restart, reason)
        sequencer.close()
    finally:
        lock.release()


def _verify(partial: Path, keys: KeyFolder, progress: Progress) -> None:
    verdict = verify_ledger(partial, keys=keys, progress=progress)
    if not verdict.ok:
        raise IntegrityError(f"the restored ledger does not verify: {verdict.faults[0]}")
    if verdict.not_opened:
        raise LedgerError(
            f"the restored ledger cannot be read with these keys: {'; '.join(verdict.not_opened)}"
        )
