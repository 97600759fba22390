"""Several rules within a span: in any order, or in theirs."""

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from whodid.detection.finding import Finding
from whodid.detection.windows.asked import asked_holds, asked_words
from whodid.detection.windows.compare import Holds, bound_words, holds_all, only_lower
from whodid.detection.windows.hit import ID, KEY, MASK, SHOWN, TIME, Hit, Key
from whodid.detection.windows.machine import SetTimer
from whodid.detection.windows.plan import Plan
from whodid.detection.windows.windowed import Extra, Window, Windowed
from whodid.detection.windows.words import of_whom, span, titles

Chain = list[Hit]


class _Room:
    """Which rules the hits of a key match, in the window and waiting, while these are too few."""

    __slots__ = ("left", "seen")

    def __init__(self, seen: int) -> None:
        self.seen = seen
        self.left = True


class Joint(Windowed[Extra]):
    """What is about several rules, and may hold only when enough of them have a hit."""

    def seen(self, window: Window[Extra]) -> int:
        """Return a bit for each rule that has a hit in a window."""
        raise NotImplementedError

    def enough(self, seen: int) -> bool:
        """Tell whether it may hold when these rules have a hit; it still may when more have."""
        raise NotImplementedError

    def can_hold(self, window: Window[Extra] | None, hits: Sequence[Hit]) -> bool:
        """Tell whether enough rules would have a hit, if all were in one window."""
        return self.enough(self._seen(window, hits))

    def room(self, hits: Sequence[Hit]) -> _Room | None:
        """Return the rules that have a hit; nothing while a hit of more could undo it."""
        return None if self.undone else _Room(self._seen(self.keys.get(hits[0][KEY]), hits))

    def fits(self, room: _Room, hit: Hit) -> bool:
        """Tell whether there are too few rules still; most hits are of one that has one."""
        mask = hit[MASK]
        if mask & ~room.seen:
            room.seen |= mask
            room.left = room.left and not self.enough(room.seen)
        return room.left

    def _seen(self, window: Window[Extra] | None, hits: Sequence[Hit]) -> int:
        seen = self.seen(window) if window else 0
        for hit in hits:
            seen |= hit[MASK]
        return seen


class Together(Joint[list[int]]):
    """Sigma's temporal: all rules matched (or what the condition says of them), in any order.

    An event that several rules match stands for each of them.
    """

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        compare = plan.correlation.compare
        self._size = len(plan.below)
        self._words = plan.correlation.words
        self._holds: Holds = holds_all(compare) if compare else self._size.__eq__
        self._needs_all = not (compare or self._words)
        self.undone = not only_lower(compare)

    def nothing(self) -> list[int]:
        """Return how many hits each rule has."""
        return [0] * self._size

    def enter(self, window: Window[list[int]], hit: Hit) -> bool:
        """Count it in."""
        mask, bit = hit[MASK], 0
        counts = window.extra
        while mask:
            if mask & 1:
                counts[bit] += 1
            mask >>= 1
            bit += 1
        return not (self._needs_all and 0 in counts)

    def leave(self, window: Window[list[int]], hit: Hit) -> None:
        """Count it out."""
        mask, bit = hit[MASK], 0
        while mask:
            if mask & 1:
                window.extra[bit] -= 1
            mask >>= 1
            bit += 1

    def holds(self, window: Window[list[int]], time: int) -> bool:  # noqa: ARG002 - as all kinds
        """Tell whether enough of the rules matched."""
        if self._words:
            return asked_holds(self._words, _bits(window.extra))
        return self._holds(self._size - window.extra.count(0))

    def seen(self, window: Window[list[int]]) -> int:
        """Return a bit for each rule that has a hit."""
        return _bits(window.extra)

    def enough(self, seen: int) -> bool:
        """Tell whether these are as was said."""
        if self._words:
            return asked_holds(self._words, seen)
        return self._holds(seen.bit_count())

    def why(self, window: Window[list[int]], hits: list[Hit]) -> str:
        """Return e.g. `“Failed login” (12) and “Login” (1) of alice within 3 minutes …`."""
        rule = self.plan.correlation
        told = [
            f"“{below.head.title}” ({count:,})"
            for below, count in zip(self.plan.below, window.extra, strict=True)
            if count
        ]
        bound = bound_words(rule.compare) if rule.compare else f"all {self._size} are looked for"
        if rule.words:
            called = [f"“{below.head.title}”" for below in self.plan.below]
            bound = f"{asked_words(rule.words, called)} is looked for"
        return (
            f"{', '.join(told[:-1])}{' and ' if len(told) > 1 else ''}{told[-1]}"
            f"{of_whom(rule.group_by, hits[0][SHOWN])} within "
            f"{span(hits[-1][TIME] - hits[0][TIME])}; {bound} in {span(rule.span_us)}"
        )


