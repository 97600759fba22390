"""From an actor's open day to its score: evidences, their tails, one number.

1. Values that are new on the day get ln P for others and for the actor (`view`).
2. Contrast: per dimension the sum of their differences by the root of their number, weighted, and
   how much likelier the whole day is for the best of those who use the same things.
3. Rarity: per dimension the greatest surprise; events, rows and the pause before, in logarithms;
   each against the actor's own days, in standard deviations.
4. Each evidence becomes a tail of the ledger's recent days; they add up as weighted exponentials
   (with temperature 1 a harmonic mean of p-values, Wilson 2019, which needs no independence).
"""

from collections import Counter as Counts
from math import exp, log, log1p, sqrt

from whodid.detection.baseline.day import ActorDay
from whodid.detection.baseline.dimensions import AREA, CLIENT, DIMENSIONS, NETWORK, RESOURCE
from whodid.detection.baseline.model import Model
from whodid.detection.baseline.profile import STATISTICS, Profile
from whodid.detection.baseline.view import View, likeness
from whodid.detection.baseline.weights import Weights

OTHER, EVENTS, ROWS, REST = 0, 7, 8, 9
_SHRINK_DAYS = 4.0
_VARIANCE_MIN = 0.25
_CANDIDATES = 4
_HELD = (RESOURCE, AREA, NETWORK, CLIENT)
_NO_OTHER = -6.0


def absorb(day: ActorDay, view: View) -> None:
    """Score the day's fresh values."""
    contrast, surprise, logs = day.contrast, day.surprise, day.logs
    for seen in day.fresh:
        number, key = seen[0], seen[1]
        others, own = view.logs(number, key)
        away = others - own
        contrast[number] += away
        logs[number].append((key, others, own))
        if -own > surprise[number]:
            surprise[number] = -own
            day.tops[number] = seen
    day.fresh.clear()


def evidences(
    day: ActorDay,
    view: View,
    profile: Profile | None,
    model: Model,
    weights: Weights,
    *,
    over: bool,
) -> tuple[float, ...]:
    """Return the statistic of each evidence, in the order of EVIDENCES.

    Before the day is over the likeliest other actor is looked for only when its values suit others
    better at all: that is a hundred times rarer, and costs most.
    """
    other = 0.0
    for number, found in enumerate(day.logs):
        if found:
            other += weights.contrast[number] * day.contrast[number] / sqrt(len(found))
    if over or other > 0.0:
        other += weights.best * _best(day, view, profile, model)
    else:
        other += weights.best * _NO_OTHER
    own = statistics(day, profile)
    return (other, *(_deviation(n, value, profile, model) for n, value in enumerate(own)))


def statistics(day: ActorDay, profile: Profile | None) -> tuple[float, ...]:
    """Return what is compared with the actor's own days: rarities, events, rows, pause."""
    pause = 0 if profile is None else max(day.day - profile.last - 1, 0)
    return (*day.surprise, log1p(day.count), log1p(day.rows), log1p(pause))


def _deviation(place: int, value: float, profile: Profile | None, model: Model) -> float:
    crowd = model.crowd_statistics.statistics
    mean, variance = crowd[2 * place], crowd[2 * place + 1]
    if profile is not None and profile.scored:
        days = profile.scored
        part = days / (days + _SHRINK_DAYS)
        mean += part * (profile.statistics[2 * place] - mean)
        variance += part * (profile.statistics[2 * place + 1] - variance)
    return (value - mean) / sqrt(variance + _VARIANCE_MIN)


def _best(day: ActorDay, view: View, profile: Profile | None, model: Model) -> float:
    """Return how much likelier the day is for the likeliest other actor, in ln."""
    slot = 0 if profile is None else profile.slot
    found: Counts[int] = Counts()
    for number in _HELD:
        holders = model.crowd.holders[number]
        for key, _, _ in day.logs[number]:
            found.update(holders.get(key, ()))
    found.pop(slot, None)
    best = _NO_OTHER
    for other in sorted(found, key=lambda other: (-found[other], other))[:_CANDIDATES]:
        profile = model.actors.at(other)
        if profile is not None:
            best = max(best, likeness(profile, day.logs, view))
    return best


def score(evidence: tuple[float, ...], model: Model, weights: Weights, *, learning: bool) -> float:
    """Return the score of a day: what its evidences' tails add up to, in -ln P."""
    return combine(rarities(evidence, model, learning=learning), weights)


def rarities(evidence: tuple[float, ...], model: Model, *, learning: bool) -> tuple[float, ...]:
    """Return -ln P of each evidence among the ledger's recent days."""
    tails = model.tails[learning]
    return tuple(tails[place](value) for place, value in enumerate(evidence))


def combine(found: tuple[float, ...], weights: Weights) -> float:
    """Return the weighted log-sum of exponentials of evidences in -ln P."""
    heat = weights.temperature
    total = sum(
        share * exp(value / heat) for share, value in zip(weights.share, found, strict=True)
    )
    return heat * log(total)


assert len(DIMENSIONS) + 3 == STATISTICS
