"""A backup as one file: `.tar`, or `.tar.zst`. Written beside its place, read back, then renamed.

The payload is compressed and encrypted already: zstd gains little. Always whole, never incremental.
"""

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO

import zstandard

from whodid.backup.folder import Copied, partial_of, read_sealed
from whodid.backup.snapshot import Snapshot
from whodid.errors import InputError, IntegrityError, UsageError
from whodid.ledger.layout import BACKUP
from whodid.storage.posix import PosixDisk, sync

SUFFIXES = (".tar", ".tar.zst")


def is_archive(place: Path) -> bool:
    """Tell whether a backup at this place is one file."""
    return place.name.endswith(SUFFIXES)


def write_archive(
    place: Path, directory: Path, snapshot: Snapshot, copied: Copied, disk: PosixDisk
) -> int:
    """Write a snapshot as one file, durably; return its size. Raises UsageError, OSError.

    IntegrityError when a sealed file is altered, or what was written does not read back.
    """
    if place.exists():
        raise UsageError(f"{place} exists; an archive is not written over, choose another name")
    partial = partial_of(place)
    try:
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        with partial.open("wb") as raw:
            _write(raw, place, directory, snapshot, copied)
            raw.flush()
            sync(raw.fileno())
        _read_back(partial, place, snapshot)
        size = partial.stat().st_size
        disk.rename(partial, place)
    finally:
        partial.unlink(missing_ok=True)
    return size


def _write(
    raw: IO[bytes], place: Path, directory: Path, snapshot: Snapshot, copied: Copied
) -> None:
    with (
        _compressed(raw, place) as out,
        tarfile.open(fileobj=out, mode="w|", format=tarfile.USTAR_FORMAT) as tar,
    ):
        # The note first: what the archive is can be told from its beginning.
        for path in sorted(snapshot.small, key=lambda path: (path != BACKUP, path)):
            _add(tar, path, snapshot.small[path], copied)
        for file in snapshot.sealed:
            _add(tar, file.path, read_sealed(directory / file.path, file), copied)


@contextmanager
def _compressed(raw: IO[bytes], place: Path) -> Iterator[IO[bytes]]:
    if not place.name.endswith(".zst"):
        yield raw
        return
    with zstandard.ZstdCompressor(level=1, write_checksum=True).stream_writer(
        raw, closefd=False
    ) as out:
        yield out


def _add(tar: tarfile.TarFile, path: str, data: bytes, copied: Copied) -> None:
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(data), 0o600
    tar.addfile(entry, io.BytesIO(data))
    copied(len(data))


def _read_back(partial: Path, place: Path, snapshot: Snapshot) -> None:
    wanted = {path: sha256(data).hexdigest() for path, data in snapshot.small.items()}
    wanted |= {file.path: file.sha256 for file in snapshot.sealed}
    found = {path: sha256(data).hexdigest() for path, data in read_archive(partial, place.name)}
    if found != wanted:
        raise IntegrityError(f"{partial}: what was written does not read back; is the disk sound?")


def read_archive(path: Path, name: str | None = None) -> Iterator[tuple[str, bytes]]:
    """Yield (path, bytes) of the files in an archive. Raises InputError for what is none.

    Files of a ledger are small (a few MiB); a name that leaves the folder is refused.
    """
    try:
        with (
            path.open("rb") as raw,
            _decompressed(raw, name or path.name) as stream,
            tarfile.open(fileobj=stream, mode="r|") as tar,
        ):
            for entry in tar:
                parts = Path(entry.name).parts
                if not entry.isreg() or ".." in parts or entry.name.startswith("/"):
                    raise InputError(f"{path}: holds {entry.name[:80]!r}, which no backup has")
                data = tar.extractfile(entry)
                yield entry.name, data.read() if data else b""
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise InputError(f"{path}: not a whole archive ({error}); was it cut off?") from error


@contextmanager
def _decompressed(raw: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    if not name.endswith(".zst"):
        yield raw
        return
    with zstandard.ZstdDecompressor().stream_reader(raw, closefd=False) as stream:
        yield stream
