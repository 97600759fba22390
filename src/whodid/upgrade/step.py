"""One step of an upgrade: a file each, named by what it brings."""

from pathlib import Path
from typing import Protocol

from whodid.ledger.keys import KeyFolder
from whodid.storage.posix import PosixDisk


class Step(Protocol):
    """From one format to the next.

    Invariants: `needed` looks at what is stored and at nothing else, so that no mark of progress
    can be wrong; `run` may be stopped anywhere and done again, and what it left is either the old
    format or the new one. The caller holds the writer lock.
    """

    @property
    def name(self) -> str:
        """What it brings, in a few words."""
        ...

    def needed(self, directory: Path, keys: KeyFolder) -> bool:
        """Tell whether the ledger is still of the format before. Raises IntegrityError."""
        ...

    def run(self, directory: Path, keys: KeyFolder, disk: PosixDisk) -> None:
        """Do it, durably. Raises LedgerError or OSError; then it can be tried again."""
        ...
