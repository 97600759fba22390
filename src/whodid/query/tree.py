"""The typed tree of a search. Frozen values; two trees are equal when they ask the same.

Normal form, which the parser and `all_of`/`any_of` keep: And and Or have at least two items, no And
stands directly in an And and no Or in an Or. `position` (0-based, characters of the text) is for
messages and does not take part in equality.

It does not say what a node matches: that is `match`. It does not know fields: that is `fields`.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from whodid.query.pipes import Limit, Sort, Stats

Op: TypeAlias = Literal["has", "is", "regex", "exists", ">", ">=", "<", "<=", "range"]
"""`has` is `:`, `is` is `:=`, `regex` is `:~`, `exists` is `:*`, `range` is `:[a TO b]`."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text with wildcards: the literal pieces around the stars (`a*b` is `("a", "b")`).

    Invariant: at least two pieces and at least one of them not empty; no two stars in a row, that
    is, no empty piece except the first and the last.
    """

    pieces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of absolute time: `start_us` ≤ t < `end_us`, µs since 1970, UTC.

    What a date or time in a search denotes: `2026-11-22` is that whole day.
    """

    start_us: int
    end_us: int


@dataclass(frozen=True, slots=True)
class Relative:
    """A time relative to now: the instant `now + offset_us`, or with `day` the UTC day it is in."""

    offset_us: int = 0
    day: bool = False


@dataclass(frozen=True, slots=True)
class Network:
    """An address or a network in CIDR notation, canonical (`10.0.0.0/8`, `2001:db8::1`)."""

    text: str


@dataclass(frozen=True, slots=True)
class Range:
    """`[low TO high]`, both inclusive; None is open. At least one end is not open."""

    low: "End"
    high: "End"


End: TypeAlias = int | Span | Relative | Network | None
Value: TypeAlias = str | Pattern | int | bool | Span | Relative | Network | Range | None


@dataclass(frozen=True, slots=True)
class Everything:
    """`*`: matches every event."""


@dataclass(frozen=True, slots=True)
class Text:
    """A word or phrase anywhere in the event: in any text field or in the raw record.

    `without` are fields (`raw` among them) that it does not look into, because the reader may not.
    """

    value: str | Pattern
    position: int = dataclasses.field(default=0, compare=False)
    without: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Term:
    """One field and what is asked of it. `field` is a name of `fields.SEARCH_FIELDS`.

    The type of `value` follows from the field's kind and `op`: None exactly for `exists`, the
    pattern as str for `regex`, Range exactly for `range`, bool for a state, int for an integer,
    Span or Relative for a time, Network (or Pattern) for an address, else str or Pattern.
    """

    field: str
    op: Op
    value: Value = None
    position: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """Matches what `item` does not match, events without the field included."""

    item: "Node"


@dataclass(frozen=True, slots=True)
class And:
    """All of the items, of which there are at least two."""

    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the items, of which there are at least two."""

    items: "tuple[Node, ...]"


Node: TypeAlias = Everything | Text | Term | Not | And | Or


@dataclass(frozen=True, slots=True)
class Sequence:
    """`| sequence`: chains of events with one value of the field `by`, one event for each step.

    At least two steps; from the first event to the last it takes `span_us` at most.
    """

    by: str
    steps: tuple[Node, ...]
    span_us: int
    position: int = dataclasses.field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed search: `filter` says which events; `text` is what was typed.

    The pipes come after it: `stats` makes a table of the events, `sequence` chains of them (never
    both), `sort` and `limit` order and cut the table, or the events when there is no `stats`;
    chains are not sorted.

    `asked` is the filter that was typed, when rights were added to `filter` (`rights.restrict`).
    """

    filter: Node
    text: str = dataclasses.field(default="", compare=False)
    stats: Stats | None = None
    sort: Sort | None = None
    limit: Limit | None = None
    asked: "Node | None" = dataclasses.field(default=None, compare=False)
    sequence: Sequence | None = None

    @property
    def filters(self) -> tuple[Node, ...]:
        """Return every tree in it: that of the filter and those of the steps."""
        return (self.filter, *(self.sequence.steps if self.sequence is not None else ()))

    def mapped(self, change: Callable[[Node], Node]) -> "Query":
        """Return the query with each of its trees changed."""
        sequence = self.sequence
        if sequence is not None:
            steps = tuple(change(step) for step in sequence.steps)
            sequence = dataclasses.replace(sequence, steps=steps)
        return dataclasses.replace(self, filter=change(self.filter), sequence=sequence)


def all_of(items: Iterable[Node]) -> Node:
    """Join by AND in normal form; Everything falls away, nothing at all is Everything."""
    flat: list[Node] = []
    for item in items:
        if isinstance(item, And):
            flat += item.items
        elif not isinstance(item, Everything):
            flat.append(item)
    if not flat:
        return Everything()
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(items: Iterable[Node]) -> Node:
    """Join by OR in normal form; one Everything makes it Everything. Raises ValueError for none."""
    flat: list[Node] = []
    for item in items:
        if isinstance(item, Everything):
            return item
        flat += item.items if isinstance(item, Or) else (item,)
    if not flat:
        raise ValueError("any_of needs at least one item")
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def walk(node: Node, *, positive: bool = True) -> Iterator[tuple[Node, bool]]:
    """Yield every node, parents first, with whether it stands under an even number of NOTs."""
    yield node, positive
    if isinstance(node, Not):
        yield from walk(node.item, positive=not positive)
    elif isinstance(node, And | Or):
        for item in node.items:
            yield from walk(item, positive=positive)
