"""state.db from format 1 to 2: its rows are signed by keys of the key folder.

Users, tokens and sources are signed as they are, sessions and login links end. Who runs it vouches
for the rows: `whodid user list`, `whodid token list` show them.
"""

from pathlib import Path

from whodid.ledger.keys import KeyFolder
from whodid.ledger.state_binding import bind_state
from whodid.storage.posix import PosixDisk


class SignedState:
    """Rows that let somebody in are signed: who can write DIR but has no keys makes no user."""

    name = "rows of state.db are signed"

    def needed(self, _directory: Path, keys: KeyFolder) -> bool:
        """Tell whether state.db is not bound to its key folder yet."""
        return not keys.has_access_key()

    def run(self, directory: Path, keys: KeyFolder, _disk: PosixDisk) -> None:
        """Sign the rows."""
        bind_state(directory, keys)
