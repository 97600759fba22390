"""From an actor's open day to its score: evidences, their tails, one number.

1. A value that is new on the day gets ln P for others and for the actor (`view`).
2. Contrast: per dimension the sum of their differences by the root of their number, weighted, and
   how much likelier the whole day is for the best of those who use the same things.
3. Rarity: per dimension the greatest surprise; events, rows and the pause before, in logarithms;
   each against the actor's own days, in standard deviations.
4. Each evidence becomes a tail of the ledger's recent days; they add up as weighted exponentials
   (with temperature 1 a harmonic mean of p-values, Wilson 2019, which needs no independence).
"""

from collections import Counter as Counts
from math import exp, log, log1p, sqrt

from whodid.detection.baseline.day import ActorDay, Seen
from whodid.detection.baseline.dimensions import AREA, CLIENT, DIMENSIONS, NETWORK, RESOURCE
from whodid.detection.baseline.model import Model
from whodid.detection.baseline.profile import STATISTICS, Profile
from whodid.detection.baseline.view import Norms, View, likeness
from whodid.detection.baseline.weights import Weights

OTHER, EVENTS, ROWS, REST = 0, 7, 8, 9
_SHRINK_DAYS = 4.0
_ODD = 1.0
_VARIANCE_MIN = 0.25
_CANDIDATES = 4
_HELD = (RESOURCE, AREA, NETWORK, CLIENT)
_NO_OTHER = -6.0
_SUITS_OVER = -3.0

assert len(DIMENSIONS) + 3 == STATISTICS  # the order of evidences depends on it


def absorb(day: ActorDay, view: View, seen: Seen) -> bool:
    """Take in a value that is new on the day; tell whether it surprises more than is usual."""
    number, key = seen[0], seen[1]
    others, own = view.logs(number, key)
    day.contrast[number] += others - own
    day.logs[number].append((key, others, own))
    if -own <= day.surprise[number]:
        return False
    day.surprise[number] = -own
    day.tops[number] = seen
    mean, rate = view.norms[number]
    return (-own - mean) * rate > _ODD


def norms(profile: Profile | None, model: Model) -> Norms:
    """Return (mean, 1 / deviation) of an actor's daily statistics; a new one leans on everybody."""
    crowd = model.crowd_statistics.statistics
    own = crowd if profile is None else profile.statistics
    days = 0 if profile is None else profile.scored
    part = days / (days + _SHRINK_DAYS)
    out = []
    for place in range(0, 2 * STATISTICS, 2):
        mean = crowd[place] + part * (own[place] - crowd[place])
        variance = crowd[place + 1] + part * (own[place + 1] - crowd[place + 1])
        out.append((mean, 1.0 / sqrt(variance + _VARIANCE_MIN)))
    return out


def evidences(
    day: ActorDay, view: View, model: Model, weights: Weights, *, over: bool
) -> tuple[float, ...]:
    """Return the statistic of each evidence, in the order of EVIDENCES; sets `own` of the day.

    Before the day is over the likeliest other actor is looked for only when its values suit others
    better at all: that is rare, and costs most.
    """
    other = 0.0
    for weight, value, found in zip(weights.contrast, day.contrast, day.logs, strict=True):
        if found:
            other += weight * value / sqrt(len(found))
    if other > (_SUITS_OVER if over else 0.0):
        other += weights.best * _best(day, view, model)
    else:
        other += weights.best * _NO_OTHER
    own = day.own = statistics(day, view.profile)
    away = [(value - mean) * rate for value, (mean, rate) in zip(own, view.norms, strict=True)]
    return (other, *away)


def statistics(day: ActorDay, profile: Profile | None) -> tuple[float, ...]:
    """Return what is compared with the actor's own days: rarities, events, rows, pause."""
    pause = 0 if profile is None else max(day.day - profile.last - 1, 0)
    return (*day.surprise, log1p(day.count), log1p(day.rows), log1p(pause))


def _best(day: ActorDay, view: View, model: Model) -> float:
    """Return how much likelier the day is for the likeliest other actor, in ln."""
    found: Counts[int] = Counts()
    for number in _HELD:
        holders = model.crowd.holders[number]
        for key, _, _ in day.logs[number]:
            found.update(holders.get(key, ()))
    if view.profile is not None:
        found.pop(view.profile.slot, None)
    best = _NO_OTHER
    for other in sorted(found, key=lambda other: (-found[other], other))[:_CANDIDATES]:
        profile = model.actors.at(other)
        if profile is not None:
            best = max(best, likeness(profile, day.logs, view))
    return best


def score(evidence: tuple[float, ...], model: Model, weights: Weights, *, learning: bool) -> float:
    """Return the score of a day: what its evidences' tails add up to, in -ln P."""
    return combine(rarities(evidence, model, learning=learning), weights)


def rarities(evidence: tuple[float, ...], model: Model, *, learning: bool) -> list[float]:
    """Return -ln P of each evidence among the ledger's recent days."""
    tails = model.tails[learning]
    return [tails[place](value) for place, value in enumerate(evidence)]


def combine(found: list[float], weights: Weights) -> float:
    """Return the weighted log-sum of exponentials of evidences in -ln P."""
    heat = weights.temperature
    total = 0.0
    for share, value in zip(weights.share, found, strict=True):
        total += share * exp(value / heat)
    return heat * log(total)
