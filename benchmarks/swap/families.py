"""Injected families: what a thief of an account, or its owner, does beside the usual day.

Each adds accesses to days of one actor; the labels are the days with added accesses. Values are
drawn from the history itself, so that nothing is odd by its spelling alone.
"""

from collections import defaultdict
from collections.abc import Callable
from random import Random

from benchmarks.swap.access import DAY_US, Access
from benchmarks.swap.inject import PRIOR_DAYS, ActorDay, judged_days

_HOUR_US = DAY_US // 24
SLOW_DAYS = 10
DORMANT_DAYS = 45

_Days = dict[ActorDay, list[Access]]
_Made = tuple[list[Access], list[Access]]
"""(added, removed) accesses."""


def _off_hours(random: Random, days: _Days, actor: str, day: int) -> _Made:
    """Some accesses of the actor's own kind, at the hour farthest from all that he did before."""
    used = [
        a.time_us % DAY_US // _HOUR_US for (who, _), d in days.items() if who == actor for a in d
    ]
    hour = max(range(24), key=lambda h: min(min((h - u) % 24, (u - h) % 24) for u in used))
    return [
        random.choice(days[actor, day])._replace(
            time_us=day * DAY_US + hour * _HOUR_US + n * 300_000_000
        )
        for n in range(4)
    ], []


def _new_resource(random: Random, days: _Days, actor: str, day: int) -> _Made:
    """Three resources of one foreign area, which he never used, in his own hours."""
    mine = {a.parent for (who, _), d in days.items() if who == actor for a in d}
    others = sorted(
        {(a.parent, a.resource, a.action) for d in days.values() for a in d if a.parent not in mine}
    )
    if not others:
        return [], []
    parent = random.choice(others)[0]
    found = [other for other in others if other[0] == parent][:3]
    model = days[actor, day]
    return [
        random.choice(model)._replace(resource=resource, parent=parent, action=action)
        for parent, resource, action in found
    ], []


def _mass_read(random: Random, days: _Days, actor: str, day: int) -> _Made:
    """Eight times the usual count, over many resources of the areas that he knows."""
    mine = sorted({(a.parent, a.resource) for (w, _), d in days.items() if w == actor for a in d})
    areas = {parent for parent, _ in mine}
    around = sorted({(a.parent, a.resource) for d in days.values() for a in d if a.parent in areas})
    model = days[actor, day]
    usual = [len(d) for (who, _), d in days.items() if who == actor]
    count = max(24, 8 * sorted(usual)[len(usual) // 2])
    out = []
    for _ in range(count):
        parent, resource = random.choice(around)
        one = random.choice(model)
        out.append(one._replace(parent=parent, resource=resource, rows=(one.rows or 0) * 3 or None))
    return out, []


def _new_network(random: Random, days: _Days, actor: str, day: int) -> _Made:
    """The whole day from a network and with a client that nobody used before."""
    real = days[actor, day][0].network[:1] in "+-"
    network = "+0845" if real else f"{random.randint(190, 220)}.{random.randint(1, 99)}.7.7"
    agent = "" if real else "python-requests/2"
    return [a._replace(network=network, agent=agent) for a in days[actor, day]], days[actor, day]


def _slow(random: Random, days: _Days, actor: str, day: int) -> _Made:
    """On each of ten active days two resources of a foreign area: little a day, much in sum."""
    mine = {a.parent for (who, _), d in days.items() if who == actor for a in d}
    foreign = sorted(
        {(a.parent, a.resource) for d in days.values() for a in d if a.parent not in mine}
    )
    if not foreign:
        return [], []
    parent = random.choice(foreign)[0]
    pool = [one for one in foreign if one[0] == parent]
    out = []
    for d in [d for who, d in days if who == actor and d >= day][:SLOW_DAYS]:
        for _ in range(2):
            where, resource = random.choice(pool)
            out.append(random.choice(days[actor, d])._replace(parent=where, resource=resource))
    return out, []


def _dormant(random: Random, days: _Days, actor: str, day: int) -> _Made:
    """The account rests for 45 days before; then a day of his own, from another's network."""
    removed = [
        a for (who, d), found in days.items() if who == actor and day - DORMANT_DAYS <= d < day
        for a in found
    ]  # fmt: skip
    donor = random.choice([found for (who, _), found in days.items() if who != actor])
    return [
        a._replace(network=donor[0].network, agent=donor[0].agent) for a in days[actor, day]
    ], removed + days[actor, day]


FAMILIES: dict[str, Callable[[Random, _Days, str, int], _Made]] = {
    "off-hours": _off_hours,
    "new resource": _new_resource,
    "mass read": _mass_read,
    "new network": _new_network,
    "slow exfiltration": _slow,
    "dormant account": _dormant,
}


def inject(
    history: list[Access], family: str, seed: int, share: float
) -> tuple[list[Access], set[ActorDay]]:
    """Return the history with `family` on about `share` of its judged days, and those days."""
    random = Random(seed)
    days = judged_days(history)
    by_actor: dict[str, list[int]] = defaultdict(list)
    for actor, day in days:
        by_actor[actor].append(day)
    wanted = max(1, round(share * len(days)))
    make = FAMILIES[family]
    added: list[Access] = []
    removed: set[Access] = set()
    labels: set[ActorDay] = set()
    busy: set[str] = set()
    for actor, day in random.sample(sorted(days), len(days)):
        if len(labels) >= wanted:
            break
        once = family in ("slow exfiltration", "dormant account")
        if (actor, day) in labels or (once and actor in busy):
            continue
        if family == "dormant account" and sum(d < day - DORMANT_DAYS for d in by_actor[actor]) < 1:
            continue
        more, less = make(random, days, actor, day)
        if more:
            busy.add(actor)
            added += more
            removed |= set(less)
            labels |= {(actor, access.day) for access in more}
    kept = [access for access in history if access not in removed]
    return sorted(kept + added), labels


__all__ = ["FAMILIES", "PRIOR_DAYS", "inject"]
