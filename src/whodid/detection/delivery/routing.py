"""Which alert is told where, and when: routes, calendars, escalations. It keeps nothing."""

from msgspec import Struct

from whodid.detection.delivery.calendar import Hours
from whodid.detection.delivery.change import Change
from whodid.detection.delivery.kept.told_alerts import Escalation
from whodid.detection.delivery.settings import AlertSettings, Route

_MINUTE_US = 60_000_000


class Way(Struct, frozen=True):
    """Where a change goes: channel → from when, µs UTC; and who is told if nobody reacts."""

    channels: dict[str, int]
    escalations: tuple[Escalation, ...] = ()


class Routing:
    """The routes of the settings. Raises UsageError for a calendar that cannot be read."""

    def __init__(self, settings: AlertSettings) -> None:
        self._routes: tuple[Route, ...] = settings.routes or (Route(tuple(settings.channels)),)
        self._hours = {name: Hours(item) for name, item in settings.calendars.items()}

    def way(self, change: Change, now_us: int) -> Way:
        """Return where a change goes that is taken in now; nowhere when no route is for it."""
        channels: dict[str, int] = {}
        waits: dict[int, list[str]] = {}
        for route in self._routes:
            if not _is_for(route, change):
                continue
            from_us = self._from_us(route, now_us)
            if from_us is None:
                continue
            for name in route.channels:
                channels[name] = min(channels.get(name, from_us), from_us)
            if route.escalate_after_minutes and route.escalate_to:
                # From when its first message may go: nobody can react to what he is not told.
                after_us = from_us - now_us + round(route.escalate_after_minutes * _MINUTE_US)
                waits.setdefault(after_us, []).extend(route.escalate_to)
        return Way(
            channels,
            tuple(
                Escalation(after_us, tuple(dict.fromkeys(names)))
                for after_us, names in sorted(waits.items())
            ),
        )

    def _from_us(self, route: Route, now_us: int) -> int | None:
        """Return from when a route holds, None when it leaves this to others."""
        if not route.calendar:
            return now_us
        inside = route.during == "inside"
        hours = self._hours[route.calendar]
        if hours.holds(now_us) == inside:
            return now_us
        return None if route.otherwise == "skip" else hours.next_us(now_us, inside=inside)


def _is_for(route: Route, change: Change) -> bool:
    names = {change.rule, *change.tags}
    return (not route.levels or change.level in route.levels) and (
        not route.rules or not names.isdisjoint(route.rules)
    )
