"""Temporal correlations whose condition says `not`: judged when the window is over.

A window begins with each event of a rule that must match, and lasts the span after it, both ends
included. Only then is it known what did not come. After a finding the events of its window begin
none. A late event takes its place in windows that are not over, and begins none: what must not
have come may have been forgotten.
"""

from bisect import bisect_left, insort
from itertools import pairwise
from operator import itemgetter

import msgspec
from msgspec import Struct

from whodid.detection.finding import Finding
from whodid.detection.windows.asked import asked_holds, asked_words, wanted_of
from whodid.detection.windows.hit import ID, KEY, MASK, SHOWN, TIME, Hit, Key
from whodid.detection.windows.machine import Awaited, SetTimer
from whodid.detection.windows.plan import Plan
from whodid.detection.windows.stored import Count, StoredHit, Time, hit_from
from whodid.detection.windows.words import of_whom, span
from whodid.errors import InputError
from whodid.limits import CORRELATION_EVENTS_MAX

_LONG_AGO = -(2**62)
_time = itemgetter(TIME)
_by_place = itemgetter(TIME, ID)


class _Kept:
    """Of one key: when windows began that are not over, and the events since the first of them.

    Beside these the events of the present moment. `deaf` is when the last finding was.
    """

    __slots__ = ("counts", "deaf", "events", "starts")

    def __init__(self, rules: int) -> None:
        self.counts = [0] * rules
        self.events: list[Hit] = []
        self.starts: list[int] = []
        self.deaf = _LONG_AGO

    def count(self, hit: Hit, by: int) -> None:
        """Count an event for each of its rules, or (by -1) no longer."""
        mask, bit = hit[MASK], 0
        while mask:
            self.counts[bit] += by * (mask & 1)
            mask >>= 1
            bit += 1

    def forget(self, count: int) -> None:
        """Forget the first events."""
        for hit in self.events[:count]:
            self.count(hit, -1)
        del self.events[:count]


class _StoredKept(Struct, array_like=True):
    key: tuple[str, ...]
    events: list[StoredHit]
    starts: list[Time]
    deaf: Time


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Count, list[_StoredKept]]).decode


