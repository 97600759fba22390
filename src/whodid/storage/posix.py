"""A local disk: what returned is durable.

A durable new file is: write to a temporary name, fsync, rename, fsync of the folder. Overwriting
preallocated, zero-written bytes needs only fdatasync (no journal metadata).

On macOS fsync leaves the data in the drive's own cache; there F_FULLFSYNC is asked for (a file
system that has none, as on some network disks, gets a plain fsync).

It does not retry: after a failed fsync the kernel may have dropped the pages, so the caller stops.
"""

import contextlib
import errno
import fcntl
import os
from pathlib import Path

_ZEROS = bytes(1 << 20)
_FULL_FSYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)  # macOS
_NOT_HERE = {errno.ENOTSUP, errno.EINVAL, errno.ENOTTY}


class PosixDisk:
    """The system calls of the durable path, in one object so that tests can make them fail."""

    def create(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        """Make `path` with these bytes, durably and all at once; an old file is replaced.

        Raises OSError; then either the old or the new bytes are there, never a mixture.
        """
        temporary = path.with_name(path.name + ".tmp")
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
            try:
                write_all(fd, data)
                sync(fd)
            finally:
                os.close(fd)
            self.rename(temporary, path)
        except OSError:
            _drop(temporary)  # on a full disk it would hold the space that is missing
            raise

    def rename(self, old: Path, new: Path) -> None:
        """Rename within one folder and make the new name durable."""
        old.rename(new)
        self.sync_folder(new.parent)

    def remove(self, path: Path) -> None:
        """Remove a file, durably; a missing one is no error."""
        path.unlink(missing_ok=True)
        self.sync_folder(path.parent)

    def sync_folder(self, folder: Path) -> None:
        """Make the names in a folder durable."""
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sync(fd)
        finally:
            os.close(fd)

    def preallocate(self, path: Path, size_bytes: int) -> None:
        """Make a file of real zero bytes (fallocate would leave slow unwritten extents)."""
        temporary = path.with_name(path.name + ".tmp")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            for start in range(0, size_bytes, len(_ZEROS)):
                write_all(fd, _ZEROS[: min(len(_ZEROS), size_bytes - start)])
            sync(fd)
            self.rename(temporary, path)
        except OSError:
            _drop(temporary)
            raise
        finally:
            os.close(fd)

    def write_at(self, fd: int, data: bytes, offset: int) -> None:
        """Write all of `data` at `offset`; not yet durable."""
        view = memoryview(data)
        while view:
            written = os.pwrite(fd, view, offset)
            view = view[written:]
            offset += written

    def sync_data(self, fd: int) -> None:
        """Make what was written to `fd` durable. After an error nothing about it is known."""
        if _FULL_FSYNC is None and hasattr(os, "fdatasync"):
            os.fdatasync(fd)
        else:
            sync(fd)

    def free_bytes(self, folder: Path) -> int:
        """Bytes that an unprivileged writer may still use on the disk of `folder`."""
        stat = os.statvfs(folder)
        return stat.f_bavail * stat.f_frsize


def sync(fd: int, full: int | None = _FULL_FSYNC) -> None:
    """Make a file durable, through the drive's cache where the system must be asked to."""
    if full is not None:
        try:
            fcntl.fcntl(fd, full)
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise
        else:
            return
    os.fsync(fd)


def _drop(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)


def write_all(fd: int, data: bytes) -> None:
    """Write every byte or raise OSError (a short write is not an error to write(2))."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
