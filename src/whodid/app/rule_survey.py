"""Which fields rules find in the log: looked at in pieces, spread over it, the newest first.

A command does all pieces at once, the detector one at a time, between other work: in a new ledger
when its size has doubled, then once a day, and when rules or declared sources changed.
"""

from collections.abc import Sequence
from pathlib import Path

from whodid.clock import Clock
from whodid.detection.compiled import Blind, Observed, unmatchable
from whodid.detection.entries import portions
from whodid.detection.record import NativeOf
from whodid.detection.rule import AnyRule
from whodid.detection.rulebook import Rulebook
from whodid.detection.taxonomy.kinds import OWN_FORMAT
from whodid.detection.windows.plan import Unusable
from whodid.errors import LedgerError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.port import SequencerPort
from whodid.ledger.reader import LedgerReader
from whodid.ledger.state_db import OWN_SOURCE
from whodid.limits import RULE_CHECK_ENTRIES, RULE_CHECK_PARTS

SURVEY_EVERY_US = 86_400_000_000
_SOURCES_EVERY_US = 60_000_000
_AGAIN_US = 600_000_000
_SIZE_MIN = 1000
"""A ledger that is smaller is looked at again each time it has grown by so much."""

Sources = tuple[tuple[str, str], ...]
"""Names and formats of the declared sources."""


class RuleSurvey:
    """One look at the fields that records have. Call `step` until it returns False."""

    def __init__(self, reader: LedgerReader, rules: Sequence[AnyRule], native_of: NativeOf) -> None:
        self.observed = Observed(rules)
        self.records = 0
        self._reader = reader
        self._native_of = native_of
        self._part = RULE_CHECK_ENTRIES // RULE_CHECK_PARTS
        self._end = reader.refresh()
        self._step = max(self._end // RULE_CHECK_PARTS, self._part)

    def step(self) -> bool:
        """Look at a piece; tell whether there may be another. Raises LedgerError."""
        if self._end <= 0:
            return False
        first = max(self._end - self._part, 0)
        for portion in portions(self._reader, first, self._end, self._native_of):
            for record in portion.records:
                self.observed.look(record)
            self.records += len(portion.records)
        self._end -= self._step
        return self._end > 0


class Surveying:
    """Surveys of the rules in use. Not safe for threads. `blind` and `records` are of the last.

    `done_us` is when it ended, 0 while there was none.
    """

    def __init__(
        self, directory: Path, keys: KeyFolder, port: SequencerPort, native_of: NativeOf,
        clock: Clock,
    ) -> None:  # fmt: skip
        self._directory, self._keys, self._port = directory, keys, port
        self._native_of = native_of
        self._clock = clock
        self._survey: RuleSurvey | None = None
        self._reader: LedgerReader | None = None
        self._stamp: bytes | None = None
        self._sources: Sources = ()
        self._asked_us = 0
        self._size = 0
        self._not_before_us = 0
        self.done_us = 0
        self.blind: list[Blind] = []
        self.records = 0

    def step(self, book: Rulebook, size: int, unusable: Sequence[Unusable]) -> bool:
        """Do a piece, if one is due; tell whether a survey has ended.

        Raises LedgerError, OSError for what cannot be read; it is begun again after a while.
        """
        now_us = self._clock()
        if now_us < self._not_before_us:
            return False
        try:
            if self._is_due(book, size, now_us):
                self.close()
                self._stamp, self._size = book.stamp, size
                self._reader = LedgerReader(self._directory, self._keys)
                self._survey = RuleSurvey(self._reader, book.rules, self._native_of)
            if self._survey is None or self._survey.step():
                return False
        except (LedgerError, OSError):
            self._not_before_us = now_us + _AGAIN_US
            self.close()
            raise
        self.blind = unmatchable(book.rules, self._sources, self._survey.observed)
        self.blind += unusable_ones(book.rules, self.blind, unusable)
        self.records = self._survey.records
        self.done_us = now_us
        self.close()
        return True

    def close(self) -> None:
        """Let go of the ledger."""
        self._survey = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _is_due(self, book: Rulebook, size: int, now_us: int) -> bool:
        changed = book.stamp != self._stamp
        if changed or now_us - self._asked_us >= _SOURCES_EVERY_US:
            self._asked_us = now_us
            found = declared(self._port)
            changed = changed or found != self._sources
            self._sources = found
        if changed:
            return True
        if self._survey is not None:
            return False
        grown = size >= self._size + max(self._size, _SIZE_MIN) and size <= RULE_CHECK_ENTRIES * 2
        return grown or now_us - self.done_us >= SURVEY_EVERY_US


def declared(port: SequencerPort) -> Sources:
    """Return the declared sources; whodid's own brings nothing but its own events."""
    return tuple(
        (name, OWN_FORMAT if name == OWN_SOURCE else one.format)
        for name, one in port.sources().items()
    )


def unusable_ones(
    rules: Sequence[AnyRule], blind: Sequence[Blind], unusable: Sequence[Unusable]
) -> list[Blind]:
    """Return the correlations that an engine does not run, such as for want of a file."""
    told = {it.rule.id for it in blind}
    heads = {rule.head.id: rule.head for rule in rules}
    return [
        Blind(heads[it.rule], "needs", it.reason)
        for it in unusable
        if it.rule in heads and it.rule not in told
    ]
