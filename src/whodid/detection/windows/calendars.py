"""Working hours of people and teams, from a YAML file.

    default:                     # of everybody who is not named below
      zone: Europe/Berlin        # IANA name (default: UTC)
      days: [mon, tue, wed, thu, fri]
      hours: ["08:00-12:00", "13:00-18:30"]
      holidays: [2026-12-25, "01-01"]      # a day, or a day of every year
    calendars:                   # others, by name; what they leave out is as in default
      night: {zone: America/New_York, hours: "22:00-06:00"}
    people:
      alice@example.com: night
    teams:                       # members, and whoever has the team's name in actor.groups
      support: {calendar: night, members: [bob, carol]}

Hours that pass midnight belong to the day on which they begin. Names are those of events, in
any case. A time that a clock shows twice in a night is in the hours both times.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from whodid.errors import InputError
from whodid.limits import CALENDAR_BYTES_MAX

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_DAY = timedelta(days=1)


class Calendar(Struct, frozen=True):
    """When one works: `hours` are (from, to) in minutes of the day, `to` beyond 1440 if at night.

    `holidays` are dates, or (month, day) of every year.
    """

    zone: ZoneInfo
    days: frozenset[int]
    hours: tuple[tuple[int, int], ...]
    holidays: frozenset[date | tuple[int, int]]

    def working(self, time_us: int) -> bool:
        """Tell whether a time (µs UTC) is in the hours."""
        local = self.local(time_us)
        minute, today = local.hour * 60 + local.minute, local.date()
        yesterday = today - _ONE_DAY
        return any(
            (begin <= minute < end and self._works(today))
            or (minute + 1440 < end and self._works(yesterday))
            for begin, end in self.hours
        )

    def local(self, time_us: int) -> datetime:
        """Return a time (µs UTC) as its clock shows it."""
        return (_EPOCH + timedelta(microseconds=time_us)).astimezone(self.zone)

    def words(self, time_us: int) -> str:
        """Return a time in words, e.g. `Sunday 2026-03-01 03:12 (Europe/Berlin)`."""
        local = self.local(time_us)
        return f"{_NAMES[local.weekday()]} {local:%Y-%m-%d %H:%M} ({self.zone.key})"

    def _works(self, day: date) -> bool:
        if day.weekday() not in self.days:
            return False
        return day not in self.holidays and (day.month, day.day) not in self.holidays


class Calendars:
    """Who works when."""

    def __init__(
        self, default: Calendar, named: dict[str, Calendar],
        people: dict[str, Calendar], teams: dict[str, Calendar],
    ) -> None:  # fmt: skip
        self.default = default
        self.named = named
        self._people = people
        self._teams = teams

    def of(self, person: str, groups: tuple[str, ...] = ()) -> Calendar:
        """Return the calendar of a person: his own, else that of a team, else the default."""
        found = self._people.get(person.lower())
        if found is not None:
            return found
        for group in groups:
            found = self._teams.get(group.lower())
            if found is not None:
                return found
        return self.default


def read_calendars(path: Path) -> Calendars:
    """Read a file of calendars. Raises InputError with file, place and what is expected."""
    try:
        with path.open("rb") as file:
            text = file.read(CALENDAR_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    return parse_calendars(text, str(path))


def parse_calendars(text: bytes, name: str) -> Calendars:
    """Return the calendars that a YAML text holds; `name` is for messages. Raises InputError."""
    import yaml  # noqa: PLC0415 - few need it

    if len(text) > CALENDAR_BYTES_MAX:
        raise InputError(f"{name}: larger than {CALENDAR_BYTES_MAX:,} bytes")
    try:
        whole = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{name}: no YAML: {str(error).splitlines()[0]}") from None
    return _Reading(name).calendars(whole)


class _Reading:
    """Checks what a file says; every fault names its place."""

    def __init__(self, name: str) -> None:
        self._name = name

    def calendars(self, whole: Any) -> Calendars:
        parts = self._map(whole, "the file", ("default", "calendars", "people", "teams"))
        plain = Calendar(ZoneInfo("UTC"), frozenset(range(5)), ((480, 1080),), frozenset())
        default = self._calendar(parts.get("default") or {}, "default", plain)
        named = {
            str(key): self._calendar(value, f"calendars.{key}", default)
            for key, value in self._map(parts.get("calendars") or {}, "calendars").items()
        }
        people = {
            str(key).lower(): self._named(value, named, f"people.{key}")
            for key, value in self._map(parts.get("people") or {}, "people").items()
        }
        teams: dict[str, Calendar] = {}
        for key, value in self._map(parts.get("teams") or {}, "teams").items():
            place = f"teams.{key}"
            team = self._map(value, place, ("calendar", "members"))
            teams[str(key).lower()] = self._named(team.get("calendar"), named, place)
            for member in self._list(team.get("members", []), f"{place}.members"):
                people.setdefault(str(member).lower(), teams[str(key).lower()])
        return Calendars(default, named, people, teams)

    def _calendar(self, value: Any, place: str, default: Calendar) -> Calendar:
        given = self._map(value, place, ("zone", "days", "hours", "holidays"))
        return Calendar(
            self._zone(given["zone"], place) if "zone" in given else default.zone,
            self._days(given["days"], place) if "days" in given else default.days,
            self._hours(given["hours"], place) if "hours" in given else default.hours,
            self._holidays(given["holidays"], place) if "holidays" in given else default.holidays,
        )

    def _named(self, value: Any, named: dict[str, Calendar], place: str) -> Calendar:
        found = named.get(value) if isinstance(value, str) else None
        if found is None:
            known = ", ".join(sorted(named)) or "none"
            raise self._fault(place, f"names a calendar that is there ({known})", value)
        return found

    def _zone(self, value: Any, place: str) -> ZoneInfo:
        try:
            return ZoneInfo(value)
        except (KeyError, ValueError, TypeError, OSError):
            raise self._fault(
                f"{place}.zone", "is an IANA zone such as Europe/Berlin", value
            ) from None

    def _days(self, value: Any, place: str) -> frozenset[int]:
        found = {str(item).lower()[:3] for item in self._list(value, f"{place}.days")}
        if not found <= set(_DAYS):
            raise self._fault(f"{place}.days", f"is a list of {', '.join(_DAYS)}", value)
        return frozenset(map(_DAYS.index, found))

    def _hours(self, value: Any, place: str) -> tuple[tuple[int, int], ...]:
        items = self._list(value, f"{place}.hours")
        return tuple(self._range(item, f"{place}.hours") for item in items)

    def _range(self, value: Any, place: str) -> tuple[int, int]:
        begin, _, end = value.partition("-") if isinstance(value, str) else ("", "", "")
        first, last = _minutes(begin), _minutes(end)
        if first is None or last is None or first in (last, 1440):
            raise self._fault(place, "is a list of hours such as '08:00-18:30'", value)
        return first, last if last > first else last + 1440

    def _holidays(self, value: Any, place: str) -> frozenset[date | tuple[int, int]]:
        found: set[date | tuple[int, int]] = set()
        for item in self._list(value, f"{place}.holidays"):
            day = _day(item)
            if day is None:
                raise self._fault(f"{place}.holidays", "holds days: 2026-12-25 or '12-25'", item)
            found.add(day)
        return frozenset(found)

    def _map(self, value: Any, place: str, known: tuple[str, ...] = ()) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise self._fault(place, "is a map of names", value)
        for key in value:
            if known and key not in known:
                raise self._fault(place, f"knows {', '.join(known)}", key)
        return value

    def _list(self, value: Any, place: str) -> list[Any]:
        if isinstance(value, str):
            return [value]
        if not isinstance(value, list):
            raise self._fault(place, "is a list", value)
        return value

    def _fault(self, place: str, wanted: str, value: Any) -> InputError:
        return InputError(f"{self._name}: {place} {wanted}, not {str(value)[:60]!r}")


def _minutes(text: str) -> int | None:
    hour, colon, minute = text.strip().partition(":")
    if not (colon and hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit()):
        return None
    if len(hour) > 2 or len(minute) != 2 or int(minute) > 59:
        return None
    total = int(hour) * 60 + int(minute)
    return total if total <= 1440 else None


def _day(value: Any) -> date | tuple[int, int] | None:
    if isinstance(value, datetime):
        return None
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and len(value) == 5:
            leap = date.fromisoformat(f"2024-{value}")
            return (leap.month, leap.day)
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
