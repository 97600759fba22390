"""Peers: those in a group that sources name, else those who use the same things.

Groups of people who use the same are found by k-means over what they used, in whole numbers: the
same profiles give the same groups on every machine.
"""

from collections import Counter as Counts

import numpy as np
from numpy.typing import NDArray

from whodid.detection.baseline.dimensions import AREA, RESOURCE
from whodid.detection.baseline.profile import Decay, Profile
from whodid.limits import BASELINE_GROUPS_MAX

_WIDTH = 256
_SCALE = 1000
_ROUNDS = 8
_MEMBERS_MIN = 3
_PER_GROUP = 8
_WIDE = 0.5

Vectors = NDArray[np.int64]


def peers(profiles: list[Profile], day: int, decay: Decay) -> dict[int, list[Profile]]:
    """Return the members of each group, numbered from 1; sets `group` of every profile.

    An actor belongs to the smallest group of at least three that sources give him, unless half of
    all are in it; without one to those who use the same resources. 0 is "nobody in particular".
    """
    for profile in profiles:
        profile.group = 0
    sizes = Counts(group for profile in profiles for group in profile.groups)
    most = max(_MEMBERS_MIN, int(len(profiles) * _WIDE))
    fit = {group for group, size in sizes.items() if _MEMBERS_MIN <= size <= most}
    named: dict[int, list[Profile]] = {}
    rest = []
    for profile in profiles:
        mine = sorted((sizes[group], group) for group in profile.groups if group in fit)
        if mine:
            named.setdefault(mine[0][1], []).append(profile)
        else:
            rest.append(profile)
    groups = [members for _, members in sorted(named.items(), key=lambda i: (-len(i[1]), i[0]))]
    groups = [members for members in groups if len(members) >= _MEMBERS_MIN]
    groups = groups[: BASELINE_GROUPS_MAX // 2]
    groups += _alike(rest, BASELINE_GROUPS_MAX - len(groups), day, decay)
    for number, members in enumerate(groups, 1):
        for profile in members:
            profile.group = number
    return dict(enumerate(groups, 1))


def _alike(profiles: list[Profile], most: int, day: int, decay: Decay) -> list[list[Profile]]:
    count = min(most, len(profiles) // _PER_GROUP)
    if count < 2:
        return [profiles] if len(profiles) >= _MEMBERS_MIN else []
    vectors = np.stack([_vector(profile, day, decay) for profile in profiles])
    centres = _spread(vectors, count)
    chosen = np.zeros(len(profiles), np.int64)
    for _ in range(_ROUNDS):
        chosen = (vectors @ centres.T).argmax(1)
        moved = np.stack([_unit(vectors[chosen == c].sum(0)) for c in range(count)])
        if (moved == centres).all():
            break
        centres = moved
    members: list[list[Profile]] = [[] for _ in range(count)]
    for profile, place in zip(profiles, chosen.tolist(), strict=True):
        members[place].append(profile)
    return [found for found in members if len(found) >= _MEMBERS_MIN]


def _vector(profile: Profile, day: int, decay: Decay) -> Vectors:
    out = np.zeros(_WIDTH, np.int64)
    for number, factor in ((RESOURCE, 1), (AREA, 2)):
        for key, entry in profile.counters[number].entries.items():
            weight = (entry >> 16) * decay.after(day - (entry & 0xFFFF))
            sign = 1 if key & 0x10000 else -1
            out[(key + number) % _WIDTH] += sign * factor * int(min(weight, 2048.0) ** 0.5)
    return _unit(out)


def _unit(vector: Vectors) -> Vectors:
    length = float((vector * vector).sum()) ** 0.5
    return vector if length == 0.0 else (vector * _SCALE / length).round().astype(np.int64)


def _spread(vectors: Vectors, count: int) -> Vectors:
    """Return centres to begin with: each the vector that is least like those chosen before."""
    chosen = [0]
    likeness = vectors @ vectors[0]
    for _ in range(count - 1):
        place = int(likeness.argmin())
        chosen.append(place)
        likeness = np.maximum(likeness, vectors @ vectors[place])
    return vectors[chosen]
