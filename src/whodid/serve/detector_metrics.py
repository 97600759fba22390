"""What the detector tells of itself: how far behind it is, what it found, what it gave up."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

from whodid.detection.baseline import Scorer
from whodid.detection.follow import Counts
from whodid.detection.sigma import Fault
from whodid.detection.windows.engine import Notice
from whodid.metrics import Metric, counter, gauge

_NOTICES = ("evicted", "late", "ahead", "forced", "past")


class DetectorMetrics:
    """One owner: the detector's thread; `metrics` is called by another.

    `failures` counts steps that failed and were begun again.
    """

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self.failures = 0
        self._monotonic_s = monotonic_s
        self._durable = self._cursor = self._goal = 0
        self._level_s = monotonic_s()
        self._before = Counts()
        self._counts = Counts()
        self._rules = self._faults = self._warnings = self._unusable = self._blind = 0
        self._state_bytes = 0
        self._notices: Counter[str] = Counter()
        self._learning: dict[str, int] = {}

    def stands(self, *, durable: int, cursor: int, counts: Counts, state_bytes: int = 0) -> None:
        """Take note of where it is; `counts` are of the one that runs now."""
        self._durable, self._cursor = durable, cursor
        self._counts = counts
        self._state_bytes = state_bytes
        if cursor >= self._goal:  # what was durable when this began was looked at
            self._level_s = self._monotonic_s()
            self._goal = durable

    def begun_anew(self) -> None:
        """Keep what was counted: another detector counts from zero."""
        for name in Counts.__struct_fields__:
            whole = getattr(self._before, name) + getattr(self._counts, name)
            setattr(self._before, name, whole)
        self._counts = Counts()

    def rules(self, *, used: int, faults: Sequence[Fault], unusable: int, blind: int) -> None:
        """Take note of the rules that are used."""
        self._rules = used
        self._warnings = sum(fault.warning for fault in faults)
        self._faults = len(faults) - self._warnings
        self._unusable = unusable
        self._blind = blind

    def notices(self, notices: Sequence[Notice]) -> None:
        """Count what correlations gave up or passed over."""
        for notice in notices:
            self._notices[notice.kind] += notice.count

    def learning(self, scorer: Scorer | None) -> None:
        """Take note of what learning knows."""
        self._learning = {} if scorer is None else dict(scorer.counts())

    def metrics(self) -> list[Metric]:
        """Return everything."""
        total = {
            name: getattr(self._before, name) + getattr(self._counts, name)
            for name in Counts.__struct_fields__
        }
        behind = max(self._durable - self._cursor, 0)
        return [
            gauge("whodid_detection_lag_entries", "Durable, not yet looked at by rules.", behind),
            gauge("whodid_detection_lag_seconds", "For so long something waits to be looked at.",
                self._monotonic_s() - self._level_s if behind else 0),
            counter("whodid_detection_events_total", "Events that rules looked at.",
                total["events"]),
            counter("whodid_detection_findings_total",
                "Times that a rule held; many may be one alert.", total["findings"]),
            counter("whodid_detection_unreadable_total",
                "Events whose content could not be read.", total["unreadable"]),
            counter("whodid_detection_failed_events_total",
                "Events that rules failed at and left out.", total["failed"]),
            counter("whodid_detection_begun_again_total",
                "Times that what rules remember was lost.", total["begun_again"]),
            counter("whodid_detector_failures_total",
                "Steps of the detector that failed and were begun again.", self.failures),
            Metric("whodid_detection_rules", "gauge",
                "Rules: used, faulty (not used), doubtful, not run, or that can never match here.",
                [({"state": state}, value) for state, value in (
                    ("used", self._rules), ("faulty", self._faults),
                    ("doubtful", self._warnings), ("unusable", self._unusable),
                    ("blind", self._blind))]),
            gauge("whodid_detection_state_bytes",
                "What rules and learning remember, as it was kept last.", self._state_bytes),
            Metric("whodid_detection_notices_total", "counter",
                "State that correlations gave up, and events too late or too early for them.",
                [({"kind": kind}, self._notices[kind]) for kind in _NOTICES]),
            *([Metric("whodid_detection_learning", "gauge", "What learning knows, by kind.",
                [({"kind": kind}, value) for kind, value in sorted(self._learning.items())])]
                if self._learning else []),
        ]  # fmt: skip
