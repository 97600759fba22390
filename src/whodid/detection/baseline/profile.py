"""What is kept of one actor (or of a group, or of all): decayed days on which a value occurred.

An entry is `weight << 16 | day`: the weight in 256ths of a day as of its last day, days since 1970.
Weights are integers, so packing loses nothing: whether a profile was packed in between changes no
score.
"""

import struct
from collections.abc import Iterator

from whodid.detection.baseline.dimensions import DIMENSIONS, HOUR, WEEK_HOURS
from whodid.errors import InputError
from whodid.limits import (
    BASELINE_ACTOR_ACTIONS_MAX,
    BASELINE_ACTOR_AREAS_MAX,
    BASELINE_ACTOR_CLIENTS_MAX,
    BASELINE_ACTOR_NETWORKS_MAX,
    BASELINE_ACTOR_RESOURCES_MAX,
)

VALUES_MAX = (
    BASELINE_ACTOR_RESOURCES_MAX,
    BASELINE_ACTOR_AREAS_MAX,
    BASELINE_ACTOR_ACTIONS_MAX,
    BASELINE_ACTOR_NETWORKS_MAX,
    BASELINE_ACTOR_CLIENTS_MAX,
    WEEK_HOURS,
)
"""Most values kept of one actor, per dimension."""

ONE = 256
WEIGHT_MAX = 0xFFFF
DAY_MAX = 0xFFFF
_FADED = 6
"""Entries of less weight (1/43 of a day) are dropped."""
_DECAY_DAYS = 65_536

_HEAD = struct.Struct("<IHHI")
_DIMENSION = struct.Struct("<HHHdd")
_ENTRY = struct.Struct("<QH")
_HOUR_ENTRY = struct.Struct("<BHH")
STATISTICS = 9
_STATISTICS = struct.Struct(f"<I{2 * STATISTICS}d")


class Decay:
    """`of[n]` is what is left after n days, for all days that there are."""

    def __init__(self, half_life_days: float) -> None:
        self.of = [0.5 ** (days / half_life_days) for days in range(_DECAY_DAYS)]

    def after(self, days: int) -> float:
        """Return what is left after so many days; a day of the past counts as today."""
        return self.of[days] if days > 0 else 1.0


class Counter:
    """One dimension: days per value, their sum, and the share of them that were new when they came.

    `total` and `novel` (days) are as of `day`; `lost` is the last day of an entry that was dropped
    to stay small: of days before it "never" cannot be said.
    """

    __slots__ = ("day", "entries", "lost", "novel", "total")

    def __init__(self) -> None:
        self.entries: dict[int, int] = {}
        self.total = 0.0
        self.novel = 0.0
        self.day = 0
        self.lost = 0

    def weight(self, key: int, day: int, decay: Decay) -> float:
        """Return the decayed days on which `key` occurred."""
        entry = self.entries.get(key)
        if entry is None:
            return 0.0
        return (entry >> 16) * decay.after(day - (entry & DAY_MAX)) / ONE

    def at(self, day: int, decay: Decay) -> tuple[float, float]:
        """Return (total, novel) as of `day`."""
        left = decay.after(day - self.day)
        return self.total * left, self.novel * left

    def add(self, keys: Iterator[int] | dict[int, int], day: int, decay: Decay) -> None:
        """Count that the values occurred on `day`; of a past one only what is left of it."""
        entries, of = self.entries, decay.of
        if day >= self.day:
            left = decay.after(day - self.day)
            self.total *= left
            self.novel *= left
            self.day = day
            worth, one = 1.0, ONE
        else:
            worth = decay.after(self.day - day)
            one = int(ONE * worth)
        for key in keys:
            entry = entries.get(key)
            if entry is None:
                entries[key] = ONE << 16 | day
                self.novel += worth
            else:
                age = day - (entry & DAY_MAX)
                if age >= 0:
                    weight = int((entry >> 16) * of[age]) + ONE
                    entries[key] = min(weight, WEIGHT_MAX) << 16 | day
                else:
                    entries[key] = min((entry >> 16) + one, WEIGHT_MAX) << 16 | entry & DAY_MAX
            self.total += worth

    def trim(self, most: int, day: int, decay: Decay) -> int:
        """Drop what has faded, and the least down to `most`; return how many were still alive."""
        entries = self.entries
        if len(entries) <= most:
            return 0
        left = {
            key: (entry >> 16) * decay.after(day - (entry & DAY_MAX))
            for key, entry in entries.items()
        }
        order = sorted(left, key=lambda key: (-left[key], key))
        gone = order[most:]
        alive = 0
        for key in gone:
            last = entries.pop(key) & DAY_MAX
            if left[key] >= _FADED:
                self.lost = max(self.lost, last)
                alive += 1
        return alive


