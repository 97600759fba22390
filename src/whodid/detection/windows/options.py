"""What rules of whodid's own kinds say beside Sigma's words, read and checked.

    correlation:
        type: new_value          # the first time this key has this value of the field(s)
        rules: [person_logged_in]
        group-by: [actor.id]
        timespan: 30d            # what was not seen for so long is new again
        field: ip                # or a list: all of them together
        as: network              # value (default), network (/24, /48) or country
        learn: 7d                # a key first seen less long ago is not judged (default: 0s)

        type: absence            # what is expected did not come
        rules: [export, approval]    # the event, and what is expected; one rule: itself, again
        timespan: 1h
        expect: after            # or before: it must have come within timespan before

        type: ratio              # events of the second rule that the first matches too
        rules: [denied, any_request]
        timespan: 10m
        condition: {gte: 0.5}
        minimum: 20              # so many events of the second at least (default: 10)

        type: outside_hours      # events outside the working hours of who did them
        rules: [person_read]
        group-by: [actor.id]
        timespan: 1d
        condition: {gte: 3}      # so many of them (default: gte 1)
        person: actor.id         # field that the calendar file is asked for (default)
        calendar: night_shift    # this calendar, whoever it is

        type: impossible_travel  # two places, and no way to travel so fast
        rules: [person_logged_in]
        group-by: [actor.id]
        timespan: 12h            # between them at most
        field: ip
        condition: {gt: 900}     # km/h (default)
        distance: 200            # km at least (default: 100)
        allow: [203.0.113.0/24]  # egress addresses that say nothing of a place

All other keys (rules, group-by, timespan, aliases, condition, field, generate) mean what they mean
in Sigma. `learn` also takes `0`.
"""

import re
from ipaddress import ip_network
from typing import Any

from whodid.errors import InputError

_SPAN = re.compile(r"(\d{1,6})([smhd])").fullmatch
_UNITS_US = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_KEYS: dict[str, tuple[str, ...]] = {
    "new_value": ("as", "learn"),
    "absence": ("expect",),
    "ratio": ("minimum",),
    "outside_hours": ("person", "calendar"),
    "impossible_travel": ("distance", "allow"),
}
OWN_KINDS: tuple[str, ...] = tuple(_KEYS)
"""Kinds of correlations that Sigma does not know."""

ALLOWED_NETWORKS_MAX = 1000
MINIMUM_MAX = 10_000
DISTANCE_KM_MAX = 20_000


def option_keys(kind: str) -> tuple[str, ...]:
    """Return the keys of `correlation` that only this kind has; none for a kind of Sigma's."""
    return _KEYS.get(kind, ())


def own_options(kind: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a rule of our own kinds, all of them, from what its YAML says.

    `given` holds the keys of `correlation` that are named by `option_keys`; an unknown one is
    refused. Spans come back in µs. Raises InputError with the key and what it may be.
    """
    for key in given:
        if key not in option_keys(kind):
            known = ", ".join(option_keys(kind)) or "none"
            raise InputError(f"correlation.{key} is not known to {kind}; it knows: {known}")
    return _READERS[kind](given) if kind in _READERS else {}


def _new_value(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "as": _one_of("as", given.get("as", "value"), ("value", "network", "country")),
        "learn": _span("learn", given.get("learn", "0s")),
    }


def _absence(given: dict[str, Any]) -> dict[str, Any]:
    return {"expect": _one_of("expect", given.get("expect", "after"), ("after", "before"))}


def _ratio(given: dict[str, Any]) -> dict[str, Any]:
    return {"minimum": _number("minimum", given.get("minimum", 10), 1, MINIMUM_MAX)}


def _outside_hours(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "person": _text("person", given.get("person", "actor.id")),
        "calendar": _text("calendar", given["calendar"]) if "calendar" in given else "",
    }


def _impossible_travel(given: dict[str, Any]) -> dict[str, Any]:
    allow = given.get("allow", [])
    allow = [allow] if isinstance(allow, str) else allow
    if not isinstance(allow, list) or len(allow) > ALLOWED_NETWORKS_MAX:
        raise InputError(f"correlation.allow is a list of at most {ALLOWED_NETWORKS_MAX} networks")
    return {
        "distance": _number("distance", given.get("distance", 100), 1, DISTANCE_KM_MAX),
        "allow": tuple(_network(item) for item in allow),
    }


_READERS = {
    "new_value": _new_value,
    "absence": _absence,
    "ratio": _ratio,
    "outside_hours": _outside_hours,
    "impossible_travel": _impossible_travel,
}


def _one_of(key: str, value: Any, known: tuple[str, ...]) -> str:
    for item in known:
        if value == item:
            return item
    raise InputError(f"correlation.{key} is one of {', '.join(known)}, not {_shown(value)}")


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= 200:
        raise InputError(f"correlation.{key} is a name, not {_shown(value)}")
    return value


def _number(key: str, value: Any, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InputError(
            f"correlation.{key} is a number from {least} to {most:,}, not {_shown(value)}"
        )
    return value


def _span(key: str, value: Any) -> int:
    if value == 0 and not isinstance(value, bool):
        return 0
    found = _SPAN(value) if isinstance(value, str) else None
    if found is None:
        raise InputError(
            f"correlation.{key} is a length of time such as 12h or 7d, not {_shown(value)}"
        )
    return int(found[1]) * _UNITS_US[found[2]]


def _network(value: Any) -> str:
    try:
        return (
            str(ip_network(value, strict=False)) if isinstance(value, str) else _no_network(value)
        )
    except ValueError:
        return _no_network(value)


def _no_network(value: Any) -> str:
    raise InputError(
        f"correlation.allow holds networks such as 203.0.113.0/24, not {_shown(value)}"
    )


def _shown(value: Any) -> str:
    return repr(value)[:60]
