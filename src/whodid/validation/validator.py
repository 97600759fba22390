"""The loop: rounds when they are due, a look at what is new between them, and what comes of it.

The report is the memory of this process and of the next one. It is not trusted further than that:

- A round reads every leaf and checks every root again; what it takes from the report is how far
  the payload was opened in this round. A cursor older than the interval is thrown away, so that
  even a report put back by somebody hides a fault for one round at most.
- A fault stands until a round that looked for it does not find it.
- No report, or one that is not ours, means that nothing was verified: a round begins.

What is found at the end of a round is looked for again before it is believed, since the log grows
and files are replaced meanwhile; a fault in a sealed unit, which never changes, is told at once.
"""

import re
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from whodid.clock import Clock
from whodid.errors import LedgerError, WhodidError
from whodid.ledger.verification.leaves import Part
from whodid.ledger.verify import Fault, Verdict
from whodid.limits import (
    VALIDATION_AGAIN_S,
    VALIDATION_EVENTS_MAX,
    VALIDATION_ROUNDS_KEPT,
    VALIDATION_SAVE_S,
    VALIDATION_WARNINGS_KEPT,
    VALIDATION_WATCH_S,
    VERIFY_FAULTS_MAX,
)
from whodid.validation.checks import Checks
from whodid.validation.report import Cursor, Report, Round, Standing, key_of
from whodid.validation.report_file import ReportFiles
from whodid.validation.schedule import HOUR_US, due_us
from whodid.validation.share import EndedError, Share

_SECOND_US = 1_000_000
_AGAIN_US = 60 * _SECOND_US
_CONFIRM_S = 2.0
_CONFIRMATIONS = 4
_REPORT = "validation/report"
_IN_INDEX = re.compile(r"(index/[^:]*): (.*)", re.DOTALL)


class Tell(Protocol):
    """Writes validation's own events. Each may raise WhodidError or OSError: it is tried again."""

    def fault(self, fault: Standing) -> None:
        """Write the event of a fault; the same one again is the same event."""
        ...

    def round(self, done: Round) -> None:
        """Write the event of a round, likewise."""
        ...

    def off(self, since_us: int) -> None:
        """Write the event that the settings turned it off, likewise."""
        ...


