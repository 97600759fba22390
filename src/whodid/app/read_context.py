"""What the reads of the log share: turns, what a caller may ask, where it is recorded."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec import Struct

from whodid.app.answer import Caller
from whodid.app.own import Act, OwnEvents
from whodid.clock import Clock
from whodid.ledger.layout import CHECKPOINT
from whodid.ledger.port import SequencerPort
from whodid.query.tree import Query


class ReadContext(Struct, frozen=True):
    """One for all reads of a ledger.

    `turn` holds the turn of a caller; `allowed` cuts a query to his rights, and a refusal is an
    event before it is raised.
    """

    directory: Path
    port: SequencerPort
    own: OwnEvents
    clock: Clock
    turn: Callable[[Caller, Act], AbstractContextManager[None]]
    allowed: Callable[[Caller, Query, Act], Query]

    def note(self) -> str:
        """Return the newest checkpoint, a signed note."""
        return (self.directory / CHECKPOINT).read_text()
