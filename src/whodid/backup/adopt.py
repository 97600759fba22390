"""Moving a ledger: making another folder the writable one.

1. DIR is no backup and not the writable folder already; nobody writes (the writer lock).
2. DIR opens: it reaches everything that was signed, with the roots that were signed, so that an
   older copy is refused.
3. When the former folder is still there, it holds no entry more: what it acknowledged in its last
   second may not have been signed yet.
4. An event in DIR says so; then DIR is bound, and the former folder is a read-only copy.

A crash before the end of 4 leaves the former folder bound: do it again. It copies nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whodid.clock import Clock, system_clock
from whodid.errors import LedgerError, UsageError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import MANIFEST
from whodid.ledger.local import LocalSequencer
from whodid.ledger.opening import Settings, keys_of, open_ledger
from whodid.ledger.reader import LedgerReader
from whodid.ledger.writer_lock import bind, is_writable_directory, read_binding
from whodid.storage.posix import PosixDisk


@contextmanager
def adopting(
    directory: Path,
    *,
    keys_root: Path | None = None,
    clock: Clock = system_clock,
    settings: Settings | None = None,
    disk: PosixDisk | None = None,
) -> Iterator[tuple[LocalSequencer, str]]:
    """Give the sequencer of DIR and the former folder's path; at the end of the block DIR is bound.

    Raises UsageError when DIR is the writable one, else as `open_ledger`; LedgerError when the
    former folder holds more.
    """
    disk = disk or PosixDisk()
    keys = keys_of(directory, keys_root)
    if keys.exists() and is_writable_directory(keys, directory):  # 1
        raise UsageError(f"{directory} is the writable folder of its ledger already")
    sequencer, lock = open_ledger(
        directory, keys_root=keys_root, disk=disk, clock=clock, settings=settings, adopting=True
    )  # 2
    port = LocalSequencer(sequencer, lock)
    try:
        former = _former(keys)
        _compare(keys, former, sequencer.size)  # 3
        yield port, str(former or "a folder that is not known")
        port.publish()
        bind(keys, directory, disk)  # 4
    finally:
        port.close()


def _former(keys: KeyFolder) -> Path | None:
    bound = read_binding(keys)
    return Path(bound.directory) if bound is not None and bound.directory else None


def _compare(keys: KeyFolder, former: Path | None, size: int) -> None:
    if former is None or not (former / MANIFEST).is_file():
        return
    if not is_writable_directory(keys, former):
        return
    reader = LedgerReader(former, keys)
    try:
        held = reader.size
    finally:
        reader.close()
    if held > size:
        raise LedgerError(
            f"{former} holds {held} entries, this copy only {size}: stop the server, copy the "
            "folder again, then adopt it"
        )
