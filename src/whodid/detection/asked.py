"""Fields that are asked for together, of each record that the same rules match."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

from whodid.detection.record import Record
from whodid.detection.rule import Rule

_LARGE = 2**63


class Asked:
    """Fields, each as a rule means it. What is asked for together is one object, equal to no other.

    `number` is another one for each that one engine asks for, `longest` the greatest length of a
    text that is told.
    """

    __slots__ = ("fields", "longest", "number")

    def __init__(self, number: int, fields: Sequence[tuple[Rule, str]], longest: int) -> None:
        self.number = number
        self.fields = tuple(fields)
        self.longest = longest


Texts: TypeAlias = tuple[int | str | None, ...]
"""The number of what was asked, and the one text or whole number of each field, None of one that is
missing. What is equal is the same: there are no truth values, and no other numbers.
"""


def is_told(value: Any, longest: int) -> bool:
    """Tell whether a value may stand in `Texts`."""
    if value.__class__ is str:
        return len(value) <= longest
    return value.__class__ is int and -_LARGE <= value < _LARGE


@runtime_checkable
class Telling(Protocol):
    """What tells several fields of a record in one go."""

    def texts(self, record: Record, asked: Asked) -> Texts | None:
        """Return what fields hold; None when one has several values, or one that is not told."""
        ...
