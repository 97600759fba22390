"""What others do: everybody together, groups of peers, and who used a value last."""

import numpy as np
from numpy.typing import NDArray

from whodid.detection.baseline.dimensions import DIMENSIONS, HOUR, SPARSE
from whodid.detection.baseline.profile import Counter, Decay, Profile
from whodid.limits import (
    BASELINE_CROWD_VALUES_MAX,
    BASELINE_GROUP_VALUES_MAX,
)

HOLDERS = 6
"""So many who used a value last are remembered with it."""
_SLACK = 1.1
_HELD = (True, True, False, True, True, False)


def _smoothing() -> NDArray[np.float64]:
    """Return the matrix that makes densities of the hours of a week; its columns sum to one."""
    unit = np.eye(168)
    mixed = 0.5 * unit + np.tile(unit.reshape(7, 24, 168).sum(0) / 14, (7, 1))
    parts = ((0, 0.5), (1, 0.2), (-1, 0.2), (2, 0.05), (-2, 0.05))
    out = np.zeros((168, 168))
    for away, part in parts:
        out += part * np.roll(mixed, away, axis=0)
    return out


_SMOOTH = _smoothing()


class Crowd:
    """Counters of all actors and of each group; `holders` are slots, the last user first."""

    def __init__(self, decay: Decay) -> None:
        self.decay = decay
        self.all = [Counter() for _ in DIMENSIONS]
        self.groups: dict[int, list[Counter]] = {}
        self.holders: list[dict[int, tuple[int, ...]]] = [{} for _ in range(SPARSE)]
        self.evicted = 0

    def learn(self, profile: Profile, values: list[dict[int, int]], day: int) -> None:
        """Count one actor's day."""
        slot = profile.slot
        group = self.groups.get(profile.group)
        for number, found in enumerate(values):
            if not found:
                continue
            self.all[number].add(found, day, self.decay)
            if group is not None:
                group[number].add(found, day, self.decay)
            if _HELD[number]:
                holders = self.holders[number]
                for key in found:
                    held = holders.get(key)
                    if held is None:
                        holders[key] = (slot,)
                    elif held[0] != slot:
                        rest = [other for other in held if other != slot]
                        holders[key] = (slot, *rest[: HOLDERS - 1])

    def trim(self, day: int) -> None:
        """Keep what is known of all and of groups within bounds."""
        for number, counter in enumerate(self.all):
            if len(counter.entries) > BASELINE_CROWD_VALUES_MAX * _SLACK:
                self.evicted += counter.trim(BASELINE_CROWD_VALUES_MAX, day, self.decay)
                if _HELD[number]:
                    alive = counter.entries
                    held = self.holders[number]
                    self.holders[number] = {key: held[key] for key in held if key in alive}
        for counters in self.groups.values():
            for counter in counters:
                if len(counter.entries) > BASELINE_GROUP_VALUES_MAX * _SLACK:
                    counter.trim(BASELINE_GROUP_VALUES_MAX, day, self.decay)

    def regroup(self, members: dict[int, list[Profile]], day: int) -> None:
        """Make the counters of the groups anew from their members' profiles."""
        self.groups = {}
        for group, profiles in sorted(members.items()):
            counters = [_sum(profiles, n, day, self.decay) for n in range(len(DIMENSIONS))]
            for counter in counters:
                counter.trim(BASELINE_GROUP_VALUES_MAX, day, self.decay)
                counter.lost = 0
            self.groups[group] = counters


def _sum(profiles: list[Profile], number: int, day: int, decay: Decay) -> Counter:
    """Return one counter of many, as of `day`."""
    out = Counter()
    out.day = day
    sums: dict[int, tuple[float, int]] = {}
    for profile in profiles:
        counter = profile.counters[number]
        total, novel = counter.at(day, decay)
        out.total += total
        out.novel += novel
        for key, entry in counter.entries.items():
            last = entry & 0xFFFF
            weight = (entry >> 16) * decay.after(day - last)
            before = sums.get(key)
            sums[key] = (weight, last) if before is None else (before[0] + weight, day)
    for key, (weight, _) in sums.items():
        out.entries[key] = min(int(weight), 0xFFFF) << 16 | day
    return out


def hour_densities(counter: Counter, day: int, decay: Decay) -> tuple[list[float], float]:
    """Return the smoothed weight of each hour of the week, and their sum.

    Half of an hour's weight stays on its day of the week, half is shared by all days; both spread
    over the two hours before and after. So thirty days show a person's hours.
    """
    week = [0.0] * 168
    of = decay.of
    for hour, entry in counter.entries.items():
        last = entry & 0xFFFF
        week[hour] = (entry >> 16) * of[day - last if day > last else 0] / 256
    return (_SMOOTH @ np.array(week)).tolist(), sum(week)


def hours_of(profile: Profile, day: int, decay: Decay) -> tuple[list[float], float]:
    """Return the densities of an actor's hours, made once a day."""
    if profile.hours is None or profile.hours_day != day:
        profile.hours = hour_densities(profile.counters[HOUR], day, decay)
        profile.hours_day = day
    return profile.hours
