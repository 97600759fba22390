"""How far event time has come: before the mark nothing more is expected.

Each source has a mark of its own, the newest time that it sent less the lateness it is allowed
(never later than when that was received: a clock that is fast does not take the others along).
The mark is the least of them, without sources that are silent or that are far behind. It depends
on the entries and on `clock`, the newest time at which one was received, so it is the same over
history. Reference: Akidau et al., The Dataflow Model, VLDB 2015, section 2.
"""

from msgspec import Struct

from whodid.detection.windows.stored import Time
from whodid.limits import CORRELATION_SOURCES_MAX

BEGINNING = -(2**62)
"""A mark before any event."""

ENDLESS = 2**62
"""A time after all events."""


class SourceTime(Struct, array_like=True):
    """Of one source: the newest time of an event, and when one was received last (µs UTC)."""

    newest: Time
    received: Time


class MarkState(Struct, array_like=True):
    """What a mark is made again from."""

    clock: Time
    mark: Time
    sources: dict[str, SourceTime]


class Watermark:
    """The mark of one lane. Invariants: `mark` and `clock` never fall."""

    def __init__(self, lateness: int, by_source: dict[str, int], idle: int) -> None:
        self.clock = BEGINNING
        self.mark = BEGINNING
        self.sources: dict[str, SourceTime] = {}
        self.follows_clock = True
        """Whether time passes by the clock while no source is waited for."""
        self._lateness = lateness
        self._by_source = by_source
        self._idle = idle
        self._holder = ""
        self.look_again = BEGINNING
        """Time that passes until then moves no mark."""

    def lateness(self, source: str) -> int:
        """Return by how much events of a source may be late (µs)."""
        return self._by_source.get(source, self._lateness)

    def pass_time(self, now: int) -> None:
        """Let time pass without an event."""
        if now > self.clock:
            self.clock = now
            if now > self.look_again:
                self._move()

    def observe(self, source: str, time: int, received: int) -> None:
        """Take an event's time into account, after `pass_time(received)`."""
        known = self.sources.get(source)
        if known is None:
            self._make_room()
            self.sources[source] = SourceTime(time, received)
            self._move()
            return
        if received > known.received:  # noqa: PLR1730 - of each event: calls of `max` cost more
            known.received = received
        if time > known.newest:  # noqa: PLR1730
            known.newest = time
        if source != self._holder and self._holder:
            return
        if len(self.sources) > 1 or self.clock - known.received > self._idle:
            self._move()
        elif known.newest >= self.mark:  # as `_move` of one source, which is the usual case
            newest, came = known.newest, known.received
            least = newest if newest < came else came  # noqa: FURB136
            mark = least - self._by_source.get(source, self._lateness)
            if mark > self.mark:  # noqa: PLR1730
                self.mark = mark

    def next_silence(self) -> int:
        """Return the time after which a source may be silent, or all of them are (µs UTC).

        It is not before `clock`: time that is passed to just behind it moves on.
        """
        return max(min(self.look_again, self._all_silent_at()), self.clock)

    def all_silent(self) -> bool:
        """Tell whether nothing came of any source for so long that it is not waited for."""
        return self.clock > self._all_silent_at()

    def _all_silent_at(self) -> int:
        return max(known.received for known in self.sources.values()) + self._idle

    def state(self) -> MarkState:
        """Return what `take` makes it again from; it does not change afterwards."""
        sources = {name: SourceTime(s.newest, s.received) for name, s in self.sources.items()}
        return MarkState(self.clock, self.mark, sources)

    def take(self, state: MarkState) -> None:
        """Become what `state` says."""
        self.clock, self.mark, self.sources = state.clock, state.mark, state.sources
        self._holder, self.look_again = "", BEGINNING

    def _move(self) -> None:
        """Set the mark, and say which source holds it and when one of them falls silent."""
        least, oldest, holder = None, None, ""
        for name, known in self.sources.items():
            if self.clock - known.received > self._idle or known.newest < self.mark:
                continue
            mark = min(known.newest, known.received) - self.lateness(name)
            if least is None or mark < least:
                least, holder = mark, name
            if oldest is None or known.received < oldest:
                oldest = known.received
        self._holder = holder
        if least is not None and oldest is not None:
            self.look_again = oldest + self._idle
            self.mark = max(self.mark, least)
        elif self.follows_clock:
            self.look_again = self.clock
            self.mark = max(self.mark, self.clock - self._idle)
        else:
            self.look_again = ENDLESS

    def _make_room(self) -> None:
        if len(self.sources) >= CORRELATION_SOURCES_MAX:
            longest = min(self.sources, key=lambda name: (self.sources[name].received, name))
            del self.sources[longest]
