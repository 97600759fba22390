"""When people work: their local day, the dip at lunch, the week-end; and when visitors come."""

from collections.abc import Sequence
from itertools import accumulate
from random import Random

from whodid.demo.cast import Office, Person
from whodid.demo.stage import HOUR_US, Stage

_OFFICE_WEIGHTS = (
    0,
    0,
    0,
    0,
    0,
    0,
    1,
    6,
    30,
    62,
    70,
    66,
    24,
    44,
    64,
    62,
    54,
    34,
    12,
    5,
    3,
    2,
    1,
    0,
)
_VISITOR_WEIGHTS = (
    3,
    2,
    1,
    1,
    1,
    2,
    4,
    7,
    9,
    10,
    10,
    10,
    11,
    10,
    9,
    9,
    9,
    10,
    11,
    12,
    12,
    10,
    8,
    5,
)
_NIGHT_WEIGHTS = (4, 2, 1, 1, 1, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5)
_OFFICE = tuple(accumulate(_OFFICE_WEIGHTS))
_VISITOR = tuple(accumulate(_VISITOR_WEIGHTS))
_ALWAYS = tuple(accumulate(_NIGHT_WEIGHTS))
_HOURS = range(24)

WEEKEND_TEAMS = {"support": 0.3, "operations": 0.25, "engineering": 0.06, "sales": 0.03}
_ABSENT = 0.07


def works(chance: Random, stage: Stage, person: Person, day: int) -> bool:
    """Tell whether a person works on a day; false after `left_day`."""
    if person.left_day is not None and day > stage.day(person.left_day):
        return False
    if stage.is_workday(day):
        return chance.random() > _ABSENT
    return chance.random() < WEEKEND_TEAMS.get(person.team, 0.0)


def desk_times(chance: Random, stage: Stage, person: Person, day: int, count: int) -> list[int]:
    """Draw `count` moments of a working day in local hours, ascending, µs UTC."""
    shift_h = (len(person.email) % 5 - 2) * 0.35
    return _times(
        chance, stage, day, count, cumulative=_OFFICE, office=person.office, shift_h=shift_h
    )


def visit_times(chance: Random, stage: Stage, day: int, count: int) -> list[int]:
    """Draw `count` moments of a day of the public site, ascending, µs UTC."""
    return _times(chance, stage, day, count, cumulative=_VISITOR)


def machine_times(chance: Random, stage: Stage, day: int, count: int) -> list[int]:
    """Draw `count` moments of a day that hardly knows the hour, ascending, µs UTC."""
    return _times(chance, stage, day, count, cumulative=_ALWAYS)


def _times(
    chance: Random,
    stage: Stage,
    day: int,
    count: int,
    *,
    cumulative: Sequence[int],
    office: Office | None = None,
    shift_h: float = 0.0,
) -> list[int]:
    base_us = stage.at(day, shift_h, office)
    hours = chance.choices(_HOURS, cum_weights=cumulative, k=count)
    draw = chance.random
    return sorted(base_us + int((hour + draw()) * HOUR_US) for hour in hours)


def number(chance: Random, mean: float) -> int:
    """Draw a count around a mean, never negative, with the spread of a busy or a slow day."""
    return max(0, int(mean * chance.uniform(0.55, 1.45) + chance.random()))
