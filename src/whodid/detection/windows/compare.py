"""Comparisons of a rule's condition, as one function."""

import operator
from collections.abc import Callable
from math import inf
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
_FROM = ("gt", "gte", "eq")


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


def least_of(compare: tuple[Compare, ...]) -> float:
    """Return a number below which no number satisfies all."""
    return max((item.bound for item in compare if item.op in _FROM), default=-inf)


def bound_words(compare: tuple[Compare, ...], unit: str = "") -> str:
    """Return the bounds in words, e.g. `3 is the bound`."""
    return " and ".join(_WORDS[item.op].format(number(item.bound) + unit) for item in compare)
