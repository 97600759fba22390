"""Identity swaps (the protocol of CLUE-LDS): for a day, an account is used by somebody else."""

from bisect import bisect_left
from collections import defaultdict
from random import Random

from benchmarks.swap.access import DAY_US, Access

PRIOR_DAYS = 10
"""Only days of actors with so many earlier active days are swapped, and judged."""
_NEAR_DAYS = 30

ActorDay = tuple[str, int]


def judged_days(history: list[Access]) -> dict[ActorDay, list[Access]]:
    """Return the accesses of each actor's day that has PRIOR_DAYS active days before it."""
    days: dict[str, dict[int, list[Access]]] = defaultdict(lambda: defaultdict(list))
    for access in history:
        days[access.actor][access.day].append(access)
    return {
        (actor, day): accesses
        for actor, found in sorted(days.items())
        for day, accesses in sorted(found.items())[PRIOR_DAYS:]
    }


def swap(history: list[Access], seed: int, share: float) -> tuple[list[Access], set[ActorDay]]:
    """Return the history with `share` of its judged days taken over, and those days.

    The account's own accesses of the day go; those of another actor's nearest active day (at most
    _NEAR_DAYS away, moved by whole days) come in its name. The other's own day stays as it was.
    """
    random = Random(seed)
    everyone: dict[str, dict[int, list[Access]]] = defaultdict(lambda: defaultdict(list))
    for access in history:
        everyone[access.actor][access.day].append(access)
    dates = {actor: sorted(days) for actor, days in everyone.items()}
    names = sorted(everyone)
    judged = list(judged_days(history))
    wanted = max(1, round(share * len(judged)))
    taken: dict[ActorDay, list[Access]] = {}
    for actor, day in random.sample(judged, len(judged)):
        if len(taken) == wanted:
            break
        near = [(_nearest(dates[other], day), other) for other in names if other != actor]
        near = [(found, other) for found, other in near if abs(found - day) <= _NEAR_DAYS]
        if near:
            found, other = random.choice(near)
            groups = everyone[actor][day][0].groups
            taken[actor, day] = [
                access._replace(
                    actor=actor, time_us=access.time_us + (day - found) * DAY_US, groups=groups
                )
                for access in everyone[other][found]
            ]
    kept = [access for access in history if (access.actor, access.day) not in taken]
    return sorted(kept + [access for day in taken.values() for access in day]), set(taken)


def _nearest(dates: list[int], day: int) -> int:
    place = bisect_left(dates, day)
    return min(dates[max(0, place - 1) : place + 1], key=lambda date: (abs(date - day), date))
