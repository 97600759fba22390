"""The daily exercise of the rules in use, done where they are used, between other work.

A round begins with the process, a day after the one before began, and when the rules changed. What
fails in it becomes an alert like any other (`fixtures.exercise`).
"""

import logging
from collections.abc import Callable, Sequence

from whodid.clock import Clock
from whodid.detection.finding import Finding
from whodid.detection.fixtures.engine import engine_of
from whodid.detection.fixtures.exercise import EXERCISE_EVERY_US, Exercise, Exercised
from whodid.detection.record import NativeOf
from whodid.detection.rulebook import Rulebook
from whodid.detection.windows import Settings

_log = logging.getLogger("whodid.detector")


class Exercising:
    """Rounds of the exercise. Not safe for threads.

    Invariant: what a round found is taken once, when all of its rules were exercised.
    """

    def __init__(
        self, take: Callable[[Sequence[Finding]], object], native_of: NativeOf, clock: Clock
    ) -> None:
        self._take = take
        self._native_of = native_of
        self._clock = clock
        self._round: Exercise | None = None
        self._stamp: bytes | None = None
        self._begun_us = 0
        self.last: Exercised | None = None
        """What the last whole round did."""
        self.last_us = 0
        """When it ended."""

    def step(self, book: Rulebook, settings: Settings) -> bool:
        """Exercise at most one rule; tell whether there was one to do.

        Raises what `take` raises; the round's findings are then handed on by the next step.
        """
        now_us = self._clock()
        due = now_us - self._begun_us >= EXERCISE_EVERY_US
        if book.stamp != self._stamp or (due and self._round is None):
            self._stamp, self._begun_us = book.stamp, now_us
            self._round = Exercise(book.rules, engine_of(settings), self._native_of)
        if self._round is None:
            return False
        if self._round.step():
            return True
        findings = self._round.findings(now_us)
        if findings:
            self._take(findings)
        done = self._round.done
        _log.info(
            "%d rules were exercised, %d failed, %d have no fixture",
            done.rules, done.failed, done.without_fixture,
        )  # fmt: skip
        self.last, self.last_us, self._round = done, now_us, None
        return True
