"""Detection as it runs in a server: rules are read and read again, entries followed, alerts made.

Rules are read in a thread of their own, so that what is looked for now goes on meanwhile; the new
ones take up what the old ones remember.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from whodid.app.own import OwnEvents
from whodid.app.rule_events import DETECTOR, tell_faults, tell_rules
from whodid.app.rule_health import RuleHealth
from whodid.clock import Clock
from whodid.detection.baseline import Scorer
from whodid.detection.baseline import Settings as LearningSettings
from whodid.detection.compiled import Matcher, compile_rules
from whodid.detection.finding import Finding
from whodid.detection.follow import Detector, Lookers
from whodid.detection.lookers import Correlating, Heedless, Learning
from whodid.detection.record import NativeOf
from whodid.detection.rulebook import Choice, Rulebook, read_rules, stamp
from whodid.detection.state_file import StateFile
from whodid.detection.windows import Engine
from whodid.detection.windows import Settings as WindowSettings
from whodid.detection.windows.engine import Notice
from whodid.errors import LedgerError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import DETECTION
from whodid.ledger.port import SequencerPort
from whodid.ledger.reader import LedgerReader
from whodid.limits import DETECTION_LOOK_S, DETECTION_TICK_S

_log = logging.getLogger("whodid.detector")
_STATE, _RULES, _CACHE = "state", "rules", "cache"

_LEVELS = {"late": logging.INFO, "past": logging.INFO}
"""Notices that tell of how events came, and of nothing that was lost."""


class Plan(Struct, frozen=True):
    """What is to be looked for; `learning` None: nothing is learned."""

    choice: Choice = Choice()
    windows: WindowSettings = WindowSettings()
    learning: LearningSettings | None = LearningSettings()


class Taker(Protocol):
    """What becomes of findings: `alerts.Alerts`."""

    def take(self, findings: Sequence[Finding]) -> int:
        """Make alerts, durable on return; the same finding twice is one."""
        ...

    def tick(self) -> int:
        """End what is over."""
        ...


class _Ready(Struct, frozen=True):
    """Rules that were read and compiled for a plan."""

    plan: Plan
    book: Rulebook
    matcher: Matcher


class Detecting:
    """Detection over one ledger. One thread owns it; call `step` again and again, then `close`."""

    def __init__(
        self,
        directory: Path,
        keys: KeyFolder,
        port: SequencerPort,
        own: OwnEvents,
        alerts: Taker,
        native_of: NativeOf,
        plan: Plan,
        clock: Clock,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._directory = directory
        self._port = port
        self._own = own
        self._alerts = alerts
        self._plan = plan
        self._monotonic = monotonic
        self._reading: threading.Thread | None = None
        self._read: _Ready | None = None
        self._looked_s = self._ticked_s = float("-inf")
        self._notices: list[Notice] = []
        self.durable = 0
        self._used = StateFile(directory, keys, _RULES)
        self.ready = self._load(plan)
        self._reader = LedgerReader(directory, keys)
        self.detector = Detector(
            self._reader, StateFile(directory, keys, _STATE), self._lookers,
            alerts.take, native_of, clock, monotonic=monotonic,
        )  # fmt: skip
        self.health = RuleHealth(directory, keys, port, alerts.take, native_of, clock)
        self._tell(self.ready.book)

    @property
    def engine(self) -> Engine | None:
        """The engine of correlations, once there was a step."""
        found = self.detector.lookers.get("rules")
        return found.engine if isinstance(found, Correlating) else None

    @property
    def scorer(self) -> Scorer | None:
        """What learns, if anything does."""
        found = self.detector.lookers.get("learning")
        return found.scorer if isinstance(found, Learning) else None

    def take_notices(self) -> list[Notice]:
        """Return what correlations gave up or passed over since it was asked last."""
        taken, self._notices = self._notices, []
        return taken

    def plan(self, plan: Plan) -> None:
        """Look for something else from soon on. Safe to call from another thread."""
        self._plan = plan

    def step(self) -> bool:
        """Do a bounded piece of work; tell whether there was any. Raises LedgerError, OSError."""
        self._follow_rules()
        self.durable = self._port.status().size
        done = self.detector.step(self.durable)
        if not done:
            unusable = () if self.engine is None else self.engine.unusable
            self.health.step(self.ready.book, self.ready.plan.windows, self.durable, unusable)
        if self.engine is not None:
            notices = self.engine.notices()
            self._notices += notices
            for notice in notices:
                _log.log(_LEVELS.get(notice.kind, logging.WARNING), "%s", notice.text)
        now = self._monotonic()
        if now - self._ticked_s >= DETECTION_TICK_S:
            self._ticked_s = now
            self._alerts.tick()
        for note in self.detector.notes:
            _log.warning("%s", note)
        self.detector.notes.clear()
        return bool(done)

    def close(self) -> None:
        """Keep the state and let go. Raises as `step`."""
        try:
            self.detector.save()
        finally:
            self.drop()

    def drop(self) -> None:
        """Let go without keeping anything: the next one begins at the state that was kept last."""
        self.health.close()
        self._reader.close()

    # --- rules -----------------------------------------------------------------------------------

    def _lookers(self) -> Lookers:
        ready = self.ready
        found: dict[str, Correlating | Learning] = {
            "rules": Correlating(
                Engine(ready.book.rules, Heedless(ready.matcher), ready.plan.windows)
            )
        }
        if ready.plan.learning is not None:
            found["learning"] = Learning(Scorer(ready.plan.learning))
        return found

    def _load(self, plan: Plan) -> _Ready:
        book = read_rules(self._directory, plan.choice, self._directory / DETECTION / _CACHE)
        return _Ready(plan, book, compile_rules(book.rules))

    def _follow_rules(self) -> None:
        """Begin to read rules that changed, and use those that were read."""
        if self._reading is not None:
            if self._reading.is_alive():
                return
            self._reading = None
            if self._read is not None:
                self._use(self._read)
                self._read = None
        now = self._monotonic()
        if now - self._looked_s < DETECTION_LOOK_S:
            return
        self._looked_s = now
        plan = self._plan
        same = stamp(self._directory, plan.choice) == self.ready.book.stamp
        if same and plan == self.ready.plan:
            return

        def read() -> None:
            self._read = self._load(plan)

        self._reading = threading.Thread(target=read, name="rules", daemon=True)
        self._reading.start()

    def _use(self, ready: _Ready) -> None:
        before = self.ready
        self.ready = ready
        try:
            self.detector.change(self._lookers)
        except (LedgerError, OSError):
            self.ready = before  # and it is tried again
            raise
        self._tell(ready.book)

    def _tell(self, book: Rulebook) -> None:
        """Write what changed about the rules, then remember that it was written."""
        learning = self.ready.plan.learning
        self.health.use(book, None if learning is None else Scorer(learning).head)
        tell_faults(self._own, book.faults)
        try:
            kept = self._used.read()
            before = {} if kept is None else msgspec.msgpack.decode(kept, type=dict[str, str])
        except (LedgerError, msgspec.DecodeError):
            before = {}
        if before != book.versions:
            tell_rules(self._own, before, book)
            self._used.write(msgspec.msgpack.encode(book.versions))


__all__ = ["DETECTOR", "Detecting", "Plan", "Taker"]
