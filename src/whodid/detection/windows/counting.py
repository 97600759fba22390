"""Counts in a window: of events, of different values, of events outside working hours; a share."""

from collections.abc import Sequence
from typing import Any

from whodid.detection.rule import Compare
from whodid.detection.windows.compare import Holds, bound_words, holds_all, least_of, only_lower
from whodid.detection.windows.hit import KEY, MASK, SHOWN, TIME, VALUE, Hit
from whodid.detection.windows.machine import SetTimer
from whodid.detection.windows.plan import Plan
from whodid.detection.windows.windowed import Window, Windowed
from whodid.detection.windows.words import events, number, of_whom, span, titles
from whodid.errors import InputError

ONE = (Compare("gte", 1.0),)
"""The bound of a rule that names none."""


class EventCount(Windowed[None]):
    """So many events: Sigma's event_count."""

    totals = True

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        self._compare = plan.correlation.compare or ONE
        self._holds: Holds = holds_all(self._compare)
        self.undone = not only_lower(self._compare)
        self._least = least_of(self._compare)

    def nothing(self) -> None:
        """There is nothing to add up: the events are there."""

    def enter(self, window: Window[None], hit: Hit) -> bool:  # noqa: ARG002 - as all kinds
        """Tell whether there are enough now."""
        return len(window.events) - window.head >= self._least

    def holds(self, window: Window[None], time: int) -> bool:  # noqa: ARG002 - as all kinds
        """Tell whether there are as many as was said."""
        count = len(window.events) - window.head
        return count >= self._least and self._holds(count)

    def can_hold(self, window: Window[None] | None, hits: Sequence[Hit]) -> bool:
        """Tell whether there would be enough if all were in one window."""
        kept = len(window.events) - window.head if window else 0
        return self._holds(kept + len(hits))

    def why(self, window: Window[None], hits: list[Hit]) -> str:  # noqa: ARG002 - as all kinds
        """Return e.g. `12 events “Failed login” of alice within 50 seconds; 3 is the bound`."""
        rule = self.plan.correlation
        return (
            f"{events(len(hits))} {titles(self.plan.below)}"
            f"{of_whom(rule.group_by, hits[0][SHOWN])} {_within(hits)}; "
            f"{bound_words(self._compare)} in {span(rule.span_us)}"
        )


class OutsideHours(EventCount):
    """Events that were outside the hours of who did them; the others never come here."""

    def why(self, window: Window[None], hits: list[Hit]) -> str:  # noqa: ARG002 - as all kinds
        """Return e.g. `1 event “Read” of alice outside the hours of …: Sunday 03:12 …`."""
        rule = self.plan.correlation
        return (
            f"{events(len(hits))} {titles(self.plan.below)}"
            f"{of_whom(rule.group_by, hits[0][SHOWN])} outside working hours, the newest on "
            f"{hits[-1][VALUE]}; {bound_words(self._compare)} in {span(rule.span_us)}"
        )

    def value_of(self, stored: Any) -> Any:
        """Return when it was there, in words."""
        if not isinstance(stored, str):
            raise InputError("state of a correlation: no time of day")
        return stored


