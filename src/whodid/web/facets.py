"""The most frequent values of an answer beside it, each a link to only these or all but these."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

from whodid.app.counts import Facet
from whodid.query.render_pipes import query_text
from whodid.query.tree import Node, Not, Query, Term, all_of
from whodid.web.links import exact_term, search_url
from whodid.web.time_range import items_of, with_filter

Href: TypeAlias = Callable[[str], str]
"""The address of a search text."""

TITLES = {
    "outcome": "Outcome", "access": "Access", "actor": "Who", "resource": "Resource",
    "service": "Service", "source": "Source", "actor.type": "Kind of actor", "ip": "Address",
}  # fmt: skip
"""The facets of the page, in its order."""

FIELDS = tuple(TITLES)
VALUES = 6
_WIDTH = 100
_CHARS = 23
_HEAD = 8


class Value(NamedTuple):
    """A value. `only` leads to events that have it, `without` to the others; None: no link.

    `chosen` says that the search asks for it; then `only` leads to the search without that. `shown`
    is the text, of long paths and ARNs without their middle: they differ at their ends.
    """

    text: str
    shown: str
    events: int
    share: float
    only: str | None
    without: str | None
    chosen: bool
    missing: bool = False


class Box(NamedTuple):
    """A facet: its title, its values, how many more there are and where to see all."""

    field: str
    title: str
    values: list[Value]
    more: int
    all_href: str | None


def boxes(
    facets: list[Facet], query: Query, events: int, *, own: bool, columns: Sequence[str] = ()
) -> list[Box]:
    """Return the facets that have values."""
    href = partial(search_url, own=own, columns=columns)
    return [_box(facet, query, events, href) for facet in facets if facet.values]


def _box(facet: Facet, query: Query, events: int, href: Href) -> Box:
    values = [
        _value(str(value), count, events, exact_term(facet.field, value), query, href)
        for value, count in facet.values
    ]
    if facet.missing:
        lack = Not(Term(facet.field, "exists"))
        values.append(
            _value("none", facet.missing, events, lack, query, href)._replace(missing=True)
        )
    counted = f"| stats by ({facet.field}) | sort -count"
    text = f"{query_text(Query(query.filter))} {counted}".strip()
    more = facet.distinct - len(facet.values)
    all_href = href(text) if len(values) + more > 1 else None
    return Box(facet.field, TITLES[facet.field], values, more, all_href)


def _value(
    text: str, count: int, events: int, node: Node | None, query: Query, href: Href
) -> Value:
    shown = text
    if len(text) > _CHARS and ("/" in text or ":" in text):
        shown = f"{text[:_HEAD]}…{text[_HEAD + 1 - _CHARS :]}"
    share = round(count * _WIDTH / events, 1) if events else 0.0
    if node is None:
        return Value(text, shown, count, share, None, None, chosen=False)
    items = items_of(query)
    others = [item for item in items if item != node]
    if len(others) < len(items):
        only = href(with_filter(query, all_of(others)))
        return Value(text, shown, count, share, only, None, chosen=True)
    opposite = node.item if isinstance(node, Not) else Not(node)
    return Value(
        text, shown, count, share,
        href(with_filter(query, all_of([*items, node]))),
        href(with_filter(query, all_of([*items, opposite]))), chosen=False,
    )  # fmt: skip
