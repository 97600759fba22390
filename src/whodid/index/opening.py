"""Opening rows for what columns cannot answer: a cheap look at their bytes, then the predicate."""

import contextlib
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from whodid.event import Event
from whodid.index.evaluate import states_of
from whodid.ledger.frame import Look
from whodid.ledger.reader import LedgerReader
from whodid.ledger.stored import FoundRow
from whodid.limits import FRAME_ROWS
from whodid.query.match import matcher, term_columns
from whodid.query.tree import And, Node, Or, Pattern, Term, Text
from whodid.query.words import pieces_of, within, within_raw

Pause = Callable[[], None]
"""Is called between two pieces of long work, by who holds nothing half done; may raise."""

_FRAMES = 32
"""So many frames of payload are opened between two pauses."""

_LETTERS = re.compile(rb"[a-z]+")
_CASELESS_MIN = 6
_UNSAID = "none"
"""The text of `identity` that is not stored: it is the default."""


def go_on() -> None:
    """Do not pause."""


class Opened(Struct, frozen=True):
    """A row and its event."""

    row: FoundRow
    event: Event


class RowMatcher:
    """Decides single rows. `unreadable` counts those whose payload is gone or damaged by now.

    `pause` is called before every portion of rows.
    """

    def __init__(self, node: Node, reader: LedgerReader, pause: Pause = go_on) -> None:
        self._reader = reader
        self.pause = pause
        self._look = may_match(node)
        self._states: frozenset[str] = frozenset()
        self._matches = matcher(node, lambda _: self._states)
        self.unreadable = 0

    def matching(self, indexes: Sequence[int]) -> Iterator[Opened]:
        """Yield the rows among these (ascending) that match."""
        for portion in _portions(indexes):
            self.pause()
            for row in self._reader.find(portion, self._look):
                opened = self._open(row)
                if opened is not None and self._holds(opened):
                    yield opened

    def among(self, events: Iterable[Opened]) -> Iterator[Opened]:
        """Yield those of these events that match."""
        for opened in events:
            if self._holds(opened):
                yield opened

    def _holds(self, opened: Opened) -> bool:
        self._states = states_of(opened.row.head().flags)
        return self._matches(opened.event)

    def opened(self, indexes: Sequence[int]) -> dict[int, Opened]:
        """Return these rows (ascending) by index; those that cannot be opened are left out."""
        found: dict[int, Opened] = {}
        for row in self._reader.find(indexes):
            opened = self._open(row)
            if opened is not None:
                found[row.index] = opened
        return found

    def _open(self, row: FoundRow) -> Opened | None:
        event = None
        with contextlib.suppress(msgspec.DecodeError):
            event = row.event()
        self.unreadable += event is None
        return None if event is None else Opened(row, event)


def _portions(indexes: Sequence[int]) -> Iterator[Sequence[int]]:
    """Cut ascending indexes so that a portion stands in few frames."""
    start = at = frames = 0
    while at < len(indexes):
        at = bisect_left(indexes, (indexes[at] // FRAME_ROWS + 1) * FRAME_ROWS, at)
        frames += 1
        if frames == _FRAMES or at == len(indexes):
            yield indexes[start:at]
            start, frames = at, 0


def may_match(node: Node) -> Look | None:
    """Return a look at a row's bytes that holds whenever the row matches; None says nothing.

    A word that is in no group's bytes (escapes of JSON undone) is in no field either.
    """
    match node:
        case Text():
            return None if within(node.value)(_UNSAID) else _look(node.value)
        case And():
            looks = _known(node.items)
            return _all_of(looks) if looks else None
        case Or():
            looks = _known(node.items)
            return _any_of(looks) if len(looks) == len(node.items) else None
        case Term(op="has" | "is", value=str() | Pattern() as value):
            if pieces_of(value) != ("",) and "identity" not in term_columns(node):
                return _look(value)
    return None


def _look(value: str | Pattern) -> Look:
    pieces = [piece.encode() for piece in pieces_of(value) if piece and piece.isascii()]
    return Look(within_raw(value), (_caseless(max(pieces, key=len)),) if pieces else ())


def _caseless(piece: bytes) -> bytes:
    """Return a part without letters when it is long: it is sought without folding case."""
    part = max(_LETTERS.split(piece), key=len)
    return part if len(part) >= _CASELESS_MIN else piece


def _all_of(looks: list[Look]) -> Look:
    """Return the look that holds where all do: the longest piece is the rarest."""
    said = [look.pieces for look in looks if look.pieces]
    best = max(said, key=lambda pieces: min(map(len, pieces)), default=())
    return Look(lambda data: all(look.holds(data) for look in looks), best)


def _any_of(looks: list[Look]) -> Look:
    """Return the look that holds where one does."""
    every = all(look.pieces for look in looks)
    pieces = tuple(piece for look in looks for piece in look.pieces) if every else ()
    return Look(lambda data: any(look.holds(data) for look in looks), pieces)


def _known(items: Iterable[Node]) -> list[Look]:
    return [look for item in items if (look := may_match(item)) is not None]
