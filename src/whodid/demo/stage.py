"""The stage: when the story plays, how large it is, and where its chance comes from."""

from dataclasses import dataclass
from random import Random

from whodid.demo.cast import RELEASES, Office

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
STORY_DAYS = 30


@dataclass(slots=True, frozen=True)
class Stage:
    """Bounds of one telling: [start_us, end_us], `days` long, chance from `seed`.

    Invariants: the same values give the same story; each part draws from its own generator, so
    that a change in one part leaves the others as they were. `scale` multiplies ordinary life,
    never the scenes.
    """

    end_us: int
    days: int
    seed: int
    scale: float

    @property
    def start_us(self) -> int:
        """Where the story begins, µs UTC."""
        return self.end_us - self.days * DAY_US

    def chance(self, part: str) -> Random:
        """Return the generator of one part of the story."""
        return Random(f"{self.seed}/{part}")

    def day(self, story_day: int) -> int:
        """Place a day of the 30-day plot in a story of another length."""
        return story_day * self.days // STORY_DAYS

    def at(self, day: int, hour: float, office: Office | None = None) -> int:
        """Return µs UTC of a local hour on the calendar day `day`; day 0 is the first, cut one."""
        offset_h = office.utc_offset_h if office else 0.0
        midnight_us = (self.start_us // DAY_US + day) * DAY_US
        return midnight_us + int((hour - offset_h) * HOUR_US)

    def is_workday(self, day: int) -> bool:
        """Tell whether a day is Monday to Friday (1970-01-01 was a Thursday)."""
        return (self.start_us // DAY_US + day + 3) % 7 < 5

    def workday(self, story_day: int) -> int:
        """Return the last working day up to the given day of the plot."""
        day = self.day(story_day)
        while not self.is_workday(day):
            day -= 1
        return day

    def version(self, service: str, time_us: int) -> str:
        """Return the version of a service that ran at a time."""
        current = ""
        for story_day, version in RELEASES[service]:
            if self.released_us(story_day) <= time_us or not current:
                current = version
        return current

    def released_us(self, story_day: float) -> int:
        """Return when a release of `cast.RELEASES` took place, µs UTC."""
        return self.at(self.day(int(story_day)), story_day % 1 * 24)
