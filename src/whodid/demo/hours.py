"""When the people of the demo work, as the file of calendars that rules ask (`outside_hours`).

Offices have fixed offsets from UTC all year, as in the story; so their zones are those of Etc.
"""

from whodid.demo.cast import OFFICES, PEOPLE, Office
from whodid.demo.working_hours import WEEKEND_TEAMS

HOURS = "06:00-20:30"
"""Wide: nearly all work of the story is within. The leaver reads customers later than that."""

_OFTEN = 0.2
"""Teams of which so many work on a day of a week-end have a calendar of the whole week."""

_HALF_HOURS = {5.5: "Asia/Kolkata"}
"""Etc has whole hours only; this zone has no daylight saving either."""

_WEEK = "[mon, tue, wed, thu, fri]"
_ALL_WEEK = "[mon, tue, wed, thu, fri, sat, sun]"


def calendars_text() -> str:
    """Return the file: a calendar for each office, and one for those who work at week-ends too."""
    lines = [
        "# Who works when; whodid.toml names this file, and rules of the pack `hours` ask it.",
        f'default: {{zone: UTC, days: {_WEEK}, hours: "{HOURS}"}}', "calendars:",
    ]  # fmt: skip
    for office in OFFICES:
        zone = _zone(office)
        lines.append(f"  {_name(office)}: {{zone: {zone}, days: {_WEEK}}}")
        lines.append(f"  {_name(office)}-all-week: {{zone: {zone}, days: {_ALL_WEEK}}}")
    lines.append("people:")
    for person in PEOPLE:
        often = "-all-week" if WEEKEND_TEAMS.get(person.team, 0) >= _OFTEN else ""
        lines.append(f"  {person.email}: {_name(person.office)}{often}")
    return "\n".join(lines) + "\n"


def _name(office: Office) -> str:
    return office.city.lower()


def _zone(office: Office) -> str:
    """Return the zone of an offset; those of Etc have the sign of POSIX, behind Greenwich is +."""
    if office.utc_offset_h in _HALF_HOURS:
        return _HALF_HOURS[office.utc_offset_h]
    return "UTC" if not office.utc_offset_h else f"Etc/GMT{-int(office.utc_offset_h):+d}"
