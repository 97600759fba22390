"""Whether the rules in use can find anything: their exercise, their survey, and what is told of it.

It is done by the detector between other work, a bounded piece at a time. What it finds out is kept
for the faces (`rule_standing`).
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from whodid.app.exercising import Exercising
from whodid.app.integrity_findings import BUILT_IN as BUILT_IN_HEADS
from whodid.app.rule_standing import (
    BUILT_IN,
    ExerciseResult,
    RulesFile,
    RulesStanding,
    UsedRule,
    sightless,
    still_true,
    used_rules,
)
from whodid.app.rule_survey import Surveying
from whodid.clock import Clock
from whodid.detection.finding import Finding
from whodid.detection.fixtures.exercise import NO_LONGER_FIRES
from whodid.detection.record import NativeOf
from whodid.detection.rule import Head
from whodid.detection.rulebook import Rulebook
from whodid.detection.windows import Settings
from whodid.detection.windows.plan import Unusable
from whodid.errors import LedgerError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.port import SequencerPort

_log = logging.getLogger("whodid.detector")


class RuleHealth:
    """One for a detector. Not safe for threads.

    Invariant: what is kept is of the rules that `use` was called with last; what was known of those
    that did not change stays known over a restart.
    """

    def __init__(
        self, directory: Path, keys: KeyFolder, port: SequencerPort,
        take: Callable[[Sequence[Finding]], object], native_of: NativeOf, clock: Clock,
    ) -> None:  # fmt: skip
        self.exercising = Exercising(take, native_of, clock)
        self._surveying = Surveying(directory, keys, port, native_of, clock)
        self._file = RulesFile(directory, keys)
        self._clock = clock
        self._standing: RulesStanding | None = None

    @property
    def blind(self) -> int:
        """How many rules are known to be blind."""
        return 0 if self._standing is None else len(self._standing.blind)

    def use(self, book: Rulebook, learned: Head | None) -> None:
        """Tell which rules are used from now on; `learned` is that of learning, None: it is off."""
        before = self._standing or self._file.read()
        used = (*used_rules(book.rules), *_built_in(learned))
        standing = RulesStanding(self._clock(), used, book.faults, learned is not None)
        if before is not None:
            ids = {rule.head.id for rule in book.rules}
            standing = replace(
                standing, surveyed_us=before.surveyed_us, records=before.records,
                blind={name: one for name, one in before.blind.items() if name in ids},
                exercises=still_true(before.exercises, book.rules),
            )  # fmt: skip
        self._keep(standing)

    def step(
        self, book: Rulebook, windows: Settings, size: int, unusable: Sequence[Unusable]
    ) -> None:
        """Do a bounded piece of work. Raises what `take` raises."""
        ended_us = self.exercising.last_us
        if self.exercising.step(book, windows):
            if self.exercising.last_us != ended_us:
                self._exercised(book)
            return
        try:
            if self._surveying.step(book, size, unusable):
                self._surveyed()
        except (LedgerError, OSError) as error:
            _log.warning("whether rules can match was not looked at: %s", error)

    def close(self) -> None:
        """Let go of the ledger."""
        self._surveying.close()

    def _exercised(self, book: Rulebook) -> None:
        done, at_us = self.exercising.last, self.exercising.last_us
        if self._standing is None or done is None:
            return
        versions = {rule.head.id: rule.head.version for rule in book.rules}
        results = {
            name: ExerciseResult(versions[name], at_us, one.cases, one.failed, one.reason)
            for name, one in done.outcomes.items()
            if name in versions
        }
        self._keep(replace(self._standing, exercises=results))

    def _surveyed(self) -> None:
        found = self._surveying
        if self._standing is not None:
            self._keep(
                replace(
                    self._standing, surveyed_us=found.done_us, records=found.records,
                    blind=sightless(found.blind),
                )
            )  # fmt: skip

    def _keep(self, standing: RulesStanding) -> None:
        self._standing = standing
        try:
            self._file.write(standing)
        except (OSError, LedgerError) as error:
            _log.warning("what is known of rules was not kept: %s", error)


def _built_in(learned: Head | None) -> tuple[UsedRule, ...]:
    """Return what is looked for without a rule of a file: the ledger itself, its rules, habits."""
    heads = [(head, "the ledger and its sources") for head in BUILT_IN_HEADS]
    heads.append((NO_LONGER_FIRES, "the rules themselves"))
    if learned is not None:
        heads.append((learned, "what each actor is used to do"))
    return tuple(UsedRule(head, BUILT_IN, about, "whodid") for head, about in heads)
