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
_PART_BYTES = 1 << 20


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
    found: dict[str, str] = {}
    for path, _, parts in read_archive(partial, place.name):
        digest = sha256()
        for part in parts:
            digest.update(part)
        found[path] = digest.hexdigest()
    if found != wanted:
        raise IntegrityError(f"{partial}: what was written does not read back; is the disk sound?")


def read_archive(path: Path, name: str | None = None) -> Iterator[tuple[str, int, Iterator[bytes]]]:
    """Yield (path, bytes, the bytes in parts) of the files in an archive, one after the other.

    Only plain ustar files are read, as they are written: no extended header of a stranger's archive
    takes memory. Raises InputError for what is none, and for a name that leaves the folder.
    """
    try:
        with path.open("rb") as raw, _decompressed(raw, name or path.name) as stream:
            while (entry := _entry(stream)) is not None:
                parts = Path(entry.name).parts
                plain = entry.type in {tarfile.REGTYPE, tarfile.AREGTYPE} and entry.size >= 0
                if not plain or ".." in parts or entry.name.startswith("/"):
                    raise InputError(f"{path}: holds {entry.name[:80]!r}, which no backup has")
                data = _parts(stream, entry.size)
                yield entry.name, entry.size, data
                for _ in data:  # what was not taken
                    pass
                _exactly(stream, -entry.size % tarfile.BLOCKSIZE)
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise InputError(f"{path}: not a whole archive ({error}); was it cut off?") from error


def _entry(stream: IO[bytes]) -> tarfile.TarInfo | None:
    """Read one header; None at the archive's end."""
    block = _exactly(stream, tarfile.BLOCKSIZE)
    if not any(block):
        return None
    return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")


def _parts(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0:
        part = _exactly(stream, min(size, _PART_BYTES))
        size -= len(part)
        yield part


def _exactly(stream: IO[bytes], size: int) -> bytes:
    """Read so many bytes. Raises EOFError when the archive ends before."""
    found = b""
    while len(found) < size:
        part = stream.read(size - len(found))
        if not part:
            raise EOFError("it ends within a file")
        found += part
    return found


@contextmanager
def _decompressed(raw: IO[bytes], name: str) -> Iterator[IO[bytes]]:
    if not name.endswith(".zst"):
        yield raw
        return
    with zstandard.ZstdDecompressor().stream_reader(raw, closefd=False) as stream:
        yield stream
