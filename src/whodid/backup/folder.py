"""A backup as a folder, made beside its place and put there whole.

`DEST.partial` is filled, synced and verified, then DEST → `DEST.previous`, `DEST.partial` → DEST,
and the previous one is removed. Whatever stops it, DEST is a whole backup, or is missing while
`DEST.previous` is one, which the next run puts back. Sealed files that the backup before had, with
the same bytes, are hard links to those (copies where the file system has no links).

One backup of a folder runs at a time: `DEST.partial` holds a lock.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from whodid.backup.snapshot import Snapshot
from whodid.errors import IntegrityError, LedgerError, UsageError
from whodid.ledger.layout import BACKUP, LEAVES, PAYLOAD
from whodid.ledger.manifest import SealedFile
from whodid.storage.posix import PosixDisk, sync

_MARK = ".whodid-partial"
_PART_BYTES = 1 << 20
Copied = Callable[[int], None]
"""Told how many bytes more are in their place."""


def partial_of(place: Path) -> Path:
    """Return where a folder is made before it is put in its place."""
    return place.with_name(f"{place.name}.partial")


def previous_of(place: Path) -> Path:
    """Return where the old folder is while the new one takes its place."""
    return place.with_name(f"{place.name}.previous")


@contextmanager
def making(place: Path, disk: PosixDisk) -> Iterator[Path]:
    """Give an empty folder beside `place`; it is removed unless `put_in_place` took it.

    Raises UsageError when something else is there or another process makes one.
    """
    partial = partial_of(place)
    _clear(partial)
    partial.mkdir(mode=0o700)
    fd = os.open(partial / _MARK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        disk.sync_folder(place.parent)
        yield partial
    finally:
        if (partial / _MARK).exists():
            shutil.rmtree(partial, ignore_errors=True)
        os.close(fd)


def _clear(partial: Path) -> None:
    """Remove what a run that was stopped left; nothing else."""
    if not partial.exists():
        return
    try:
        fd = os.open(partial / _MARK, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"{partial} is in the way and is not of whodid: move it") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(f"another process is making {partial}") from error
    else:
        shutil.rmtree(partial)
    finally:
        os.close(fd)


def put_in_place(partial: Path, place: Path, disk: PosixDisk) -> None:
    """Make a finished folder the one at `place`, durably."""
    for folder, _, _ in os.walk(partial):
        disk.sync_folder(Path(folder))
    (partial / _MARK).unlink()
    previous = previous_of(place)
    if place.exists():
        if previous.exists():
            shutil.rmtree(previous)
        place.rename(previous)
    partial.rename(place)
    disk.sync_folder(place.parent)
    if previous.exists():
        shutil.rmtree(previous)


def put_back(place: Path) -> None:
    """Finish what a crash between the two renames left."""
    if not place.exists() and (previous_of(place) / BACKUP).is_file():
        previous_of(place).rename(place)


def fill(
    partial: Path, directory: Path, snapshot: Snapshot, before: Path | None, copied: Copied
) -> int:
    """Write a snapshot of the ledger in `directory`; return how many bytes were not linked.

    Raises IntegrityError for a sealed file that is not what the manifest says, OSError.
    """
    for folder in (LEAVES, PAYLOAD):
        (partial / folder).mkdir(mode=0o700)
    fresh = 0
    for file in snapshot.sealed:
        target = partial / file.path
        if before is None or not _linked(before / file.path, target, file):
            _copy(directory / file.path, target, file)
            fresh += file.size_bytes
        copied(file.size_bytes)
    for path, data in snapshot.small.items():
        write(partial / path, data)
        fresh += len(data)
        copied(len(data))
    return fresh


def parts_of(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file in parts: a stranger's may be of any length."""
    with path.open("rb") as file:
        while part := file.read(_PART_BYTES):
            yield part


def holds(path: Path, size_bytes: int, digest: str) -> bool:
    """Tell whether this is a file of so many bytes with this SHA-256, in hex."""
    if not path.is_file() or path.stat().st_size != size_bytes:
        return False
    found = sha256()
    for part in parts_of(path):
        found.update(part)
    return found.hexdigest() == digest


def files_in(partial: Path) -> Iterator[str]:
    """Yield the paths of the files that were put into a folder that is being made."""
    for folder, _, names in os.walk(partial):
        for name in names:
            if name != _MARK:
                yield str((Path(folder) / name).relative_to(partial))


def write(target: Path, data: bytes) -> None:
    """Write a new file, durable but for its name."""
    write_parts(target, [data])


def write_parts(target: Path, parts: Iterable[bytes]) -> None:
    """Write a new file from its parts, durable but for its name."""
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as out:  # noqa: PTH123 - a file descriptor with its mode
        out.writelines(parts)
        out.flush()
        sync(out.fileno())


def _copy(source: Path, target: Path, file: SealedFile) -> None:
    data = read_sealed(source, file)
    write(target, data)


def read_sealed(source: Path, file: SealedFile) -> bytes:
    """Return the bytes of a sealed file (a few MiB). Raises IntegrityError when it is altered."""
    try:
        data = source.read_bytes()
    except FileNotFoundError as error:
        raise IntegrityError(f"{source}: a sealed file is missing; run `whodid verify`") from error
    if len(data) != file.size_bytes or sha256(data).hexdigest() != file.sha256:
        raise IntegrityError(f"{source}: a sealed file is altered; run `whodid verify`")
    return data


def _linked(old: Path, target: Path, file: SealedFile) -> bool:
    """Link a file of the backup before, if it still has the right bytes."""
    try:
        read_sealed(old, file)
    except (IntegrityError, OSError):
        return False  # it rotted, or is new: it is copied afresh
    with contextlib.suppress(OSError):
        os.link(old, target)
        return True
    return False


def check_room(folder: Path, wanted: int, disk: PosixDisk) -> None:
    """Raise LedgerError when the disk of a folder has no room for so many bytes."""
    free = disk.free_bytes(folder)
    if free < wanted:
        raise LedgerError(
            f"{folder}: the disk has {free >> 20} MiB free, {(wanted >> 20) + 1} MiB are needed; "
            "nothing was written"
        )
