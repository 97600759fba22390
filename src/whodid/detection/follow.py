"""Follows the ledger: every entry once, in order, to whatever looks for something.

1. New entries are read in bulk and given to the lookers (correlating rules, learning).
2. What they find is handed on (`take`), which returns once it is durable.
3. Now and then the lookers' state is kept together with the cursor (`state_file`).

So after a crash the entries since the last state are looked at again, and the same findings are
handed on again: whoever takes them knows a finding by what it says. Entries and rules decide what
is found, not the pieces in which they are read. Of rules that change, each sees whole entries: the
state is kept before the new ones begin.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from whodid.clock import Clock
from whodid.detection.entries import portions
from whodid.detection.finding import Finding
from whodid.detection.record import NativeOf, Record
from whodid.detection.state_file import StateFile
from whodid.errors import IntegrityError, LedgerError, WhodidError
from whodid.ledger.reader import LedgerReader
from whodid.limits import (
    DETECTION_BACK_ENTRIES,
    DETECTION_GRACE_US,
    DETECTION_SAVE_S,
    DETECTION_SAVE_SHARE_MAX,
    DETECTION_STEP_ENTRIES,
)

_VERSION = 1


class Looker(Protocol):
    """Looks at records in the order of the ledger and remembers what it needs.

    The same records give the same findings, whatever the pieces they come in, and whenever it was
    snapshotted and restored in between.
    """

    def feed(self, records: Sequence[Record], /) -> list[Finding]:
        """Look at further records."""
        ...

    def advance(self, now_us: int, /) -> list[Finding]:
        """Learn that nothing more comes that was received before `now_us`."""
        ...

    def snapshot(self) -> bytes:
        """Return all it remembers."""
        ...

    def restore(self, data: bytes, /) -> None:
        """Take up a snapshot, of other rules too. Raises WhodidError for bytes that are none."""
        ...


Lookers = Mapping[str, Looker]
Take = Callable[[Sequence[Finding]], object]


class _State(Struct, frozen=True):
    """What is kept: `leaf` is the SHA-256 (hex) of the leaf before `cursor`, "" at the begin."""

    version: int
    cursor: int
    leaf: str
    lookers: dict[str, bytes]


class Counts(Struct):
    """What was done since the start of this process."""

    events: int = 0
    findings: int = 0
    unreadable: int = 0
    failed: int = 0
    begun_again: int = 0
    saved: int = 0


class Detector:
    """One follower. Not safe for threads.

    Invariants: a finding is taken before the state that has seen its entries is kept; the cursor
    is behind every entry that all lookers have seen. `state_bytes` is the size of the state as it
    was kept last. `notes` are sentences for people, to be said and cleared by the owner.
    """

    def __init__(
        self,
        reader: LedgerReader,
        file: StateFile,
        make: Callable[[], Lookers],
        take: Take,
        native_of: NativeOf,
        clock: Clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._file = file
        self._make = make
        self._take = take
        self._native_of = native_of
        self._clock = clock
        self._monotonic = monotonic
        self._pending: list[Finding] = []
        self._lookers: Lookers | None = None
        self._careful_until = 0
        self._kept_at = 0
        self._saved_s = monotonic()
        self._save_after_s = DETECTION_SAVE_S
        self.cursor = 0
        self.counts = Counts()
        self.state_bytes = 0
        self.notes: list[str] = []

    @property
    def lookers(self) -> Lookers:
        """What looks, once `step` was called."""
        return self._lookers or {}

    def step(self, durable: int) -> int:
        """Look at entries below `durable`, a bounded number; return how many.

        Raises LedgerError when the ledger cannot be read, and what `take` raises: then nothing is
        lost, and the next step goes on.
        """
        size = min(durable, self._reader.refresh())
        if self._lookers is None:
            self._begin(size)
        self._hand_on()
        first, end = self.cursor, min(size, self.cursor + DETECTION_STEP_ENTRIES)
        if first < end:
            self._look(first, end)
        else:
            self._pass_time()
        self._hand_on()
        if self._monotonic() - self._saved_s >= self._save_after_s and self.cursor != self._kept_at:
            self.save()
        return max(end - first, 0)

    def save(self) -> None:
        """Keep cursor and state. Raises OSError; LedgerError when findings cannot be taken."""
        if self._lookers is None:
            return
        self._hand_on()
        begun_s = self._monotonic()
        kept = {name: looker.snapshot() for name, looker in self._lookers.items()}
        state = _State(_VERSION, self.cursor, self._leaf(self.cursor), kept)
        data = msgspec.msgpack.encode(state)
        self._file.write(data)
        self.state_bytes = len(data)
        self.counts.saved += 1
        self._kept_at = self.cursor
        self._saved_s = self._monotonic()
        took_s = self._saved_s - begun_s
        self._save_after_s = max(DETECTION_SAVE_S, took_s / DETECTION_SAVE_SHARE_MAX)

    def change(self, make: Callable[[], Lookers]) -> None:
        """Go on with other lookers, which take up what those of the same name remember."""
        self.save()
        self._make = make
        if self._lookers is not None:
            kept = {name: looker.snapshot() for name, looker in self._lookers.items()}
            self._lookers = self._restored(kept)

    # --- beginning -------------------------------------------------------------------------------

    def _begin(self, size: int) -> None:
        """Take up the state that was kept, else begin a bounded distance back."""
        try:
            state = self._kept(size)
            lookers = self._make() if state is None else self._restored(state.lookers)
        except WhodidError as error:
            self.notes.append(f"detection begins again: {error}")
            self.counts.begun_again += 1
            self._file.set_aside()
            state, lookers = None, self._make()
        self.cursor = self._kept_at = (
            max(0, size - DETECTION_BACK_ENTRIES) if state is None else state.cursor
        )
        self._lookers = lookers
        if state is None:
            if self.cursor:
                self.notes.append(f"detection looks at entries {self.cursor:,} to {size - 1:,}")
            self.save()  # after a crash it begins here again, however far the log has grown

    def _kept(self, size: int) -> _State | None:
        data = self._file.read()
        if data is None:
            return None
        try:
            state = msgspec.msgpack.decode(data, type=_State)
        except msgspec.DecodeError as error:
            raise IntegrityError(f"{self._file.path}: does not decode ({error})") from error
        if state.version != _VERSION:
            raise IntegrityError(f"{self._file.path}: of version {state.version}")
        if state.cursor > size or state.leaf != self._leaf(state.cursor):
            raise IntegrityError(f"{self._file.path}: of another history of this ledger")
        return state

    def _restored(self, kept: Mapping[str, bytes]) -> Lookers:
        lookers = self._make()
        for name, looker in lookers.items():
            if name in kept:
                looker.restore(kept[name])
        return lookers

    def _leaf(self, cursor: int) -> str:
        if not cursor:
            return ""
        return hashlib.sha256(self._reader.leaf_bytes(cursor - 1)).hexdigest()

    # --- looking ---------------------------------------------------------------------------------

    def _look(self, first: int, end: int) -> None:
        """Give entries [first, end) to every looker.

        When one fails at a record, all go back to the state that was kept, and come here again
        record by record: so that one record of a hostile sender is left out and not the rest.
        """
        for portion in portions(self._reader, first, end, self._native_of):
            self.counts.unreadable += portion.unreadable
            records = portion.records
            if first < self._careful_until:
                self._feed_carefully(records)
            else:
                try:
                    self._feed(records)
                except (LedgerError, OSError):
                    raise
                except Exception as error:  # noqa: BLE001 - whatever a record made of a rule
                    self._go_back(end, error)
                    return
            self.counts.events += len(records)
        self.cursor = end

    def _feed(self, records: Sequence[Record]) -> None:
        for looker in self.lookers.values():
            self._found(looker.feed(records))

    def _feed_carefully(self, records: Iterable[Record]) -> None:
        for record in records:
            try:
                self._feed([record])
            except (LedgerError, OSError):
                raise
            except Exception as error:  # noqa: BLE001 - it is said, and the next record comes
                self.counts.failed += 1
                self.notes.append(
                    f"entry {record.entry}: detection failed at it and left it out "
                    f"({type(error).__name__})"
                )

    def _go_back(self, end: int, error: Exception) -> None:
        self._careful_until = end
        self._lookers = None
        self.notes.append(
            f"detection failed between entries {self.cursor} and {end} ({type(error).__name__}); "
            "it looks again at each"
        )

    def _pass_time(self) -> None:
        now_us = self._clock() - DETECTION_GRACE_US
        for looker in self.lookers.values():
            self._found(looker.advance(now_us))

    def _found(self, findings: Sequence[Finding]) -> None:
        self.counts.findings += len(findings)
        self._pending += findings

    def _hand_on(self) -> None:
        if self._pending:
            self._take(self._pending)
            self._pending = []
