"""An alert in a sentence, with the numbers that anybody can count again in the ledger."""

import datetime as dt
from math import exp, expm1, log, sqrt

from msgspec import Struct

from whodid.detection.baseline.day import ActorDay, Seen
from whodid.detection.baseline.dimensions import (
    ACTION,
    AREA,
    CLIENT,
    DIMENSIONS,
    HOUR,
    NETWORK,
    RESOURCE,
)
from whodid.detection.baseline.model import Model
from whodid.detection.baseline.profile import Counter, Profile
from whodid.detection.baseline.scoring import EVENTS, OTHER, REST, ROWS, rarities
from whodid.detection.baseline.view import View
from whodid.detection.baseline.weights import EVIDENCES, Weights
from whodid.limits import BASELINE_TEXT_CHARS_MAX

_TOLD = 3
_PEERS_ASKED = 100
_RARE = 2.3
_CONTRAST = 1.0
_ONE_IN_MAX = 100_000
"""Beyond, a tail is drawn out too far to be a number."""
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Told(Struct, frozen=True):
    """The sentence, and the numbers it was made of as (name, text)."""

    why: str
    values: tuple[tuple[str, str], ...]


def explain(
    day: ActorDay, view: View, model: Model, weights: Weights, ln_p: float, *, learning: bool
) -> Told:
    """Say why a day stands out: the evidences that weigh most, at most three."""
    rare = rarities(day.evidence, model, learning=learning)
    contrast = [
        weights.contrast[number] * day.contrast[number] / sqrt(len(day.logs[number]) or 1)
        for number in range(len(DIMENSIONS))
    ]
    rank = {
        place: max(rare[place], contrast[place - 1] if place <= len(DIMENSIONS) else 0.0)
        for place in range(1, len(EVIDENCES))
        if rare[place] >= _RARE or (place <= len(DIMENSIONS) and contrast[place - 1] >= _CONTRAST)
    }
    clauses: list[str] = []
    for place in sorted(rank, key=lambda place: (-rank[place], place)):
        clause = _clause(place, day, view, model)
        if clause and len(clauses) < _TOLD:
            clauses.append(clause)
    if not clauses:
        clauses.append("no single thing, but all of the day together")
    if day.evidence[OTHER] > 0.0 and rare[OTHER] >= _RARE:
        clauses.append(f"the day suits another actor better than {_short(day.actor)}")
    if learning:
        days = 0 if view.profile is None else view.profile.days
        clauses.append(f"learning: only {days} active days of {_short(day.actor)} are known")
    one_in = round(exp(min(ln_p, log(_ONE_IN_MAX))))
    values = [("score", f"{day.peak:.3f}"), ("one_in", str(one_in))]
    values += [
        (name, f"{value:.3f}") for name, value in zip(EVIDENCES, rare, strict=True) if value > 0
    ]
    values.append(("learning", "yes" if learning else "no"))
    date = dt.date.fromordinal(day.day + 719_163)
    one = "less than one" if one_in >= _ONE_IN_MAX else "one"
    about = f"{one} of {one_in:,} days of actors is as unusual ({date}, UTC)"
    return Told("; ".join([*clauses, about]), tuple(values))


def _clause(place: int, day: ActorDay, view: View, model: Model) -> str | None:
    if place >= EVENTS:
        return _amount(place, day, view.profile)
    number = place - 1
    top = day.tops[number]
    if top is None:
        return None
    return _hour(day, top, view) if number == HOUR else _value(number, day, top, view, model)


def _value(number: int, day: ActorDay, top: Seen, view: View, model: Model) -> str:
    key, text = top[1], _short(top[2])
    who, action = _short(day.actor), _short(top[6]) or "used"
    did = {
        RESOURCE: f"{who} did {action} on `{text}`",
        AREA: f"{who} did {action} in `{text}`",
        ACTION: f"{who} did {text}",
        NETWORK: f"{who} came from {text}",
        CLIENT: f"{who} used {text}",
    }[number]
    return f"{did} {since(view.profile, number, key, day.day)}{_peers(number, key, view, model)}"


def since(profile: Profile | None, number: int, key: int, day: int) -> str:
    """Say when an actor had the value last, or for how long he is known not to have had it."""
    if profile is None:
        return "and was never seen before"
    counter = profile.counters[number]
    entry = counter.entries.get(key)
    if entry is None:
        return f"for the first time in {day - _known_from(profile, counter):,} days"
    weight, last = entry >> 16, entry & 0xFFFF
    if weight == 256:
        return f"for the second time, first {day - last:,} days before"
    return f"for the first time in {day - last:,} days"


def _known_from(profile: Profile, counter: Counter) -> int:
    return max(profile.first, counter.lost + 1 if counter.lost else 0)


def _peers(number: int, key: int, view: View, model: Model) -> str:
    """Say how many of the actor's peers ever had the value."""
    profile = view.profile
    if profile is None or not profile.group:
        held = len(model.crowd.holders[number].get(key, ())) if number != ACTION else 0
        return f" (known of {held} others)" if held else " (nobody else did)"
    slots = [slot for slot in model.members.get(profile.group, []) if slot != profile.slot]
    slots = slots[:_PEERS_ASKED]
    found = [model.actors.at(slot) for slot in slots]
    did = sum(peer is not None and key in peer.counters[number].entries for peer in found)
    return f" ({did or 'none'} of {len(slots)} peers did)" if slots else ""


def _hour(day: ActorDay, top: Seen, view: View) -> str | None:
    own, whole = view.hours()
    if whole <= 0.0:
        return None
    when = dt.datetime.fromtimestamp(top[5] / 1e6, dt.UTC)
    share = outside(own, whole, top[1])
    return (
        f"{when:%H:%M} UTC on a {_WEEKDAYS[when.weekday()]} is outside {share:.1f} % "
        f"of {_short(day.actor)}'s activity"
    )


def outside(own: list[float], whole: float, hour: int) -> float:
    """Return the percent of activity that falls into hours more usual than `hour`."""
    return 100.0 * sum(weight for weight in own if weight > own[hour]) / whole


def _amount(place: int, day: ActorDay, profile: Profile | None) -> str | None:
    if profile is None or not profile.scored:
        return None
    if place == REST:
        idle = day.day - profile.last - 1
        return f"{_short(day.actor)} had done nothing for {idle:,} days" if idle > 0 else None
    count, what = (day.rows, "rows") if place == ROWS else (day.count, "events")
    usual = expm1(profile.statistics[2 * (place - 1)])
    return f"{count:,} {what} on that day so far, about {usual:,.0f} on a usual one"


def _short(text: str) -> str:
    """Return a text that fits into a sentence, without what would break it."""
    clean = "".join(char if char.isprintable() else "·" for char in text)
    most = BASELINE_TEXT_CHARS_MAX
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"
