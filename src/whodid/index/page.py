"""What a search answers: one page of events, and what must be said about it."""

import base64
import re
import struct

import numpy as np
from msgspec import Struct

from whodid.errors import QueryError
from whodid.event import Event
from whodid.ledger.stored import FoundRow

_CURSOR = struct.Struct(">qQ")
_TEXT = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


class Cursor(Struct, frozen=True, order=True):
    """The place of an event in the order of answers: newest first, by time, then by index.

    `time_us` is the event time, for an event without one its receipt.
    """

    time_us: int
    index: int

    def encode(self) -> str:
        """Return it as 22 characters for a URL."""
        packed = _CURSOR.pack(self.time_us, self.index)
        return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode_cursor(text: str) -> Cursor:
    """Read what `encode` wrote. Raises QueryError for anything else."""
    if not _TEXT.fullmatch(text):
        raise QueryError("this page address is not one that was given out; search again")
    time_us, index = _CURSOR.unpack(base64.urlsafe_b64decode(text + "=="))
    return Cursor(time_us, index)


class Hit(Struct, frozen=True):
    """One event of an answer, as the ledger holds it. `time_us` is what it is ordered by."""

    row: FoundRow
    event: Event
    time_us: int

    @property
    def index(self) -> int:
        """Return its index in the log."""
        return self.row.index


class Page(Struct, frozen=True):
    """One page. `size` is the number of entries of the log that the answer is about.

    `total` counts all matches (not `hidden_own`), on this page or not; when it is not exact it is
    what was found so far. `next` is where to go on, None when there is no more. `found` are the
    indexes, ascending, of all that `total` counts, when rows were opened to find them.
    """

    rows: list[Hit]
    total: int
    total_is_exact: bool
    hidden_own: int
    next: Cursor | None
    size: int
    warnings: list[str]
    found: np.ndarray | None = None
