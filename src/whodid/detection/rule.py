"""What a rule says, whatever language it was written in: heads, conditions, correlations.

Conditions follow the Sigma specification 2.1 (sigmahq.io/sigma-specification), after pipelines
and filters were applied. Nothing here reads a file or looks at an event.
"""

from typing import Any, Literal, TypeAlias

from msgspec import Struct

LEARNED_ID = "whodid-baseline"
"""The rule of which findings of learning are."""

Level: TypeAlias = Literal["informational", "low", "medium", "high", "critical"]
LEVELS: tuple[Level, ...] = ("informational", "low", "medium", "high", "critical")
"""From the least to the gravest."""


class Head(Struct, frozen=True):
    """What names and describes a rule.

    `id` is unique among the loaded rules: its UUID, else its name. `version` is the SHA-256 (hex)
    of what it says, so that an alert can name what found it. `path` and `line` say where it stands.
    `reads` are the fields that it looks at, as it names them (of a correlation: those of its rules
    too); empty: not known, and then its alerts are not for readers from whom fields are withheld.
    """

    id: str
    title: str
    level: Level
    version: str
    name: str = ""
    description: str = ""
    status: str = ""
    author: str = ""
    tags: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    false_positives: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    path: str = ""
    line: int = 0
    reads: tuple[str, ...] = ()


class LogSource(Struct, frozen=True):
    """Which events a rule is about, in Sigma's words; None says nothing."""

    category: str | None = None
    product: str | None = None
    service: str | None = None


TestOp: TypeAlias = Literal[
    "equals", "contains", "startswith", "endswith", "pattern", "regex", "cidr",
    "lt", "lte", "gt", "gte", "exists", "null",
    "fieldref", "fieldref_startswith", "fieldref_endswith", "fieldref_contains",
]  # fmt: skip
Part: TypeAlias = Literal["minute", "hour", "day", "week", "month", "year"]
"""Of a time in UTC; weeks are those of ISO 8601."""


class Test(Struct, frozen=True, tag=True):
    """One look at one field; `field` None looks at every text of the record (a keyword).

    `value` is text (a network for `cidr`, a field's name for `fieldref`), a number, or whether the
    field is there (`exists`), None for `null`. The value of `pattern` is its literal pieces and
    wildcards: a tuple of str, None for `*` and True for `?`; that of `regex` is RE2 syntax, its
    flags in front (`(?i)`), found anywhere in the value. Case matters only when `cased`. With
    `part` the number is compared with that part of the field's time.
    """

    field: str | None
    op: TestOp
    value: Any
    cased: bool = False
    part: Part | None = None


class All(Struct, frozen=True, tag=True):
    """Every one of them holds."""

    items: "tuple[Node, ...]"


class AnyOf(Struct, frozen=True, tag=True):
    """One of them holds."""

    items: "tuple[Node, ...]"


class Not(Struct, frozen=True, tag=True):
    """It does not hold; a missing field counts as not holding inside."""

    item: "Node"


Node: TypeAlias = Test | All | AnyOf | Not


class Rule(Struct, frozen=True, tag=True):
    """A rule about single events. `silent`: only correlations use it, it raises nothing itself."""

    head: Head
    source: LogSource
    node: Node
    silent: bool = False


CorrelationKind: TypeAlias = Literal[
    "event_count", "value_count", "temporal", "temporal_ordered",
    "value_sum", "value_avg", "value_median", "value_percentile",
    "new_value", "absence", "ratio", "outside_hours", "impossible_travel",
]  # fmt: skip
"""The last five are whodid's own."""


class Compare(Struct, frozen=True):
    """A comparison of a number with a bound, e.g. `>= 10`."""

    op: Literal["lt", "lte", "gt", "gte", "eq", "neq"]
    bound: float


class Correlation(Struct, frozen=True, tag=True):
    """A rule about several events, in a window of `span_us` microseconds of event time.

    `rules` are the ids of what it is about (correlations too); `group_by` fields that must be the
    same; `aliases` says per alias and rule which field it is; `fields` are the fields counted, or
    summed; `compare` must all hold; `percent` is of value_percentile. `words` is the condition of a
    temporal one in words, in postfix, rules by their places (`a and not b`: `0 1 not and`).
    `options` are of our own kinds only, checked when they were read.
    """

    head: Head
    kind: CorrelationKind
    rules: tuple[str, ...]
    span_us: int
    group_by: tuple[str, ...] = ()
    aliases: dict[str, dict[str, str]] = {}
    compare: tuple[Compare, ...] = ()
    fields: tuple[str, ...] = ()
    percent: int = 50
    silent: bool = False
    options: dict[str, Any] = {}
    words: tuple[str, ...] = ()


AnyRule: TypeAlias = Rule | Correlation