class ValueCount(Windowed[dict[Any, int]]):
    """So many different values: Sigma's value_count."""

    totals = True

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        self._holds: Holds = holds_all(plan.correlation.compare)
        self.undone = not only_lower(plan.correlation.compare)
        self._least = least_of(plan.correlation.compare)

    def nothing(self) -> dict[Any, int]:
        """Return how often each value is in the window."""
        return {}

    def enter(self, window: Window[dict[Any, int]], hit: Hit) -> bool:
        """Count its values in."""
        values = window.extra
        for value in hit[VALUE]:
            values[value] = values.get(value, 0) + 1
        return len(values) >= self._least

    def leave(self, window: Window[dict[Any, int]], hit: Hit) -> None:
        """Count its values out."""
        values = window.extra
        for value in hit[VALUE]:
            left = values[value] - 1
            if left:
                values[value] = left
            else:
                del values[value]

    def holds(self, window: Window[dict[Any, int]], time: int) -> bool:  # noqa: ARG002 - as all
        """Tell whether there are as many different ones as was said."""
        count = len(window.extra)
        return count >= self._least and self._holds(count)

    def can_hold(self, window: Window[dict[Any, int]] | None, hits: Sequence[Hit]) -> bool:
        """Tell whether there would be enough if all were in one window."""
        kept = window.extra if window else {}
        if not self._holds(len(kept) + sum([len(hit[VALUE]) for hit in hits])):
            return False  # not even if each were another
        new = {value for hit in hits for value in hit[VALUE] if value not in kept}
        return self._holds(len(kept) + len(new))

    def room(self, hits: Sequence[Hit]) -> set[Any]:
        """Return the different values of all."""
        window = self.keys.get(hits[0][KEY])
        return {value for hit in hits for value in hit[VALUE]}.union(window.extra if window else ())

    def fits(self, room: set[Any], hit: Hit) -> bool:
        """Tell whether there are too few different ones."""
        if len(room) < self._least:
            room.update(hit[VALUE])
        return len(room) < self._least

    def measured(self, window: Window[dict[Any, int]]) -> tuple[tuple[str, str], ...]:
        """Return how many different ones, and some of them."""
        some = sorted(", ".join(value) for value in window.extra)[:10]
        return ((" + ".join(self.plan.correlation.fields), ", ".join(some)),)

    def why(self, window: Window[dict[Any, int]], hits: list[Hit]) -> str:
        """Return e.g. `40 different values of user in 52 events “Failed login” from …`."""
        rule = self.plan.correlation
        return (
            f"{len(window.extra):,} different values of {' + '.join(rule.fields)} in "
            f"{events(len(hits))} {titles(self.plan.below)}"
            f"{of_whom(rule.group_by, hits[0][SHOWN])} {_within(hits)}; "
            f"{bound_words(rule.compare)} in {span(rule.span_us)}"
        )

    def value_of(self, stored: Any) -> Any:
        """Return the values of one event, each a tuple of texts."""
        if not isinstance(stored, list) or not all(_texts(value) for value in stored):
            raise InputError("state of a correlation: no values")
        return tuple(tuple(value) for value in stored)


class Ratio(Windowed[list[int]]):
    """The share of the events of the second rule that the first one matches too."""

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        self._holds: Holds = holds_all(plan.correlation.compare)
        self._least: int = plan.correlation.options["minimum"]
        self.undone = True

    def nothing(self) -> list[int]:
        """Return [events of both, events of the second rule]."""
        return [0, 0]

    def enter(self, window: Window[list[int]], hit: Hit) -> bool:
        """Count it in."""
        if hit[MASK] & 2:
            window.extra[0] += hit[MASK] & 1
            window.extra[1] += 1
        return True

    def leave(self, window: Window[list[int]], hit: Hit) -> None:
        """Count it out."""
        if hit[MASK] & 2:
            window.extra[0] -= hit[MASK] & 1
            window.extra[1] -= 1

    def holds(self, window: Window[list[int]], time: int) -> bool:  # noqa: ARG002 - as all kinds
        """Tell whether the share is as was said, of enough events."""
        part, whole = window.extra
        return whole >= self._least and self._holds(part / whole)

    def shown_hits(self, window: Window[list[int]], time: int) -> list[Hit]:  # noqa: ARG002
        """Return the events of both rules; of the second when there are none."""
        hits = [hit for hit in window.events[window.head :] if hit[MASK] & 2]
        return [hit for hit in hits if hit[MASK] & 1] or hits

    def measured(self, window: Window[list[int]]) -> tuple[tuple[str, str], ...]:
        """Return the share."""
        part, whole = window.extra
        return (("ratio", number(part / whole)),)

    def why(self, window: Window[list[int]], hits: list[Hit]) -> str:
        """Return e.g. `18 of 20 events “Request” of alice were “Denied” (90 %); …`."""
        rule, (part, whole) = self.plan.correlation, window.extra
        return (
            f"{part:,} of {events(whole)} {titles(self.plan.below[1:])}"
            f"{of_whom(rule.group_by, hits[0][SHOWN])} were {titles(self.plan.below[:1])} "
            f"({number(100 * part / whole)} %) within {span(rule.span_us)}; "
            f"{bound_words(rule.compare)}, of {self._least:,} at least"
        )


def _within(hits: list[Hit]) -> str:
    took = hits[-1][TIME] - hits[0][TIME]
    return f"within {span(took)}" if took else "in the same moment"


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