def _bits(counts: list[int]) -> int:
    return sum(1 << bit for bit, count in enumerate(counts) if count)


class Chains(list[Chain | None]):
    """For each rule the chain up to it; `masks` are how many hits of a window have which mask."""

    __slots__ = ("masks",)

    def __init__(self, size: int) -> None:
        super().__init__([None] * size)
        self.masks: dict[int, int] = {}


class Ordered(Joint[Chains]):
    """Sigma's temporal_ordered: all rules matched, one after the other.

    What is kept is, for each rule, the chain up to it that began last. Events of one time have
    no order, so either may come first; no event stands for two steps.
    """

    def nothing(self) -> Chains:
        """Return no chains."""
        return Chains(len(self.plan.below))

    def enter(self, window: Window[Chains], hit: Hit) -> bool:
        """Count its rules in."""
        masks = window.extra.masks
        masks[hit[MASK]] = masks.get(hit[MASK], 0) + 1
        return True

    def leave(self, window: Window[Chains], hit: Hit) -> None:
        """Count its rules out."""
        masks, mask = window.extra.masks, hit[MASK]
        if masks[mask] == 1:
            del masks[mask]
        else:
            masks[mask] -= 1

    def add(self, hit: Hit) -> bool:
        """Take a hit in; the chains are always to be made longer."""
        super().add(hit)
        return True

    def settle(self, key: Key, time: int) -> list[Finding]:
        """Make the chains longer, whether there may be a finding or not."""
        window = self.keys.get(key)
        if window is not None:
            place = end = len(window.events)
            while place > window.head and window.events[place - 1][TIME] == time:
                place -= 1
            self._extend(window.extra, window.events[place:end], time)
        return super().settle(key, time)

    def holds(self, window: Window[Chains], time: int) -> bool:
        """Tell whether a chain ended at `time`."""
        last = window.extra[-1]
        return last is not None and last[-1][TIME] == time and last[0][TIME] >= time - self._span

    def seen(self, window: Window[Chains]) -> int:
        """Return a bit for each rule that has a hit."""
        seen = 0
        for mask in window.extra.masks:
            seen |= mask
        return seen

    def enough(self, seen: int) -> bool:
        """Tell whether each rule has a hit."""
        return seen == (1 << len(self.plan.below)) - 1

    def shown_hits(self, window: Window[Any], time: int) -> list[Hit]:  # noqa: ARG002 - as all
        """Return one event for each step."""
        return list(window.extra[-1])

    def why(self, window: Window[Any], hits: list[Hit]) -> str:  # noqa: ARG002 - as all kinds
        """Return e.g. `“Failed login”, then “Login” of alice within 3 minutes; …`."""
        rule = self.plan.correlation
        return (
            f"{titles(self.plan.below, 'then')}{of_whom(rule.group_by, hits[0][SHOWN])} within "
            f"{span(hits[-1][TIME] - hits[0][TIME])}; in this order in {span(rule.span_us)} "
            "is looked for"
        )

    def rebuilt(self, window: Window[Any]) -> None:
        """Find the chains of a window anew."""
        window.extra[:] = [None] * len(self.plan.below)
        for time, same in groupby(window.events[window.head :], itemgetter(TIME)):
            self._extend(window.extra, list(same), time)

    def _extend(self, chains: list[Chain | None], hits: list[Hit], time: int) -> None:
        start = time - self._span
        if len(hits) > 1:
            hits.sort(key=lambda hit: (hit[MASK] & -hit[MASK], hit[MASK], hit[ID]))
        for hit in hits:
            mask = hit[MASK]
            for step in range(len(chains) - 1, 0, -1):
                before = chains[step - 1] if mask >> step & 1 else None
                if before is None or before[0][TIME] < start or hit in before:
                    continue
                now = chains[step]
                if now is None or now[0][TIME] <= before[0][TIME]:
                    chains[step] = [*before, hit]
            if mask & 1:
                chains[0] = [hit]
