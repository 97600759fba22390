"""Several rules within a span: in any order, or in theirs."""

from itertools import groupby
from operator import itemgetter
from typing import Any

from whodid.detection.finding import Finding
from whodid.detection.windows.asked import asked_holds, asked_words
from whodid.detection.windows.compare import Holds, bound_words, holds_all, only_lower
from whodid.detection.windows.hit import ID, MASK, SHOWN, TIME, Hit, Key
from whodid.detection.windows.machine import SetTimer
from whodid.detection.windows.plan import Plan
from whodid.detection.windows.windowed import Window, Windowed
from whodid.detection.windows.words import of_whom, span, titles

Chain = list[Hit]


class Together(Windowed[list[int]]):
    """Sigma's temporal: all rules matched (or what the condition says of them), in any order.

    An event that several rules match stands for each of them.
    """

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        compare = plan.correlation.compare
        self._size = len(plan.below)
        self._words = plan.correlation.words
        self._holds: Holds = holds_all(compare) if compare else self._size.__eq__
        self.undone = not only_lower(compare)

    def nothing(self) -> list[int]:
        """Return how many hits each rule has."""
        return [0] * self._size

    def enter(self, window: Window[list[int]], hit: Hit) -> None:
        """Count it in."""
        mask, bit = hit[MASK], 0
        while mask:
            if mask & 1:
                window.extra[bit] += 1
            mask >>= 1
            bit += 1

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

    def can_hold(self, window: Window[list[int]] | None, hits: list[Hit]) -> bool:
        """Tell whether enough would have, if all were in one window."""
        seen = _bits(window.extra) if window else 0
        for hit in hits:
            seen |= hit[MASK]
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


class Ordered(Windowed[Chains]):
    """Sigma's temporal_ordered: all rules matched, one after the other.

    What is kept is, for each rule, the chain up to it that began last. Events of one time have
    no order, so either may come first; no event stands for two steps.
    """

    def nothing(self) -> Chains:
        """Return no chains."""
        return Chains(len(self.plan.below))

    def enter(self, window: Window[Chains], hit: Hit) -> None:
        """Count its rules in."""
        masks = window.extra.masks
        masks[hit[MASK]] = masks.get(hit[MASK], 0) + 1

    def leave(self, window: Window[Chains], hit: Hit) -> None:
        """Count its rules out."""
        masks, mask = window.extra.masks, hit[MASK]
        if masks[mask] == 1:
            del masks[mask]
        else:
            masks[mask] -= 1

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

    def can_hold(self, window: Window[Chains] | None, hits: list[Hit]) -> bool:
        """Tell whether each rule has a hit."""
        seen = 0
        for hit in hits:
            seen |= hit[MASK]
        for mask in window.extra.masks if window else ():
            seen |= mask
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