class Validator:
    """One ledger's. One owner: the thread that calls `step`.

    Invariants: `report` is what is kept next; what stands in `report.faults` was found, and its
    event is written until it is told; `step` raises nothing but EndedError.
    """

    def __init__(
        self,
        checks: Checks,
        files: ReportFiles,
        tell: Tell,
        clock: Clock,
        every_hours: float,
        busy_share: float,
        wait: Callable[[float], bool],
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._checks = checks
        self._files = files
        self._tell = tell
        self._clock = clock
        self._wait = wait
        self._say = say
        self._every_us = round(every_hours * HOUR_US)
        self._busy_share = busy_share
        self._share = Share(busy_share, wait)
        self._kept_us = self._looked_us = self._not_before_us = 0
        self._round_began_s = 0.0
        self._look_again_us = round(VALIDATION_WATCH_S * _SECOND_US)
        self._hurry = self._off_told = False
        self._off_since_us = 0
        self.report = self._remembered()

    # --- memory ----------------------------------------------------------------------------------

    def _remembered(self) -> Report:
        now = self._clock()
        every_us = self._every_us
        fresh = Report(now, now, every_us)
        try:
            known = self._files.report()
        except LedgerError as error:
            fault = Fault(_REPORT, None, str(error))
            return msgspec.structs.replace(fresh, faults=_merged([], [fault], now))
        if known is None:
            return fresh
        cursor = known.cursor
        if cursor is not None and now - cursor.started_us > every_us:
            cursor = None
        return msgspec.structs.replace(known, every_us=every_us, cursor=cursor, doing="", off=False)

    def _set(self, **changes: object) -> None:
        self.report = msgspec.structs.replace(self.report, **changes)

    def _keep(self) -> None:
        now = self._clock()
        self._kept_us = now
        self._set(updated_us=now)
        try:
            self._files.write_report(self.report)
        except (OSError, WhodidError) as error:  # it is in memory; the next time may do
            self._say(f"the report cannot be kept: {error}")

    # --- the loop --------------------------------------------------------------------------------

    def step(self) -> None:
        """Do what is due. Raises EndedError when the process is to end."""
        now = self._clock()
        self._tell_what_is_new()
        self._look_when_due(now)
        if now >= self._not_before_us and self._is_due(now):
            try:
                self._round(now)
            except (WhodidError, OSError) as error:  # nothing could be said: try again
                self._not_before_us = self._clock() + _AGAIN_US
                self._set(trouble=str(error), doing="")
                self._say(f"a round came to no end: {error}")
                self._keep()
        self._tell_what_is_new()
        if self._clock() - self._kept_us >= VALIDATION_SAVE_S * _SECOND_US:
            self._keep()

    def leave(self) -> None:
        """Keep how far it came, for the next process; a `step` may have been left anywhere."""
        self._keep()

    def be_off(self) -> None:
        """Say in the report that nothing is verified, and as an event; be called now and then."""
        if self._off_since_us == 0:
            self._off_since_us = self._clock()
        if not self._off_told:
            try:
                self._tell.off(self._off_since_us)
                self._off_told = True
            except (WhodidError, OSError) as error:  # the log takes nothing now
                self._say(f"an event cannot be written: {error}")
        if not self.report.off or self._clock() - self._kept_us >= VALIDATION_SAVE_S * _SECOND_US:
            self._set(off=True)
            self._keep()

    def _is_due(self, now: int) -> bool:
        return (
            (self._hurry and now - self._finished_us >= VALIDATION_AGAIN_S * _SECOND_US)
            or self.report.cursor is not None
            or self._files.asked()
            or now >= due_us(self.report)
        )

    def _look_when_due(self, now: int) -> None:
        if now - self._looked_us < self._look_again_us:
            return
        began_s = self._share.busy_s
        try:
            watched, faults = self._checks.news(self.report.watched, self._share.rest)
        except (WhodidError, OSError) as error:
            self._set(trouble=str(error))
        else:
            self._set(watched=msgspec.structs.replace(watched, at_us=now), trouble="")
            if self._found(faults):
                self._hurry = True
        self._looked_us = self._clock()
        cost_us = (self._share.busy_s - began_s) / self._busy_share * _SECOND_US
        self._look_again_us = max(round(VALIDATION_WATCH_S * _SECOND_US), round(cost_us))

    def _found(self, faults: Iterable[Fault]) -> bool:
        """Add faults to those that stand; tell whether one is new, which is then kept at once."""
        before = {fault.key for fault in self.report.faults}
        merged = _merged(self.report.faults, faults, self._clock())
        self._set(faults=merged)
        if all(fault.key in before for fault in merged):
            return False
        self._keep()
        self._tell_what_is_new()
        return True

    def _tell_what_is_new(self) -> None:
        faults, rounds = list(self.report.faults), list(self.report.rounds)
        told = False
        try:
            for at, fault in enumerate(faults):
                if not fault.told:
                    if at < VALIDATION_EVENTS_MAX:
                        self._tell.fault(fault)
                    elif at == VALIDATION_EVENTS_MAX:
                        more = f"{len(faults) - at} more faults are in the report only"
                        self._tell.fault(msgspec.structs.replace(fault, where="", problem=more))
                    faults[at] = msgspec.structs.replace(fault, told=True)
                    told = True
            for at, done in enumerate(rounds):
                if not done.told:
                    self._tell.round(done)
                    rounds[at] = msgspec.structs.replace(done, told=True)
                    told = True
        except (WhodidError, OSError) as error:  # the log takes nothing now; the report shows it
            self._say(f"an event cannot be written: {error}")
        if told:
            self._set(faults=faults, rounds=rounds)
            self._keep()

    # --- a round ---------------------------------------------------------------------------------

    def _round(self, now: int) -> None:
        self._hurry = False
        cursor = self.report.cursor or Cursor(now)
        self._round_began_s = self._share.busy_s - cursor.busy_s
        self._set(cursor=cursor, doing="entries", done=0, total=0)
        self._keep()
        self._files.forget_asked()  # now, so that who asked sees his round begun, not one before it
        self._looked_us = 0  # an older copy of a head is seen by a look alone
        self._look_when_due(now)
        verdict = self._checks.everything(_RoundPace(self, cursor))
        faults, seen_once = self._confirmed(verdict)
        self._set(doing="index")
        self._keep()
        if faults:  # each would be one of the index too
            found: list[Fault] = []
            index = "not compared: the ledger itself has faults"
        else:
            found, index = self._compare_index()
        self._close(cursor, verdict, faults + found, seen_once, index)

    def _confirmed(self, verdict: Verdict) -> tuple[list[Fault], list[str]]:
        """Look again for what was found, until the same is found twice in a row."""
        before = verdict.faults
        once: list[str] = []
        for _ in range(_CONFIRMATIONS):
            if not before:
                return [], once
            if self._wait(_CONFIRM_S):
                raise EndedError
            self._set(doing="what was found, again")
            now = self._checks.everything(_ConfirmingPace(self, before)).faults
            known, again = {key_of(f) for f in before}, {key_of(f) for f in now}
            once += [f"seen once, and not again: {f}" for f in before if key_of(f) not in again]
            if again <= known:
                return now, once
            before = now
        return before, once

    def _compare_index(self) -> tuple[list[Fault], str]:
        """Compare the index with a ledger that is sound."""
        try:
            sentences = self._checks.index(self.between)
        except (WhodidError, OSError) as error:
            return [], f"not compared: {error}"
        faults = []
        for sentence in sentences[:VERIFY_FAULTS_MAX]:
            match = _IN_INDEX.fullmatch(sentence)
            where, problem = match.groups() if match else ("index", sentence)
            faults.append(Fault(where, None, problem))
        return faults, "compared" if not faults else f"{len(sentences)} differences"

    def _close(
        self, cursor: Cursor, verdict: Verdict, faults: list[Fault], once: list[str], index: str
    ) -> None:
        now = self._clock()
        began_us = cursor.started_us
        confirmed = {key_of(fault) for fault in faults}
        # What was seen since this round began stands even if its end did not find it: it may have
        # been mended meanwhile, which the next round tells.
        kept = [
            fault
            for fault in self.report.faults
            if fault.key in confirmed or (fault.last_seen_us >= began_us and fault.where != _REPORT)
        ]
        standing = _merged(kept, faults, now)
        done = Round(
            began_us, now, self._share.busy_s - self._round_began_s, verdict.leaves,
            verdict.opened + verdict.opened_before,
            verdict.checkpoint.size if verdict.checkpoint else 0, len(standing),
            [*once, *verdict.warnings][:VALIDATION_WARNINGS_KEPT], verdict.not_opened,
            verdict.rollback, index,
        )  # fmt: skip
        rounds = [done, *self.report.rounds][:VALIDATION_ROUNDS_KEPT]
        self._hurry = any(fault.key not in confirmed for fault in standing)
        self._set(cursor=None, doing="", rounds=rounds, faults=standing, trouble="")
        self._keep()

    # --- between the parts of a round ------------------------------------------------------------

    def between(self) -> None:
        """Rest, look at what is new, keep how far it is. Raises EndedError."""
        self._share.rest()
        now = self._clock()
        self._look_when_due(now)
        if now - self._kept_us >= VALIDATION_SAVE_S * _SECOND_US:
            self._keep()

    def took(self, part: Part) -> None:
        """Note a unit of the present round."""
        cursor = self.report.cursor
        assert cursor is not None
        suspects, until = cursor.suspects, cursor.until
        if part.faults and part.first not in suspects:
            suspects = (*suspects, part.first)
        if part.first <= until and len(suspects) < VERIFY_FAULTS_MAX:
            until = max(part.end, until)
        busy_s = self._share.busy_s - self._round_began_s
        cursor = Cursor(cursor.started_us, until, suspects[:VERIFY_FAULTS_MAX], busy_s)
        self._set(cursor=cursor, done=part.end, total=max(self.report.watched.size, part.end))
        if part.faults:
            self._found(part.faults)
        self.between()

    @property
    def _finished_us(self) -> int:
        last = self.report.last
        return last.finished_us if last else 0


class _RoundPace:
    """The `Pace` of a round: goes on where its cursor stands."""

    def __init__(self, validator: Validator, cursor: Cursor) -> None:
        self._validator = validator
        self._until, self._suspects = cursor.until, set(cursor.suspects)

    def opened_before(self, first: int, end: int) -> bool:
        return end <= self._until and first not in self._suspects

    def took(self, part: Part) -> None:
        self._validator.took(part)

    def rest(self) -> None:
        self._validator.between()


class _ConfirmingPace:
    """The `Pace` of a second look: opens the units in which something was found."""

    def __init__(self, validator: Validator, faults: Iterable[Fault]) -> None:
        self._validator = validator
        self._entries = sorted({fault.entry for fault in faults if fault.entry is not None})

    def opened_before(self, first: int, end: int) -> bool:
        return not any(first <= entry < end for entry in self._entries)

    def took(self, part: Part) -> None:  # noqa: ARG002 - the seam's
        self._validator.between()

    def rest(self) -> None:
        self._validator.between()


def _merged(standing: list[Standing], faults: Iterable[Fault], now_us: int) -> list[Standing]:
    """Return the faults that stand together with those that were found now, each once."""
    merged = {fault.key: fault for fault in standing}
    for fault in faults:
        key = key_of(fault)
        known = merged.get(key)
        if known is not None:
            merged[key] = msgspec.structs.replace(known, last_seen_us=now_us)
        elif len(merged) < VERIFY_FAULTS_MAX:
            merged[key] = Standing(key, fault.where, fault.entry, fault.problem, now_us, now_us)
    return list(merged.values())
