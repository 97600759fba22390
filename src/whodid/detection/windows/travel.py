"""Two places, and no way to travel from one to the other so fast: impossible_travel.

By the triangle inequality a journey that is too fast stays too fast, in one of its parts, when an
event in between turns up.
"""

from math import asin, cos, inf, radians, sin, sqrt
from typing import Any

from whodid.detection.rule import Compare
from whodid.detection.windows.compare import Holds, bound_words, holds_all
from whodid.detection.windows.hit import SHOWN, TIME, VALUE, Hit
from whodid.detection.windows.machine import SetTimer
from whodid.detection.windows.plan import Plan
from whodid.detection.windows.windowed import Window, Windowed
from whodid.detection.windows.words import number, of_whom, span
from whodid.errors import InputError

EARTH_RADIUS_KM = 6371.0088
"""Mean radius (IUGG)."""

SPEED_KMH = (Compare("gt", 900.0),)
"""The bound of a rule that names none: an airliner's cruise."""


def distance_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the great-circle distance of (latitude, longitude) in degrees (haversine)."""
    lat1, lon1, lat2, lon2 = map(radians, (*one, *other))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(half)))


class Travel(Windowed[list[Any]]):
    """The value of a hit is (latitude, longitude, place in words, address)."""

    looks_back = 1

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        super().__init__(plan, set_timer)
        self._compare = plan.correlation.compare or SPEED_KMH
        self._holds: Holds = holds_all(self._compare)
        self._least_km: int = plan.correlation.options["distance"]

    def nothing(self) -> list[Any]:
        """Return no journey; then [(from, to), km, km/h] of the one that was too fast."""
        return []

    def holds(self, window: Window[list[Any]], time: int) -> bool:
        """Tell whether one of the newest hits was too far from the one before it."""
        events = window.events
        place = len(events)
        while place > window.head and events[place - 1][TIME] == time:
            place -= 1
        for at in range(max(place, window.head + 1), len(events)):
            if self._too_fast(window, events[at - 1], events[at]):
                return True
        return False

    def shown_hits(self, window: Window[list[Any]], time: int) -> list[Hit]:  # noqa: ARG002
        """Return both ends of the journey."""
        return list(window.extra[0])

    def measured(self, window: Window[list[Any]]) -> tuple[tuple[str, str], ...]:
        """Return the journey."""
        (one, other), far, speed = window.extra
        return (
            ("from", _place(one)), ("to", _place(other)), ("km", number(far)),
            ("km/h", "" if speed == inf else number(speed)),
        )  # fmt: skip

    def why(self, window: Window[list[Any]], hits: list[Hit]) -> str:
        """Return e.g. `Berlin, DE (192.0.2.1), then Tokyo, JP (…) 12 minutes later of alice: …`."""
        (one, other), far, speed = window.extra
        rule = self.plan.correlation
        took = other[TIME] - one[TIME]
        fast = f"{number(speed)} km/h" if took else "at the same time"
        return (
            f"{_place(one)}, then {_place(other)} {span(took)} later"
            f"{of_whom(rule.group_by, hits[0][SHOWN])}: {number(far)} km, {fast}; "
            f"{bound_words(self._compare, ' km/h')}"
        )

    def value_of(self, stored: Any) -> Any:
        """Return a place."""
        kinds = (int | float, int | float, str, str)
        if not isinstance(stored, list) or len(stored) != len(kinds):
            raise InputError("state of a correlation: no place")
        if not all(isinstance(item, kind) for item, kind in zip(stored, kinds, strict=True)):
            raise InputError("state of a correlation: no place")
        return tuple(stored)

    def _too_fast(self, window: Window[list[Any]], one: Hit, other: Hit) -> bool:
        here, there = one[VALUE], other[VALUE]
        if here[:2] == there[:2]:
            return False
        far = distance_km(here[:2], there[:2])
        if far < self._least_km:
            return False
        took = other[TIME] - one[TIME]
        speed = far * 3_600_000_000 / took if took else inf
        if not self._holds(speed):
            return False
        window.extra[:] = [(one, other), far, speed]
        return True


def _place(hit: Hit) -> str:
    value = hit[VALUE]
    return f"{value[2]} ({value[3]})"
