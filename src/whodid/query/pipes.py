"""The pipes of a search as values: what is counted, by what, in which order, how much of it.

It does not count: that is `index.stats`. It does not say which events: that is `tree`. As in the
tree, `position` is for messages and does not take part in equality.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal, TypeAlias

Calendar: TypeAlias = Literal["day", "week", "month", "year"]
Function: TypeAlias = Literal["count", "sum", "min", "max", "avg", "count_distinct", "percentile"]


@dataclass(frozen=True, slots=True)
class Key:
    """A field to group by. `bucket` only for a time: µs counted from 1970, or a calendar unit."""

    field: str
    bucket: int | Calendar | None = None
    position: int = dataclasses.field(default=0, compare=False)

    @property
    def name(self) -> str:
        """Its column."""
        return self.field


@dataclass(frozen=True, slots=True)
class Measure:
    """What is computed of each group. `field` is None exactly for `count()` of events.

    `percent` (1 to 99) exactly for a percentile, which is the value of the nearest rank: the least
    one of the group that at least so many percent of its values do not exceed. `given` is the name
    that the search gives it.
    """

    function: Function
    field: str | None = None
    percent: int = 0
    given: str = ""
    position: int = dataclasses.field(default=0, compare=False)

    @property
    def call(self) -> str:
        """How it is written, such as `sum(rows)`."""
        name = f"p{self.percent}" if self.function == "percentile" else self.function
        return f"{name}({self.field or ''})"

    @property
    def name(self) -> str:
        """Its column."""
        if self.given:
            return self.given
        return "count" if self.field is None else self.call


@dataclass(frozen=True, slots=True)
class Stats:
    """`| stats`: one row a group, one group in all without keys. At least one measure."""

    by: tuple[Key, ...]
    measures: tuple[Measure, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns of the table, keys first; no name stands twice."""
        return (*(key.name for key in self.by), *(measure.name for measure in self.measures))


@dataclass(frozen=True, slots=True)
class Order:
    """One column of a `sort`; what is missing comes last either way."""

    name: str
    descending: bool = False
    position: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Sort:
    """`| sort`: by the first, where that is equal by the next."""

    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """`| limit`: at most so many rows."""

    count: int
