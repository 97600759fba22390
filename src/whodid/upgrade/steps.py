"""The steps there are, oldest first, and how they are run.

A ledger of any older format is brought up to date by the steps that it needs, in this order. A step
is never removed while a ledger may need it.
"""

from collections.abc import Callable
from pathlib import Path

from whodid.errors import LedgerError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.opening import keys_of
from whodid.ledger.writer_lock import WriterLock, is_writable_directory
from whodid.storage.posix import PosixDisk
from whodid.upgrade.signed_state import SignedState
from whodid.upgrade.step import Step
from whodid.upgrade.writable_mark import WritableMark

STEPS: tuple[Step, ...] = (WritableMark(), SignedState())


def pending(directory: Path, keys: KeyFolder) -> list[Step]:
    """Return the steps that a ledger needs. Raises FormatError for one of a newer whodid."""
    return [step for step in STEPS if step.needed(directory, keys)]


def upgrade(
    directory: Path,
    *,
    keys_root: Path | None = None,
    disk: PosixDisk | None = None,
    said: Callable[[str], None] = lambda _: None,
    lock_wait_s: float = 10.0,
) -> list[str]:
    """Bring the ledger in DIR up to date; return what was done, nothing when it is.

    Raises LedgerError when a process writes to it, its keys are not here or DIR is a copy.
    """
    keys = keys_of(directory, keys_root)
    if not keys.exists():
        raise LedgerError(f"{keys.path}: the keys of this ledger are not on this machine")
    if not is_writable_directory(keys, directory):
        raise LedgerError(
            f"{directory} is a read-only copy: upgrade the ledger itself, and copy it again"
        )
    lock = WriterLock(keys)
    lock.acquire(lock_wait_s)
    done = []
    try:
        for step in pending(directory, keys):
            step.run(directory, keys, disk or PosixDisk())
            said(step.name)
            done.append(step.name)
    finally:
        lock.release()
    return done
