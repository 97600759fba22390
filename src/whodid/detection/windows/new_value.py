"""The first time that a key has a value within a span: new_value.

Nothing is found of a key until it is known: it was seen `learn` long ago or longer, and within the
span. What was not seen for the span is forgotten, and new again.
"""

from typing import Any, TypeAlias

import msgspec
from msgspec import Struct, structs

from whodid.detection.finding import Finding
from whodid.detection.windows.hit import KEY, SHOWN, TIME, VALUE, Hit, Key
from whodid.detection.windows.machine import SetTimer, Told
from whodid.detection.windows.plan import Plan
from whodid.detection.windows.stored import Count, Time
from whodid.detection.windows.words import of_whom, span, titles
from whodid.errors import InputError
from whodid.limits import CORRELATION_VALUES_MAX

Value: TypeAlias = tuple[str, ...]

_PLACES = ("network", "country")


class _Known:
    """Of one key: since when and until when it was seen, when each value was last."""

    __slots__ = ("group", "newest", "since", "values")

    def __init__(self, since: int) -> None:
        self.since = since
        self.newest = since
        self.values: dict[Value, int] = {}
        self.group: list[Hit] = []


class _Stored(Struct, array_like=True):
    key: tuple[str, ...]
    since: Time
    newest: Time
    values: list[tuple[tuple[str, ...], Time]]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[Count, list[_Stored]]).decode


