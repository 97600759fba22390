"""How a source is doing: its rate, how late it is, its clock, its gaps, whether it fell silent."""

from typing import Literal, TypeAlias

from msgspec import Struct

from whodid.app.answer import SourceInfo
from whodid.app.document import Document, source_document
from whodid.app.instant import instant
from whodid.index.lags import Way
from whodid.index.rhythm import Rhythm
from whodid.limits import SOURCE_LATE_S, SOURCE_SKEW_S

_SECOND_US = 1_000_000
_MINUTE_S = 60
_SILENT_MINUTES_MIN = 10

Clock: TypeAlias = Literal["ahead", "behind or late", "even"]


class Gaps(Struct, frozen=True):
    """Of the numbers of a source in the last 24 hours: how many gaps, how many are missing.

    `numbers` counts those that came. Without any the source does not number its events, and what
    did not come cannot be known.
    """

    numbers: int
    gaps: int
    missing: int


class SourceState(Struct, frozen=True):
    """A declared source and how it is doing; times in µs UTC.

    `heard_us` is when something last came from it. `rhythm` and `way` (of the last hour) are None
    where nothing came; `gaps` None where the reader may not know.
    """

    info: SourceInfo
    heard_us: int | None
    rhythm: Rhythm | None
    way: Way | None
    gaps: Gaps | None

    @property
    def clock(self) -> Clock | None:
        """Return how its clock stands against ours, as far as the last hour shows.

        Ahead: some event came before its own time. Behind, or late: none came soon.
        """
        if self.way is None:
            return None
        if self.way.ahead:
            return "ahead"
        return "behind or late" if self.way.least_us > SOURCE_SKEW_S * _SECOND_US else "even"

    @property
    def clock_is_wrong(self) -> bool:
        """Tell whether it is ahead, or all events come late by about as much, as of a slow clock.

        Old events that are read at once come late too, but each by its own age.
        """
        way = self.way
        if way is None or self.clock == "even":
            return False
        spread_us = way.p95_us - way.least_us
        return self.clock == "ahead" or spread_us <= SOURCE_LATE_S * _SECOND_US

    @property
    def silent(self) -> bool:
        """Tell whether it is silent for longer than ever in the days in which it was heard."""
        rhythm = self.rhythm
        if rhythm is None or rhythm.since_minutes is None or rhythm.pause_minutes is None:
            return False
        return rhythm.since_minutes > max(rhythm.pause_minutes, _SILENT_MINUTES_MIN)


def state_document(state: SourceState) -> Document:
    """Return the JSON form of a source's state; what is not known is null."""
    rhythm, way, gaps = state.rhythm, state.way, state.gaps
    since, pause = (rhythm.since_minutes, rhythm.pause_minutes) if rhythm else (None, None)
    return {
        **source_document(state.info),
        "heard": None if state.heard_us is None else instant(state.heard_us),
        "last_hour": rhythm.hour if rhythm else 0,
        "last_24_hours": rhythm.hours if rhythm else [0] * 24,
        "silent": state.silent,
        "silent_seconds": None if since is None else since * _MINUTE_S,
        "pause_seconds": None if pause is None else pause * _MINUTE_S,
        "lag": None if way is None else {
            "events": way.events,
            "median_seconds": way.median_us / _SECOND_US,
            "p95_seconds": way.p95_us / _SECOND_US,
            "least_seconds": way.least_us / _SECOND_US,
            "ahead": way.ahead,
        },
        "clock": state.clock,
        "sequence": None if gaps is None else {
            "numbers": gaps.numbers, "gaps": gaps.gaps, "missing": gaps.missing,
        },
    }  # fmt: skip
