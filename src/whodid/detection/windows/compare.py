"""Comparisons of a rule's condition, as one function."""

import operator
from collections.abc import Callable
from typing import Any

from whodid.detection.rule import Compare
from whodid.detection.windows.words import number

Holds = Callable[[Any], bool]

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt, "lte": operator.le, "gt": operator.gt,
    "gte": operator.ge, "eq": operator.eq, "neq": operator.ne,
}  # fmt: skip
_WORDS = {
    "lt": "less than {} was looked for", "lte": "at most {} was looked for",
    "gt": "more than {} is too many", "gte": "{} is the bound",
    "eq": "exactly {} was looked for", "neq": "anything but {} was looked for",
}  # fmt: skip

_EXACT = 2**52
"""Numbers below it lose nothing when they are added as floats."""


def holds_all(compare: tuple[Compare, ...]) -> Holds:
    """Return a function that tells whether a number satisfies every comparison."""
    if len(compare) == 1:
        only, bound = _OPERATORS[compare[0].op], compare[0].bound
        return lambda value: only(value, bound)
    parts = [(_OPERATORS[item.op], item.bound) for item in compare]
    return lambda value: all(one(value, bound) for one, bound in parts)


def only_lower(compare: tuple[Compare, ...]) -> bool:
    """Tell whether a greater number can never undo it."""
    return all(item.op in ("gt", "gte") for item in compare)


def room_below(compare: tuple[Compare, ...], value: float) -> float:
    """Return what may be added to a number, and less, while it does not satisfy all; 0 for none.

    The comparisons are `only_lower`.
    """
    room = max((item.bound - value for item in compare), default=0)
    return room if abs(value) < _EXACT and room < _EXACT else 0


def bound_words(compare: tuple[Compare, ...], unit: str = "") -> str:
    """Return the bounds in words, e.g. `3 is the bound`."""
    return " and ".join(_WORDS[item.op].format(number(item.bound) + unit) for item in compare)
