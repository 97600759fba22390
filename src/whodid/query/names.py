"""Every field that a search reads: what rights are asked about, in one place.

Filters, grouping, what is computed and what is sorted by all count: whoever may not see a field
must not learn it from a count or an order either. A bare word reads every text and the raw record.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Literal, TypeAlias

from msgspec import Struct

from whodid.query.fields import SEARCH_FIELDS, TEXT_COLUMNS
from whodid.query.match import term_columns
from whodid.query.tree import Query, Term, Text, walk

Use: TypeAlias = Literal["filter", "words", "group", "compute", "sort"]

RAW = "raw"
"""The raw record, which is no field but is read by bare words."""


class Named(Struct, frozen=True):
    """A field as `event.FIELDS` calls it (or RAW, or a state), what for, and where in the text."""

    column: str
    use: Use
    position: int


def named(query: Query) -> Iterator[Named]:
    """Yield everything that a search reads, aliases taken apart, in the order of the text."""
    for node, _ in chain.from_iterable(map(walk, query.filters)):
        if isinstance(node, Text):
            for column in (*TEXT_COLUMNS, RAW):
                yield Named(column, "words", node.position)
        elif isinstance(node, Term):
            for column in term_columns(node) or (node.field,):
                yield Named(column, "filter", node.position)
    for name, use, position in _in_pipes(query):
        for column in SEARCH_FIELDS[name].columns or (name,):
            yield Named(column, use, position)


def _in_pipes(query: Query) -> Iterator[tuple[str, Use, int]]:
    stats = query.stats
    if query.sequence is not None:
        yield query.sequence.by, "group", query.sequence.position
    if stats is not None:
        yield from ((key.field, "group", key.position) for key in stats.by)
        yield from ((m.field, "compute", m.position) for m in stats.measures if m.field is not None)
    elif query.sort is not None:
        yield from ((order.name, "sort", order.position) for order in query.sort.orders)


def columns_named(query: Query) -> frozenset[str]:
    """Return the columns alone."""
    return frozenset(item.column for item in named(query))
