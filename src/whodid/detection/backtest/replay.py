"""Candidates of a scan → findings, as the live detector would have made them.

The engine of correlations must know the times of all events, those too that no rule matches: they
decide when a window is over. So between two candidates it gets `Quiet` records; nothing of them is
opened, and many become one where that says the same (`breaks`).
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from msgspec import Struct, structs

from whodid.detection.asked import Telling
from whodid.detection.finding import Finding
from whodid.detection.lookers import Heedless
from whodid.detection.record import NativeOf, Record
from whodid.detection.rule import AnyRule, Correlation, Rule
from whodid.detection.windows import Engine
from whodid.detection.windows import Settings as WindowSettings
from whodid.detection.windows.extract import Matching
from whodid.event import GROUPS, Envelope, When
from whodid.ledger.leaf import LeafType
from whodid.ledger.reader import LedgerReader
from whodid.ledger.stored import FoundRow
from whodid.limits import BACKTEST_OPENED_AT_ONCE, CORRELATION_NEAR_US

_NO_GROUPS = (b"",) * len(GROUPS)


class Times(Struct, frozen=True):
    """When every event was, in the order of the log.

    `entry`, `time` (else when it was received) and `received` (µs) are i64; `source` numbers names
    in `sources`.
    """

    entry: np.ndarray
    time: np.ndarray
    received: np.ndarray
    source: np.ndarray
    sources: tuple[str, ...]


class Quiet(Record):
    """Events that no rule matches, as one: the last entry, the newest times."""

    def __init__(self, entry: int, time_us: int, received_us: int, source: str) -> None:
        super().__init__(entry, _NO_GROUPS, _nothing)
        self._parts[0] = When("", received_us, time_us)
        self._parts[7] = Envelope(source, "")


def _nothing(_raw: bytes, _format: str) -> None:
    return None


class Sifted:
    """A matcher that is not asked about quiet records."""

    def __init__(self, matcher: Matching) -> None:
        self._matcher = matcher
        if isinstance(matcher, Telling):
            self.texts = matcher.texts

    def matching(self, record: Record) -> list[Rule]:
        """Return the rules that match."""
        return [] if record.__class__ is Quiet else self._matcher.matching(record)

    def values(self, record: Record, rule: Rule, field: str) -> tuple[str | int | float, ...]:
        """Return the values of a field as a rule means it."""
        return self._matcher.values(record, rule, field)


def is_old(times: Times) -> np.ndarray:
    """Return which events may be correlated apart from the present (bool)."""
    newest = np.maximum.accumulate(np.maximum(times.time, times.received))
    old: np.ndarray = times.time < newest - CORRELATION_NEAR_US
    return old


def breaks(times: Times, settings: WindowSettings) -> np.ndarray:
    """Return which events cannot be told together with the one before (bool).

    A run of one source is told by its newest times: its mark only grows, and that of the others
    stands. Not so when the source may have fallen silent in between; and events that are old are
    no run with others.
    """
    clock = np.maximum.accumulate(times.received)
    stretch = clock // max(settings.idle_us, 1)
    alone = np.ones(len(times.entry), dtype=np.bool_)
    for marks in (times.source, stretch, is_old(times)):
        same = marks[1:] == marks[:-1]
        alone[1:] &= same
    alone[1:] = ~alone[1:]
    after = np.concatenate((np.zeros(1, dtype=np.bool_), alone[:-1]))
    return alone | after


def clamped(times: Times, settings: WindowSettings) -> Times:
    """Return the times as the engine takes them: of a clock that is fast, when it was received."""
    lateness = np.array(
        [settings.lateness_by_source.get(name, settings.lateness_us) for name in times.sources],
        dtype=np.int64,
    )
    if not len(times.entry):
        return times
    ahead = times.time > times.received + lateness[times.source]
    time = np.where(ahead, times.received, times.time)
    return Times(times.entry, time, times.received, times.source, times.sources)


class Replayed(Struct):
    """What a replay found and what it cost."""

    findings: list[Finding]
    opened: int = 0
    unreadable: int = 0


class Between:
    """The events between candidates, as few quiet records.

    `mark_of` tells the mark of the present as it is now (µs): an event that is far enough behind it
    is correlated apart, whatever comes before it, since the mark never falls.
    """

    def __init__(self, times: Times, settings: WindowSettings, mark_of: Callable[[], int]) -> None:
        self._times = clamped(times, settings)
        self._breaks = breaks(self._times, settings)
        self._old = is_old(self._times)
        self._mark_of = mark_of

    def place(self, entry: int) -> int:
        """Return the place of an entry among the times."""
        return int(np.searchsorted(self._times.entry, entry))

    def quiet(self, first: int, end: int) -> Iterator[Quiet]:
        """Yield the events at places [first, end), in order, while the engine takes them.

        Of a run of old events the first is told alone, and the others as one, when all of them are
        surely apart.
        """
        if first >= end:
            return
        times = self._times
        begins = np.flatnonzero(self._breaks[first:end])
        if not len(begins) or begins[0]:
            begins = np.concatenate(([0], begins))
        newest = np.maximum.reduceat(times.time[first:end], begins).tolist()
        received = np.maximum.reduceat(times.received[first:end], begins).tolist()
        starts = [*(begins + first).tolist(), end]
        for run, (start, stop) in enumerate(pairwise(starts)):
            if not self._old[start] or stop - start == 1:
                yield self._quiet(stop - 1, newest[run], received[run])
                continue
            yield self._alone(start)
            if newest[run] < self._mark_of() - CORRELATION_NEAR_US:
                yield self._quiet(stop - 1, newest[run], received[run])
            else:
                yield from map(self._alone, range(start + 1, stop))

    def _alone(self, place: int) -> Quiet:
        return self._quiet(place, int(self._times.time[place]), int(self._times.received[place]))

    def _quiet(self, last: int, newest: int, received: int) -> Quiet:
        times = self._times
        source = times.sources[int(times.source[last])]
        return Quiet(int(times.entry[last]), newest, received, source)


def replay(
    rules: Sequence[AnyRule], matcher: Matching, settings: WindowSettings, reader: LedgerReader,
    candidates: np.ndarray, times: Times, native_of: NativeOf, until_us: int | None,
) -> Replayed:  # fmt: skip
    """Return what rules find in the candidates (entries, ascending) among events at `times`.

    With `until_us` the history ends there, so that windows that are still open are closed. Raises
    LedgerError for entries whose leaves cannot be read.
    """
    engine = Engine(rules, Sifted(Heedless(matcher)), structs.replace(settings, early=False))
    correlates = any(isinstance(rule, Correlation) for rule in rules)
    between = Between(times, settings, lambda: engine.lane.time.mark)
    done = Replayed([])
    at = 0
    for record in opened(reader, candidates, native_of, done):
        if correlates:
            place = between.place(record.entry)
            done.findings += engine.feed(between.quiet(at, place))
            at = place + 1
        done.findings += engine.feed([record])
    if correlates:
        done.findings += engine.feed(between.quiet(at, len(times.entry)))
    if until_us is not None:
        done.findings += engine.close(until_us)
    return done


def opened(
    reader: LedgerReader, candidates: np.ndarray, native_of: NativeOf, done: Replayed
) -> Iterator[Record]:
    """Yield the records of these entries, in order; those that cannot be read are counted."""
    for start in range(0, len(candidates), BACKTEST_OPENED_AT_ONCE):
        part = candidates[start : start + BACKTEST_OPENED_AT_ONCE].tolist()
        for row in sorted(reader.find(part), key=_index):
            if row.head().type != LeafType.EVENT:
                continue
            record = None if row.groups is None else Record(row.index, row.groups, native_of)
            if record is None or not record.readable:
                done.unreadable += 1
                continue
            done.opened += 1
            yield record


def _index(row: FoundRow) -> int:
    return row.index
