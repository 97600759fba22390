"""What was expected and did not come: absence."""

import msgspec
from msgspec import Struct

from whodid.detection.finding import Finding
from whodid.detection.windows.hit import KEY, MASK, SHOWN, TIME, Hit, Key
from whodid.detection.windows.machine import Awaited, SetTimer
from whodid.detection.windows.plan import Plan
from whodid.detection.windows.stored import Count, StoredHit, Time, hit_from
from whodid.detection.windows.windowed import Window, Windowed
from whodid.detection.windows.words import of_whom, span, titles
from whodid.errors import InputError
from whodid.limits import CORRELATION_EVENTS_MAX


class ExpectedBefore(Windowed[list[int]]):
    """The event came, and what must come before it had not come within the span."""

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        self.undone = True

    def nothing(self) -> list[int]:
        """Return how many of what is expected are in the window."""
        return [0]

    def enter(self, window: Window[list[int]], hit: Hit) -> bool:
        """Count it in."""
        window.extra[0] += hit[MASK] >> 1 & 1
        return True

    def leave(self, window: Window[list[int]], hit: Hit) -> None:
        """Count it out."""
        window.extra[0] -= hit[MASK] >> 1 & 1

    def holds(self, window: Window[list[int]], time: int) -> bool:
        """Tell whether there is the event, and not what must come before."""
        return not window.extra[0] and bool(self.shown_hits(window, time))

    def shown_hits(self, window: Window[list[int]], time: int) -> list[Hit]:
        """Return the events of this time that nothing came before."""
        hits = window.events[window.head :]
        return [hit for hit in hits if hit[TIME] == time and hit[MASK] & 1]

    def why(self, window: Window[list[int]], hits: list[Hit]) -> str:  # noqa: ARG002 - as all kinds
        """Return e.g. `“Export” of alice without “Approval” in the 1 hour before it`."""
        rule = self.plan.correlation
        return (
            f"{titles(self.plan.below[:1])}{of_whom(rule.group_by, hits[0][SHOWN])} without "
            f"{titles(self.plan.below[1:])} in the {span(rule.span_us)} before it"
        )


class _Waiting:
    """Of one key: the event after which something is expected; when its timer comes."""

    __slots__ = ("hit", "satisfied", "timer")

    def __init__(self) -> None:
        self.hit: Hit | None = None
        self.satisfied = False
        self.timer: int | None = None


class _StoredWaiting(Struct, array_like=True):
    key: tuple[str, ...]
    hit: StoredHit | None
    timer: Time | None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Count, list[_StoredWaiting]]).decode


class ExpectedAfter(Awaited):
    """The event came, and within the span after it nothing that was expected.

    With one rule its own next event is expected. Of several events that wait only the first is
    kept: one finding says it. A late event ends the waiting, or is no longer waited for.
    """

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        self.undone = True
        self.keys: dict[Key, _Waiting] = {}
        self._again = len(plan.below) == 1
        self._expected = 1 if self._again else 2

    def add(self, hit: Hit) -> bool:
        """Take an event in."""
        key = hit[KEY]
        known = self.keys.pop(key, None) or _Waiting()
        self.keys[key] = known
        if hit[MASK] & self._expected:
            known.satisfied = True
            known.hit = hit if self._again else None
        elif known.hit is None and not known.satisfied:
            known.hit = hit
        if len(self.keys) > CORRELATION_EVENTS_MAX:
            oldest = next(iter(self.keys))
            self.evicted += self.keys.pop(oldest).hit is not None
        return True

    def settle(self, key: Key, time: int) -> list[Finding]:
        """Begin to wait, or end it. Nothing is found now."""
        known = self.keys.get(key)
        if known is None:
            return []
        if known.satisfied and not self._again:
            known.hit = None
        known.satisfied = False
        if known.hit is not None:
            if known.timer is None:
                known.timer = time + self.plan.span
                self._timer(known.timer, self.plan.place, key)
        elif known.timer is None:
            del self.keys[key]
        return []

    def due(self, key: Key, time: int) -> list[Finding]:
        """Tell what did not come until now."""
        known = self.keys.get(key)
        if known is None or known.timer != time:
            return []
        known.timer = None
        if known.hit is None:
            del self.keys[key]
            return []
        over = known.hit[TIME] + self.plan.span
        if over > time:
            known.timer = over
            self._timer(over, self.plan.place, key)
            return []
        hit = known.hit
        del self.keys[key]
        return [self.finding(time, [hit], hit[SHOWN], self._why(hit))]

    def awaits(self, key: Key, time: int) -> bool:
        """Tell whether a key waits for this time."""
        known = self.keys.get(key)
        return known is not None and known.timer == time

    def add_late(self, hit: Hit) -> list[Finding]:
        """End the waiting if this is what was expected."""
        known = self.keys.get(hit[KEY])
        if known is None or known.hit is None or not hit[MASK] & self._expected:
            return []
        if hit[TIME] >= known.hit[TIME]:
            known.hit = hit if self._again else None
        return []

    def state(self) -> bytes:
        """Return what is waited for."""
        known = [_StoredWaiting(key, w.hit, w.timer) for key, w in self.keys.items()]
        return _encode((self.evicted, known))

    def take(self, data: bytes) -> None:
        """Become what `state` returned. Raises msgspec.MsgspecError, InputError."""
        self.evicted, stored = _decode(data)
        self.keys = {}
        for item in stored:
            if len(item.key) != len(self.plan.correlation.group_by):
                raise InputError("state of a correlation: a key of another length")
            known = self.keys[item.key] = _Waiting()
            known.hit = None if item.hit is None else hit_from(item.hit, self.plan, None)
            known.timer = item.timer
            if item.timer is not None:
                self._timer(item.timer, self.plan.place, item.key)

    def _why(self, hit: Hit) -> str:
        rule = self.plan.correlation
        whom = of_whom(rule.group_by, hit[SHOWN])
        if self._again:
            return f"no {titles(self.plan.below)}{whom} for {span(rule.span_us)}"
        return (
            f"{titles(self.plan.below[:1])}{whom}, and no {titles(self.plan.below[1:])} "
            f"in the {span(rule.span_us)} after it"
        )
