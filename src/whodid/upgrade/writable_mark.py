"""The mark of the writable folder (`ledger.writer_lock`): before, device and inode alone told it.

Opening a ledger would do the same; here it is done on purpose, and said.
"""

from pathlib import Path

from whodid.ledger.keys import KeyFolder
from whodid.ledger.writer_lock import read_binding, refresh_binding
from whodid.storage.posix import PosixDisk


class WritableMark:
    """The folder gets a mark, so that a reboot that numbers devices anew locks nobody out."""

    name = "the writable folder has a mark"

    def needed(self, _directory: Path, keys: KeyFolder) -> bool:
        """Tell whether the binding names no mark."""
        bound = read_binding(keys)
        return bound is not None and not bound.marker_inode

    def run(self, directory: Path, keys: KeyFolder, disk: PosixDisk) -> None:
        """Bind the folder again, with a mark."""
        refresh_binding(keys, directory, disk)