class Judged(Awaited):
    """Windows of a condition with `not`.

    Invariants: keys stand in the order in which they were last seen; `total` is the number of
    their events. A timer comes at the end of each window; a microsecond after the present moment
    another one for a key without windows, which is forgotten then.
    """

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        self.undone = True
        self.keys: dict[Key, _Kept] = {}
        self.total = 0
        self._words = plan.correlation.words
        self._wanted, _ = wanted_of(self._words)

    def add(self, hit: Hit) -> bool:
        """Take an event in."""
        kept = self.keys.pop(hit[KEY], None) or _Kept(len(self.plan.below))
        self.keys[hit[KEY]] = kept
        kept.events.append(hit)
        kept.count(hit, 1)
        self.total += 1
        self._bound(kept)
        return True

    def settle(self, key: Key, time: int) -> list[Finding]:
        """Begin a window. Nothing is found now."""
        kept = self.keys.get(key)
        if kept is None:
            return []
        begins = time > kept.deaf and kept.starts[-1:] != [time] and self._is_wanted(kept, time)
        if begins:
            kept.starts.append(time)
            self._timer(time + self.plan.span, self.plan.place, key)
        elif not kept.starts:
            self._timer(time + 1, self.plan.place, key)
        return []

    def due(self, key: Key, time: int) -> list[Finding]:
        """Judge the window that ends now."""
        kept = self.keys.get(key)
        if kept is None:
            return []
        begin = time - self.plan.span
        found: list[Finding] = []
        if kept.starts and kept.starts[0] <= begin:
            kept.starts.pop(0)
            found = self._judged(kept, time)
        first = kept.starts[0] if kept.starts else time
        gone = bisect_left(kept.events, first, key=_time)
        kept.forget(gone)
        self.total -= gone
        if not kept.starts and not kept.events and kept.deaf < time:
            del self.keys[key]
        elif not kept.starts:
            self._timer(time + 1, self.plan.place, key)
        return found

    def awaits(self, key: Key, time: int) -> bool:  # noqa: ARG002 - any may be of its windows
        """Tell whether anything of a key is kept."""
        return key in self.keys

    def add_late(self, hit: Hit) -> list[Finding]:
        """Take an event in its place, if it is in a window that is not over."""
        kept = self.keys.get(hit[KEY])
        if kept is not None and kept.starts and hit[TIME] >= kept.starts[0]:
            insort(kept.events, hit, key=_by_place)
            kept.count(hit, 1)
            self.total += 1
            self._bound(kept)
        return []

    def state(self) -> bytes:
        """Return what is kept."""
        kept = [
            _StoredKept(key, list(it.events), it.starts, it.deaf) for key, it in self.keys.items()
        ]
        return _encode((self.evicted, kept))

    def take(self, data: bytes) -> None:
        """Become what `state` returned. Raises msgspec.MsgspecError, InputError."""
        self.evicted, stored = _decode(data)
        self.keys = {}
        for item in stored:
            if len(item.key) != len(self.plan.correlation.group_by):
                raise InputError("state of a correlation: a key of another length")
            kept = self.keys[item.key] = _Kept(len(self.plan.below))
            kept.deaf, kept.starts = item.deaf, item.starts
            kept.events = [hit_from(hit, self.plan, None) for hit in item.events]
            for hit in kept.events:
                kept.count(hit, 1)
            times = [hit[TIME] for hit in kept.events]
            if any(two < one for them in (times, kept.starts) for one, two in pairwise(them)):
                raise InputError("state of a correlation: a window that cannot be")
            for start in kept.starts:
                self._timer(start + self.plan.span, self.plan.place, item.key)
            if not kept.starts:
                self._timer(max([*times, kept.deaf]) + 1, self.plan.place, item.key)
        self.total = sum(len(kept.events) for kept in self.keys.values())

    def _is_wanted(self, kept: _Kept, time: int) -> bool:
        at = len(kept.events) - 1
        while at >= 0 and kept.events[at][TIME] >= time:
            if kept.events[at][TIME] == time and kept.events[at][MASK] & self._wanted:
                return True
            at -= 1
        return False

    def _judged(self, kept: _Kept, end: int) -> list[Finding]:
        """Judge the window of all events that are kept."""
        mask = sum(1 << bit for bit, count in enumerate(kept.counts) if count)
        if not mask & self._wanted or not asked_holds(self._words, mask):
            return []
        hits = [hit for hit in kept.events if hit[MASK] & self._wanted]
        kept.deaf = end
        kept.starts.clear()
        return [self.finding(end, hits, hits[0][SHOWN], self._why(hits))]

    def _bound(self, newest: _Kept) -> None:
        """Forget what was not seen for longest; of one key alone its older half."""
        while self.total > CORRELATION_EVENTS_MAX:
            key = next(iter(self.keys))
            oldest = self.keys[key]
            if oldest is newest:
                gone = (len(newest.events) + 1) // 2
                newest.forget(gone)
                first = newest.events[0][TIME]
                newest.starts = [start for start in newest.starts if start > first]
                self.total -= gone
                self.evicted += gone
                continue
            self.evicted += len(oldest.events)
            self.total -= len(oldest.events)
            del self.keys[key]

    def _why(self, hits: list[Hit]) -> str:
        """Return e.g. `“Export” and not “Approval” of alice in the 1 hour from the first`."""
        rule = self.plan.correlation
        called = [f"“{below.head.title}”" for below in self.plan.below]
        return (
            f"{asked_words(rule.words, called)}{of_whom(rule.group_by, hits[0][SHOWN])} "
            f"in the {span(rule.span_us)} from the first event on"
        )
