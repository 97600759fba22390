"""One server a ledger: an exclusive lock in the key folder, held by the supervisor.

The writer lock alone would not do: a second server's faces would take the first one's socket, and
only then would its sequencer find the log in use.
"""

import fcntl
import os
from pathlib import Path

from whodid.errors import LedgerError
from whodid.ledger.formats import check_formats
from whodid.ledger.opening import keys_of
from whodid.ledger.writer_lock import is_writable_directory

_LOCK = "server.lock"


class ServerLock:
    """An exclusive flock; released by `release` or by the end of the process."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._fd = -1

    def acquire(self) -> None:
        """Take the lock.

        Raises LedgerError when a server runs on this ledger already, DIR is a copy of it or its
        keys are not here.
        """
        directory = self._directory
        keys = keys_of(directory)
        if not keys.exists():
            raise LedgerError(f"{keys.path}: the keys of this ledger are not on this machine")
        if not is_writable_directory(keys, directory):
            raise LedgerError(
                f"{directory} is a read-only copy: it cannot be served, only verified; the "
                "writable folder of this ledger is another one"
            )
        check_formats(directory, keys)
        fd = os.open(keys.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(fd)
            raise LedgerError(f"another server runs on {directory} already") from error
        self._fd = fd

    def release(self) -> None:
        """Give the lock back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
