"""One writer, one writable DIR. The lock and the binding live in the key folder, not in DIR.

`instance` names the one writable DIR by device and inode: a copy of DIR is read-only until
`whodid restore --adopt` moves the ledger to it.
"""

import fcntl
import os
import secrets
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from whodid.errors import LedgerError
from whodid.ledger.keys import KeyFolder
from whodid.storage.posix import PosixDisk

LOCK = "writer.lock"
INSTANCE = "instance"


class Instance(Struct, frozen=True):
    """The one writable DIR."""

    instance: str
    device: int
    inode: int
    directory: str


def bind(keys: KeyFolder, directory: Path, disk: PosixDisk) -> Instance:
    """Make DIR the writable one."""
    stat = directory.stat()
    instance = Instance(secrets.token_hex(16), stat.st_dev, stat.st_ino, str(directory.resolve()))
    disk.create(keys.path / INSTANCE, msgspec.json.encode(instance))
    return instance


def is_writable_directory(keys: KeyFolder, directory: Path) -> bool:
    """Tell whether DIR is the one writable directory of its ledger."""
    try:
        bound = msgspec.json.decode((keys.path / INSTANCE).read_bytes(), type=Instance)
    except (OSError, msgspec.DecodeError):
        return False
    stat = directory.stat()
    return (bound.device, bound.inode) == (stat.st_dev, stat.st_ino)


class WriterLock:
    """An exclusive flock on the key folder; released by `release` or by the end of the process."""

    def __init__(self, keys: KeyFolder) -> None:
        self._path = keys.path / LOCK
        self._fd = -1

    def acquire(self, wait_s: float) -> None:
        """Take the lock, waiting at most `wait_s`. Raises LedgerError when another holds it."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= deadline:
                    os.close(fd)
                    raise LedgerError(
                        f"another process writes to this ledger ({self._path} is locked); "
                        "use the running server with --url, or stop it"
                    ) from error
                time.sleep(0.05)
        self._fd = fd

    def release(self) -> None:
        """Give the lock back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