class NewValue(Told):
    """The value of a hit is a tuple of values, each a tuple of texts (one for each field).

    Invariants: keys stand in the order in which they were last seen; `total` counts their values.
    """

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        self.keys: dict[Key, _Known] = {}
        self.total = 0
        self._learn: int = plan.correlation.options["learn"]

    def add(self, hit: Hit) -> bool:
        """Take an event in."""
        key = hit[KEY]
        known = self.keys.pop(key, None)
        if known is None:
            known = _Known(hit[TIME])
        self.keys[key] = known
        known.group.append(hit)
        return True

    def settle(self, key: Key, time: int) -> list[Finding]:
        """Return a finding for each value that is new, and learn them."""
        known = self.keys.get(key)
        if known is None or not known.group:
            return []
        group, known.group = known.group, []
        if known.newest < time - self.plan.span:
            known.since = time
        found = self._new(known, group, time)
        before = len(known.values)
        for hit in group:
            for value in hit[VALUE]:
                known.values[value] = time
        known.newest = time
        self.total += len(known.values) - before
        if self.total > CORRELATION_VALUES_MAX:
            self._bound(known, time)
        return found

    def due(self, key: Key, time: int) -> list[Finding]:  # noqa: ARG002 - as all kinds
        """Return nothing: there are no timers."""
        return []

    def add_late(self, hit: Hit) -> list[Finding]:
        """Learn a late value. It is new when it was not seen since either."""
        key, time = hit[KEY], hit[TIME]
        known = self.keys.pop(key, None) or _Known(time)
        self.keys[key] = known
        unseen = tuple(value for value in hit[VALUE] if value not in known.values)
        for value in hit[VALUE]:
            known.values[value] = max(time, known.values.get(value, time))
        self.total += len(unseen)
        found: list[Finding] = []
        if unseen and self._is_known(known, time):
            when, event, plan, _, entry, mask, _, shown, below = hit
            late: Hit = (when, event, plan, key, entry, mask, unseen, shown, below)
            found = [
                structs.replace(self._tell(known, value, [late], time), late=True)
                for value in sorted(unseen)
            ]
        known.since = min(known.since, time)
        known.newest = max(known.newest, time)
        if self.total > CORRELATION_VALUES_MAX:
            self._bound(known, known.newest)
        return found

    def early(self, hits: list[Hit]) -> list[Finding]:
        """Return what is new in hits that wait, and stays new whatever comes before them.

        So only of keys that were known by the newest hit that was taken, and values never seen.
        """
        known = self.keys.get(hits[0][KEY])
        if known is None or known.since > known.newest - self._learn:
            return []
        return [
            structs.replace(self._tell(known, value, [hit], hit[TIME]), stage="early")
            for hit in hits
            if self._is_known(known, hit[TIME])
            for value in hit[VALUE]
            if value not in known.values
        ]

    def absorb(self, other: "NewValue") -> None:
        """Learn what a machine of the same plan knows of a past of its own."""
        for key, theirs in other.keys.items():
            ours = self.keys.get(key)
            if ours is None:
                ours = self.keys[key] = _Known(theirs.since)
                ours.newest = theirs.newest
            ours.since = min(ours.since, theirs.since)
            ours.newest = max(ours.newest, theirs.newest)
            before = len(ours.values)
            for value, last in theirs.values.items():
                ours.values[value] = max(last, ours.values.get(value, last))
            self.total += len(ours.values) - before
        if self.total > CORRELATION_VALUES_MAX and self.keys:
            newest = max(self.keys.values(), key=lambda known: known.newest)
            self._bound(newest, newest.newest)

    def value_of(self, stored: Any) -> Any:
        """Return the values of one event. Raises InputError."""
        size = len(self.plan.correlation.fields)
        if not isinstance(stored, list) or not stored:
            raise InputError("state of a correlation: no values")
        for value in stored:
            if not isinstance(value, list) or len(value) != size:
                raise InputError("state of a correlation: no values")
            if not all(isinstance(text, str) for text in value):
                raise InputError("state of a correlation: no values")
        return tuple(tuple(value) for value in stored)

    def state(self) -> bytes:
        """Return all values of all keys, those that were last seen last."""
        stored = [
            _Stored(key, known.since, known.newest, list(known.values.items()))
            for key, known in self.keys.items()
        ]
        return _encode((self.evicted, stored))

    def take(self, data: bytes) -> None:
        """Become what `state` returned. Raises msgspec.MsgspecError, InputError."""
        self.evicted, stored = _decode(data)
        self.keys, self.total = {}, 0
        for item in stored:
            known = self.keys[item.key] = _Known(item.since)
            known.newest, known.values = item.newest, dict(item.values)
            rule = self.plan.correlation
            if len(item.key) != len(rule.group_by):
                raise InputError("state of a correlation: a key of another length")
            if any(len(value) != len(rule.fields) for value in known.values):
                raise InputError("state of a correlation: a value of another length")
            self.total += len(known.values)

    def _is_known(self, known: _Known, time: int) -> bool:
        recent = known.newest >= time - self.plan.span
        return bool(known.values) and recent and known.since < time - self._learn + 1

    def _new(self, known: _Known, group: list[Hit], time: int) -> list[Finding]:
        if not known.values or known.since == time or not self._is_known(known, time):
            return []
        old = time - self.plan.span
        values = {value for hit in group for value in hit[VALUE]}
        new = sorted(value for value in values if known.values.get(value, old - 1) < old)
        return [self._tell(known, value, group, time) for value in new]

    def _tell(self, known: _Known, value: Value, group: list[Hit], time: int) -> Finding:
        rule, old = self.plan.correlation, time - self.plan.span
        hits = [hit for hit in group if value in hit[VALUE]]
        place = rule.options["as"]
        if place in _PLACES:
            named = f"from the {place} {value[0]}"
        else:
            each = zip(rule.fields, value, strict=True)
            named = "with " + " and ".join(f"{field} {text}" for field, text in each)
        seen = sum(1 for other, last in known.values.items() if last >= old and other != value)
        why = (
            f"{titles(self.plan.below)}{of_whom(rule.group_by, hits[0][SHOWN])} {named} "
            f"for the first time in {span(rule.span_us)}; {_others(seen)} known"
        )
        return self.finding(
            time, hits, hits[0][SHOWN], why, values=tuple(zip(rule.fields, value, strict=True))
        )

    def _bound(self, latest: _Known, time: int) -> None:
        """Forget what is forgotten anyway, then the keys longest unseen."""
        old = time - self.plan.span
        for known in self.keys.values():
            kept = {value: last for value, last in known.values.items() if last >= old}
            self.total -= len(known.values) - len(kept)
            known.values = kept
        goal = CORRELATION_VALUES_MAX - CORRELATION_VALUES_MAX // 16
        while self.total > goal:
            key = next(iter(self.keys))
            known = self.keys[key]
            if known is latest:
                by_age = sorted(known.values, key=lambda value: (known.values[value], value))
                for value in by_age[: self.total - goal]:
                    del known.values[value]
                self.evicted += self.total - goal
                self.total = goal
                return
            self.total -= len(known.values)
            self.evicted += len(known.values)
            del self.keys[key]


def _others(seen: int) -> str:
    return "1 other is" if seen == 1 else f"{seen:,} others are"


def values_of(*parts: tuple[Any, ...]) -> tuple[Value, ...]:
    """Return the combinations of the values of several fields, as texts."""
    combined: list[Value] = [()]
    for part in parts:
        combined = [(*so_far, text) for so_far in combined for text in part]
    return tuple(combined)
