"""One writer, one writable DIR. The lock and the binding live in the key folder, not in DIR.

`instance` in the key folder names the one writable DIR, the marker `instance` in DIR answers it:

1. DIR has the inode that is bound.
2. Its marker holds the instance's random id and has the inode that is bound.
3. It is on the device that is bound, or at the path that is bound: a device number may be another
   after a reboot (network disks, volumes), a folder may be renamed, but not both at once.

So a copy is told apart however it was made (`cp -a`, `tar`, a snapshot mounted elsewhere); it is
read-only until `whodid restore --adopt` moves the ledger to it. This guards against accidents. Not
told apart are a clone of the whole disk put in the old one's place, and a copy that was given the
same inodes by chance: then the signer's head, beside the key, still finds an older state. Who may
write to the key folder may bind what they like.
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
from whodid.ledger.layout import MARKER
from whodid.storage.posix import PosixDisk

LOCK = "writer.lock"
INSTANCE = "instance"


class Instance(Struct, frozen=True):
    """The one writable DIR. `marker_inode` is 0 in a binding of before there were markers."""

    instance: str
    device: int
    inode: int
    directory: str
    marker_inode: int = 0


def bind(keys: KeyFolder, directory: Path, disk: PosixDisk) -> Instance:
    """Make DIR the writable one, durably: first its marker, then the binding."""
    name = secrets.token_hex(16)
    marker = directory / MARKER
    disk.create(marker, name.encode() + b"\n")
    return _keep(keys, Instance(name, 0, 0, ""), directory, disk)


def _keep(keys: KeyFolder, bound: Instance, directory: Path, disk: PosixDisk) -> Instance:
    stat, marker = directory.stat(), (directory / MARKER).stat()
    instance = Instance(
        bound.instance, stat.st_dev, stat.st_ino, str(directory.resolve()), marker.st_ino
    )
    if instance != bound:
        disk.create(keys.path / INSTANCE, msgspec.json.encode(instance))
    return instance


def read_binding(keys: KeyFolder) -> Instance | None:
    """Return what is bound, None when that cannot be read: then nothing is writable."""
    try:
        return msgspec.json.decode((keys.path / INSTANCE).read_bytes(), type=Instance)
    except (OSError, msgspec.DecodeError):
        return None


def is_writable_directory(keys: KeyFolder, directory: Path) -> bool:
    """Tell whether DIR is the one writable directory of its ledger (the numbered rules)."""
    bound = read_binding(keys)
    if bound is None:
        return False
    stat = directory.stat()
    if stat.st_ino != bound.inode:  # 1
        return False
    if not bound.marker_inode:
        return stat.st_dev == bound.device
    try:
        marker = (directory / MARKER).stat()
        name = (directory / MARKER).read_bytes()
    except OSError:
        return False
    if marker.st_ino != bound.marker_inode or name.strip() != bound.instance.encode():  # 2
        return False
    return stat.st_dev == bound.device or str(directory.resolve()) == bound.directory  # 3


def refresh_binding(keys: KeyFolder, directory: Path, disk: PosixDisk) -> None:
    """Note where the writable DIR is now; called under the lock. Raises OSError."""
    bound = read_binding(keys)
    if bound is not None and bound.marker_inode:
        _keep(keys, bound, directory, disk)
    elif bound is not None:
        bind(keys, directory, disk)


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
