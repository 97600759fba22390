"""How likely values are for an actor, for his peers and for everybody: Witten-Bell back-off.

P(v | actor) = (1 - u) · days with v / days' values + u · P(v | peers), where u is the share of his
values that were new when they came: who always uses new things does not surprise by one more. The
peers back off to all others in the same way, those to one of the values not seen yet. The actor's
own days are taken out of what peers and others did, so "others" are others.
"""

from math import exp, log

from whodid.detection.baseline.crowd import Crowd, hour_densities, hours_of
from whodid.detection.baseline.dimensions import HOUR, SPARSE
from whodid.detection.baseline.profile import Counter, Decay, Profile

_OWN_NOVEL = 0.5
_HOUR_STRENGTH = 4.0
_UNSEEN = 10

Hours = tuple[list[float], float]
Norms = list[tuple[float, float]]
_EMPTY: dict[int, int] = {}
_NO_HOURS: Hours = ([0.0] * 168, 0.0)
_One = tuple[
    dict[int, int], float, float, dict[int, int], float, float, dict[int, int], float, float, float
]


class Hourly:
    """Densities of the hours of all and of each group, made once per turn of the model."""

    def __init__(self, crowd: Crowd, day: int, decay: Decay) -> None:
        self._crowd, self._day, self._decay = crowd, day, decay
        self.all = hour_densities(crowd.all[HOUR], day, decay)
        self._groups: dict[int, Hours] = {}

    def group(self, number: int) -> Hours:
        """Return the densities of a group, none for a group that there is not."""
        found = self._groups.get(number)
        if found is None:
            counters = self._crowd.groups.get(number)
            found = (
                _NO_HOURS
                if counters is None
                else hour_densities(counters[HOUR], self._day, self._decay)
            )
            self._groups[number] = found
        return found


class View:
    """The model as one actor's day sees it. Valid while the model stands still.

    `norms` are (mean, 1 / deviation) of the actor's daily statistics.
    """

    __slots__ = (
        "_dimensions",
        "_hourly",
        "_hours",
        "_of",
        "_weight",
        "day",
        "decay",
        "norms",
        "profile",
    )

    def __init__(
        self,
        profile: Profile | None,
        crowd: Crowd,
        hourly: Hourly,
        day: int,
        decay: Decay,
        peers_weight: float,
    ) -> None:
        self.day, self.decay = day, decay
        self._of = decay.of
        self.profile, self._hourly, self._weight = profile, hourly, peers_weight
        self._hours: Hours | None = None
        self.norms: Norms = []
        group = crowd.groups.get(profile.group) if profile is not None else None
        self._dimensions = [
            _dimension(
                None if profile is None else profile.counters[number],
                None if group is None else group[number],
                crowd.all[number],
                day,
                decay,
            )
            for number in range(SPARSE)
        ]

    def logs(self, number: int, key: int) -> tuple[float, float]:
        """Return (ln P for others, ln P for the actor) of a value."""
        if number == HOUR:
            return self._hour_logs(key)
        own, own_n, own_new, group, group_n, group_new, everyone, all_n, all_new, unseen = (
            self._dimensions[number]
        )
        day, of = self.day, self._of
        mine = wall = wgroup = 0.0
        entry = own.get(key)
        if entry is not None:
            mine = (entry >> 16) * of[day - (entry & 0xFFFF)] / 256
        entry = everyone.get(key)
        if entry is not None:
            wall = (entry >> 16) * of[day - (entry & 0xFFFF)] / 256 - mine
            wall = max(wall, 0.0)
        for_all = all_new * unseen
        if all_n > 0.0:
            for_all += (1.0 - all_new) * wall / all_n
        for_peers = for_all
        if group_n > 0.0:
            entry = group.get(key)
            if entry is not None:
                wgroup = (entry >> 16) * of[day - (entry & 0xFFFF)] / 256 - mine
                wgroup = max(wgroup, 0.0)
            for_peers = (1.0 - group_new) * wgroup / group_n + group_new * for_all
        for_own = own_new * for_peers
        if own_n > 0.0:
            for_own += (1.0 - own_new) * mine / own_n
        others = self._weight * for_peers + (1.0 - self._weight) * for_all
        return log(others), log(for_own)

    def _hour_logs(self, hour: int) -> tuple[float, float]:
        own, own_n = self.hours()
        everyone, all_n = self._hourly.all
        group = self.profile.group if self.profile is not None else 0
        peers, group_n = self._hourly.group(group) if group else _NO_HOURS
        flat = 1.0 / 168
        mine, mine_n = own[hour], own_n
        for_all = (max(everyone[hour] - mine, 0.0) + _HOUR_STRENGTH * flat) / (
            max(all_n - mine_n, 0.0) + _HOUR_STRENGTH
        )
        for_peers = for_all
        if group_n > 0.0:
            for_peers = (max(peers[hour] - mine, 0.0) + _HOUR_STRENGTH * for_all) / (
                max(group_n - mine_n, 0.0) + _HOUR_STRENGTH
            )
        for_own = (mine + _HOUR_STRENGTH * for_peers) / (mine_n + _HOUR_STRENGTH)
        others = self._weight * for_peers + (1.0 - self._weight) * for_all
        return log(others), log(for_own)

    def hours(self) -> Hours:
        """Return the densities of the actor's own hours."""
        if self._hours is None:
            self._hours = (
                _NO_HOURS if self.profile is None else hours_of(self.profile, self.day, self.decay)
            )
        return self._hours


def likeness(profile: Profile, logs: list[list[tuple[int, float, float]]], view: View) -> float:
    """Return how much likelier the day is for another actor than for the one of `view`, in ln.

    Per dimension the mean times the root of the number of values: values of a day depend on each
    other, so twice as many are less than twice the evidence.
    """
    out = 0.0
    day, decay = view.day, view.decay
    for number, found in enumerate(logs):
        if not found:
            continue
        counter = profile.counters[number]
        total, novel = counter.at(day, decay)
        away = 0.0
        if number == HOUR:
            density, whole = hours_of(profile, day, decay)
            for key, others, own in found:
                p = (density[key] + _HOUR_STRENGTH * exp(others)) / (whole + _HOUR_STRENGTH)
                away += log(p) - own
        else:
            new = (novel + _OWN_NOVEL) / (total + novel + _OWN_NOVEL)
            rate = (1.0 - new) / total / 256 if total > 0.0 else 0.0
            entries, of = counter.entries, decay.of
            for key, others, own in found:
                p = new * exp(others)
                entry = entries.get(key)
                if entry is not None:
                    p += rate * (entry >> 16) * of[day - (entry & 0xFFFF)]
                away += log(p) - own
        out += away / len(found) ** 0.5
    return out


def _dimension(
    own: Counter | None, group: Counter | None, everyone: Counter, day: int, decay: Decay
) -> _One:
    own_n, own_novel = own.at(day, decay) if own is not None else (0.0, 0.0)
    all_n, all_novel = everyone.at(day, decay)
    all_n = max(all_n - own_n, 0.0)
    all_novel += 1.0
    group_n, group_novel = group.at(day, decay) if group is not None else (0.0, 0.0)
    group_n = max(group_n - own_n, 0.0)
    group_novel += 1.0
    own_novel += _OWN_NOVEL
    return (
        own.entries if own is not None else _EMPTY,
        own_n,
        own_novel / (own_n + own_novel),
        group.entries if group is not None else _EMPTY,
        group_n,
        group_novel / (group_n + group_novel),
        everyone.entries,
        all_n,
        all_novel / (all_n + all_novel),
        1.0 / (len(everyone.entries) + _UNSEEN),
    )
