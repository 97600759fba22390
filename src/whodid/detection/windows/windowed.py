"""Windows over the hits of each key: the last `span` of event time, up to each hit.

A window belongs to no boundary: at every time at which a hit is, it is asked whether the condition
holds for the hits from that time less the span up to it (both included). When it holds there is a
finding, and then none for that key until the span has passed; when the span that began with the
first hit is over and held more, one of stage "total" says how many.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from whodid.detection.finding import Finding, Stage
from whodid.detection.windows.hit import ID, KEY, PLAN, SHOWN, TIME, VALUE, Hit, Key
from whodid.detection.windows.machine import SetTimer, Told
from whodid.detection.windows.plan import Plan
from whodid.detection.windows.stored import Count, StoredHit, Time, hit_from
from whodid.detection.windows.watermark import BEGINNING
from whodid.errors import InputError
from whodid.limits import (
    CORRELATION_EVENTS_MAX,
    CORRELATION_PAST_EVENTS,
    CORRELATION_REPLAY_EVENTS,
)

FIRES_KEPT = 16
_by_time = itemgetter(TIME)
_by_place = itemgetter(TIME, ID)

Extra = TypeVar("Extra")


class Window(Generic[Extra]):
    """Hits of one key by time: `events[head:]` are in the window, those before are past.

    `fires` are the newest times of findings, ascending; `open` is since when a window is counted
    to its end, `counted` how many hits were told of it. `extra` is what the kind adds up. Up to
    the time `until` no hit leaves it.
    """

    __slots__ = ("counted", "events", "extra", "fires", "head", "open", "until")

    def __init__(self, extra: Extra) -> None:
        self.events: list[Hit] = []
        self.head = 0
        self.until = BEGINNING
        self.fires: list[int] = []
        self.open: int | None = None
        self.counted = 0
        self.extra = extra


class StoredWindow(Struct, array_like=True):
    """A window in a snapshot."""

    events: list[StoredHit]
    head: Count
    fires: list[Time]
    open: Time | None
    counted: Count


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Count, list[StoredWindow]]).decode


class Windowed(Told, Generic[Extra]):
    """A machine whose memory is a window for each key.

    Invariants: keys stand in the order in which they were last seen; `total` is the number of
    their hits. Subclasses say what is added up (`enter`, `leave`), what holds, and why.
    """

    totals = False
    """Whether a window that held is counted to its end."""

    looks_back = CORRELATION_REPLAY_EVENTS
    """How many of the hits that were taken matter for those that wait."""

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        self.keys: dict[Key, Window[Extra]] = {}
        self.total = 0
        self._span = plan.span

    # what a kind says

    def nothing(self) -> Extra:
        """Return what is added up in an empty window."""
        raise NotImplementedError

    def enter(self, window: Window[Extra], hit: Hit) -> bool:  # noqa: ARG002 - kinds
        """Count a hit in, which stands last when it is the newest; tell whether it may hold now."""
        return True

    def leave(self, window: Window[Extra], hit: Hit) -> None:
        """Count a hit out."""

    def holds(self, window: Window[Extra], time: int) -> bool:
        """Tell whether the condition holds for the window, whose newest hits are of `time`."""
        raise NotImplementedError

    def why(self, window: Window[Extra], hits: list[Hit]) -> str:
        """Return a sentence with the numbers."""
        raise NotImplementedError

    def shown_hits(self, window: Window[Extra], time: int) -> list[Hit]:  # noqa: ARG002 - kinds
        """Return the hits that made it hold."""
        return window.events[window.head :]

    def measured(self, window: Window[Extra]) -> tuple[tuple[str, str], ...]:  # noqa: ARG002 - kinds
        """Return what was measured, as fields of the finding."""
        return ()

    def can_hold(self, window: Window[Extra] | None, hits: Sequence[Hit]) -> bool:  # noqa: ARG002
        """Tell, cheaply, whether hits that wait might make it hold."""
        return True

    # how it runs

    def add(self, hit: Hit) -> bool:
        """Take a hit in whose time is not before that of the hit before; tell if it may hold."""
        key, time = hit[KEY], hit[TIME]
        keys = self.keys
        window = keys.pop(key, None)
        if window is None:
            window = Window(self.nothing())
        keys[key] = window
        if time > window.until:
            self._slide(window, time)
        window.events.append(hit)
        self.total += 1
        may = self.enter(window, hit)
        if self.total > CORRELATION_PAST_EVENTS:
            self._bound(window, time)
        return may and not (window.fires and time <= window.fires[-1] + self._span)

    def settle(self, key: Key, time: int) -> list[Finding]:
        """Return the finding of a key, if it holds at `time`."""
        window = self.keys.get(key)
        if window is None or (window.fires and time <= window.fires[-1] + self._span):
            return []
        if not self.holds(window, time):
            return []
        return [self._found(window, time)]

    def due(self, key: Key, time: int) -> list[Finding]:
        """Return the whole of a window that was told of when it began to hold."""
        window = self.keys.get(key)
        if window is None or window.open is None or window.open + self._span != time:
            return []
        window.open = None
        self._slide(window, time)
        hits = window.events[window.head :]
        if len(hits) <= window.counted:
            return []
        whole = self._tell(window, time, hits, "total")
        return [msgspec.structs.replace(whole, counted=window.counted)]

    def awaits(self, key: Key, time: int) -> bool:
        """Tell whether a window that was told of ends at this time."""
        window = self.keys.get(key)
        return window is not None and window.open is not None and window.open + self._span == time

    def add_late(self, hit: Hit) -> list[Finding]:
        """Put a late hit in its place; what it completes is found if nothing near it was."""
        key, time = hit[KEY], hit[TIME]
        window = self.keys.pop(key, None)
        if window is None:
            window = Window(self.nothing())
        self.keys[key] = window
        events = window.events
        newest = max(time, events[-1][TIME]) if events else time
        self._slide(window, newest)
        if time < newest - self._span:
            window.head += 1
        else:
            window.until = min(window.until, time + self._span)
            self.enter(window, hit)
        insort(events, hit, key=_by_place)
        self.total += 1
        self.rebuilt(window)
        around = self._around(events, bisect_left(events, hit[:PLAN], key=_by_place), time)
        found: list[Finding] = []
        if self.undone or self.can_hold(None, around):
            found = [item for item in self._replayed(around) if item.time_us >= time]
        if self.total > CORRELATION_PAST_EVENTS:
            self._bound(window, events[-1][TIME])
        for item in found:
            if not self._near_fire(window, item.time_us):
                insort(window.fires, item.time_us)
                del window.fires[:-FIRES_KEPT]
                return [msgspec.structs.replace(item, late=True)]
        return []

    def may_hold(self, hits: Sequence[Hit]) -> bool:
        """Tell, cheaply, whether hits of one key that wait might make it hold."""
        return self.can_hold(self.keys.get(hits[0][KEY]), hits)

    def early(self, hits: list[Hit]) -> list[Finding]:
        """Return the first finding that hits that wait will make."""
        window = self.keys.get(hits[0][KEY])
        if not self.can_hold(window, hits):
            return []
        first = hits[0][TIME]
        kept: list[Hit] = []
        if window is not None:
            begin = bisect_left(window.events, first - self._span, key=_by_time)
            kept = window.events[max(begin, len(window.events) - self.looks_back) :]
        for item in self._replayed(kept + hits[-CORRELATION_REPLAY_EVENTS:]):
            if item.time_us >= first and not (window and self._near_fire(window, item.time_us)):
                return [msgspec.structs.replace(item, stage="early")]
        return []

    def rebuilt(self, window: Window[Extra]) -> None:
        """Compute anew what depends on the order of the hits of a window."""

    def state(self) -> bytes:
        """Return all windows, in the order in which their keys were last seen."""
        windows = [
            StoredWindow(list(w.events), w.head, w.fires, w.open, w.counted)
            for w in self.keys.values()
        ]
        return _encode((self.evicted, windows))

    def take(self, data: bytes) -> None:
        """Become what `state` returned. Raises InputError, msgspec.MsgspecError."""
        evicted, stored = _decode(data)
        keys: dict[Key, Window[Extra]] = {}
        for item in stored:
            window = Window(self.nothing())
            window.events = list(map(self._checked, item.events))
            if item.head != self._head_of(window.events):
                raise InputError("state of a correlation: a window that cannot be")
            window.head, window.fires = item.head, item.fires
            window.open, window.counted = item.open, item.counted
            for hit in window.events[window.head :]:
                self.enter(window, hit)
            self.rebuilt(window)
            if window.open is not None:
                self._timer(window.open + self._span, self.plan.place, window.events[0][KEY])
            keys[window.events[0][KEY]] = window
        self.evicted, self.keys = evicted, keys
        self.total = sum(len(window.events) for window in keys.values())

    def value_of(self, stored: Any) -> Any:
        """Return a hit's value from what a snapshot made of it. Raises InputError."""
        if stored is not None:
            raise InputError("state of a correlation: a value where there is none")
        return stored

    def _checked(self, hit: StoredHit) -> Hit:
        return hit_from(hit, self.plan, self.value_of(hit[VALUE]))

    def _head_of(self, events: list[Hit]) -> int:
        """Return where the window in these hits begins; -1 for none, or none by time."""
        if not events or any(b[TIME] < a[TIME] for a, b in pairwise(events)):
            return -1
        return bisect_left(events, events[-1][TIME] - self._span, key=_by_time)

    def _slide(self, window: Window[Extra], time: int) -> None:
        start, events, head = time - self._span, window.events, window.head
        count = len(events)
        while head < count and events[head][TIME] < start:
            self.leave(window, events[head])
            head += 1
        window.head = head
        window.until = (events[head][TIME] if head < count else time) + self._span

    def _found(self, window: Window[Extra], time: int) -> Finding:
        window.fires.append(time)
        del window.fires[:-FIRES_KEPT]
        hits = self.shown_hits(window, time)
        if self.totals and window.open is None:
            window.open = hits[0][TIME]
            window.counted = len(hits)
            self._timer(window.open + self._span, self.plan.place, hits[0][KEY])
        return self._tell(window, time, hits, "final")

    def _tell(self, window: Window[Extra], time: int, hits: list[Hit], stage: Stage) -> Finding:
        return self.finding(
            time, hits, hits[0][SHOWN], self.why(window, hits), stage=stage,
            values=self.measured(window),
        )  # fmt: skip

    def _near_fire(self, window: Window[Extra], time: int) -> bool:
        return any(abs(time - fire) <= self._span for fire in window.fires)

    def _around(self, events: list[Hit], place: int, time: int) -> list[Hit]:
        half = CORRELATION_REPLAY_EVENTS // 2
        first = bisect_left(events, time - self._span, key=_by_time)
        last = bisect_right(events, time + self._span, key=_by_time)
        return events[max(first, place - half) : min(last, place + half)]

    def _replayed(self, hits: list[Hit]) -> list[Finding]:
        """Return what these hits of one key make hold, for a machine that knows nothing else."""
        machine = type(self)(self.plan, lambda *_: None)
        found: list[Finding] = []
        for time, same in groupby(hits, _by_time):
            asks = [machine.add(hit) for hit in same]
            if any(asks):
                found += machine.settle(hits[0][KEY], time)
        return found

    def _bound(self, window: Window[Extra], time: int) -> None:
        """Forget the past, longest unseen first; what still matters only beyond the bound."""
        if window.head > 64 and window.head * 2 > len(window.events):
            self.total -= window.head
            del window.events[: window.head]
            window.head = 0
        while self.total > CORRELATION_PAST_EVENTS:
            oldest = next(iter(self.keys.values()))
            if oldest is window or oldest.events[-1][TIME] >= time - self._span:
                break
            self.total -= len(oldest.events)
            del self.keys[next(iter(self.keys))]
        while self.total > CORRELATION_EVENTS_MAX:
            key = next(iter(self.keys))
            oldest = self.keys[key]
            if oldest is window:
                self._halve(window)
                continue
            self._slide(oldest, time)
            self.evicted += len(oldest.events) - oldest.head
            self.total -= len(oldest.events)
            del self.keys[key]

    def _halve(self, window: Window[Extra]) -> None:
        gone = (len(window.events) + 1) // 2
        for hit in window.events[window.head : gone]:
            self.leave(window, hit)
        self.evicted += max(gone - window.head, 0)
        self.total -= gone
        del window.events[:gone]
        window.head = max(window.head - gone, 0)
        self.rebuilt(window)