class Profile:
    """One actor. `statistics` are (mean, variance) of his daily evidences, over `scored` days.

    `hours` are densities of his hours as of `hours_day`, made when they are asked for.
    """

    __slots__ = (
        "counters", "days", "first", "group", "groups", "hours", "hours_day", "last", "scored",
        "slot", "statistics",
    )  # fmt: skip

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.counters = [Counter() for _ in DIMENSIONS]
        self.statistics = [0.0] * (2 * STATISTICS)
        self.scored = 0
        self.first = 0
        self.last = 0
        self.days = 0
        self.group = 0
        self.groups: tuple[int, ...] = ()
        self.hours: tuple[list[float], float] | None = None
        self.hours_day = 0

    def trim(self, day: int, decay: Decay) -> None:
        """Keep it small."""
        for counter, most in zip(self.counters, VALUES_MAX, strict=True):
            counter.trim(most, day, decay)

    def note(self, place: int, value: float, rate: float) -> None:
        """Take a day's evidence into its mean and variance, with weight `rate`."""
        statistics = self.statistics
        away = value - statistics[2 * place]
        statistics[2 * place] += rate * away
        statistics[2 * place + 1] = (1 - rate) * (statistics[2 * place + 1] + rate * away * away)


def pack(profile: Profile) -> bytes:
    """Return a profile as bytes: the same profile gives the same bytes."""
    parts = [
        _HEAD.pack(profile.slot, profile.first, profile.last, profile.days),
        struct.pack("<HB", profile.group, len(profile.groups)),
        b"".join(group.to_bytes(6, "big") for group in profile.groups),
        _STATISTICS.pack(profile.scored, *profile.statistics),
    ]
    for number, counter in enumerate(profile.counters):
        entries = sorted(counter.entries.items())
        parts.append(
            _DIMENSION.pack(len(entries), counter.day, counter.lost, counter.total, counter.novel)
        )
        if number == HOUR:
            parts += [_HOUR_ENTRY.pack(key, e >> 16, e & DAY_MAX) for key, e in entries]
        else:
            parts += [_ENTRY.pack(key << 16 | e >> 16, e & DAY_MAX) for key, e in entries]
    return b"".join(parts)


def unpack(data: bytes) -> Profile:
    """Read back what `pack` wrote. Raises InputError for other bytes."""
    try:
        return _unpack(data)
    except (struct.error, IndexError) as error:
        raise InputError(
            "a learned profile does not decode; learn again from the ledger"
        ) from error


def _unpack(data: bytes) -> Profile:
    slot, first, last, days = _HEAD.unpack_from(data)
    place = _HEAD.size
    profile = Profile(slot)
    profile.first, profile.last, profile.days = first, last, days
    profile.group, count = struct.unpack_from("<HB", data, place)
    place += 3
    profile.groups = tuple(
        int.from_bytes(data[place + 6 * n : place + 6 * n + 6], "big") for n in range(count)
    )
    place += 6 * count
    profile.scored, *profile.statistics = _STATISTICS.unpack_from(data, place)
    place += _STATISTICS.size
    for number, counter in enumerate(profile.counters):
        count, counter.day, counter.lost, counter.total, counter.novel = _DIMENSION.unpack_from(
            data, place
        )
        if count > VALUES_MAX[number]:
            raise struct.error("too many")
        place += _DIMENSION.size
        form = _HOUR_ENTRY if number == HOUR else _ENTRY
        body = data[place : place + count * form.size]
        place += count * form.size
        if number == HOUR:
            counter.entries = {k: w << 16 | d for k, w, d in form.iter_unpack(body)}
            if any(key >= WEEK_HOURS for key in counter.entries):
                raise struct.error("no hour of a week")
        else:
            counter.entries = {
                q >> 16: (q & WEIGHT_MAX) << 16 | d for q, d in form.iter_unpack(body)
            }
        if len(counter.entries) != count:
            raise struct.error("cut")
    if place != len(data) or not all(map(_finite, _floats(profile))):
        raise struct.error("more than a profile")
    return profile


def _floats(profile: Profile) -> list[float]:
    counted = [value for counter in profile.counters for value in (counter.total, counter.novel)]
    return [*profile.statistics, *counted]


def _finite(value: float) -> bool:
    return abs(value) < 1e12  # false for NaN too
