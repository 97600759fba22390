"""Candidates of a scan → findings, as the live detector would have made them.

The engine of correlations must know the times of all events, those too that no rule matches: they
decide when a window is over. So between two candidates it gets `Quiet` records, one for each run of
events of a source; nothing of them is opened. Within a run times only grow, so one says as much as
all of them.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct

from whodid.detection.finding import Finding
from whodid.detection.record import NativeOf, Record
from whodid.detection.rule import AnyRule, Rule
from whodid.detection.windows import Engine
from whodid.detection.windows import Settings as WindowSettings
from whodid.detection.windows.engine import Matching
from whodid.event import GROUPS, Envelope, When
from whodid.ledger.reader import LedgerReader
from whodid.ledger.stored import StoredRow
from whodid.limits import BACKTEST_OPENED_AT_ONCE

_NO_GROUPS = (b"",) * len(GROUPS)
_EVENT = 1


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

    def matching(self, record: Record) -> list[Rule]:
        """Return the rules that match."""
        return [] if record.__class__ is Quiet else self._matcher.matching(record)

    def values(self, record: Record, rule: Rule, field: str) -> tuple[str | int | float, ...]:
        """Return the values of a field as a rule means it."""
        return self._matcher.values(record, rule, field)


class Replayed(Struct):
    """What a replay found and what it cost."""

    findings: list[Finding]
    opened: int = 0
    unreadable: int = 0


def replay(
    rules: Sequence[AnyRule],
    matcher: Matching,
    settings: WindowSettings,
    reader: LedgerReader,
    candidates: np.ndarray,
    times: Times,
    native_of: NativeOf,
    until_us: int | None,
) -> Replayed:
    """Return what rules find in the candidates (entries, ascending) among events at `times`.

    With `until_us` the history ends there, so that windows that are still open are closed. Raises
    LedgerError for entries whose leaves cannot be read.
    """
    engine = Engine(rules, Sifted(matcher), settings)
    done = Replayed([])
    at = 0
    for record in opened(reader, candidates, native_of, done):
        place = int(np.searchsorted(times.entry, record.entry))
        done.findings += engine.feed([*_quiet(times, at, place), record])
        at = place + 1
    done.findings += engine.feed(_quiet(times, at, len(times.entry)))
    if until_us is not None:
        done.findings += engine.close(until_us)
    return done


def opened(
    reader: LedgerReader, candidates: np.ndarray, native_of: NativeOf, done: Replayed
) -> Iterator[Record]:
    """Yield the records of these entries, in order; those that cannot be read are counted."""
    for start in range(0, len(candidates), BACKTEST_OPENED_AT_ONCE):
        part = candidates[start : start + BACKTEST_OPENED_AT_ONCE].tolist()
        for row in sorted(reader.pick(part), key=_index):
            if row.type != _EVENT:
                continue
            record = None if row.groups is None else Record(row.index, row.groups, native_of)
            if record is None or not record.readable:
                done.unreadable += 1
                continue
            done.opened += 1
            yield record


def _index(row: StoredRow) -> int:
    return row.index


def _quiet(times: Times, first: int, end: int) -> Iterator[Quiet]:
    """Yield the events at places [first, end), each run of one source as one."""
    if first >= end:
        return
    source = times.source[first:end]
    begins = np.concatenate(([0], np.flatnonzero(source[1:] != source[:-1]) + 1))
    time = np.maximum.reduceat(times.time[first:end], begins).tolist()
    received = np.maximum.reduceat(times.received[first:end], begins).tolist()
    last = (np.concatenate((begins[1:], [end - first])) - 1 + first).tolist()
    for at, begin in enumerate(begins.tolist()):
        name = times.sources[int(source[begin])]
        yield Quiet(int(times.entry[last[at]]), time[at], received[at], name)
