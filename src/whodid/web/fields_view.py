"""All fields of an event, in the groups that the ledger commits to, each value linked if exact."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from whodid.event import FIELDS, GROUPS, Event, Redaction
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.tree import Everything, Node, Not, Query, Term, all_of
from whodid.web.html import count
from whodid.web.links import search_url, text_of, whole_term
from whodid.web.time_range import items_of, with_filter

ValueKind: TypeAlias = Literal["text", "time", "block"]

_TITLES = {
    "when": "When", "who": "Who", "what": "What", "where": "Where", "context": "Context",
    "content": "Content", "envelope": "Envelope",
}  # fmt: skip
_BLOCKS = frozenset({"statement", "params", "message"})
_IDENTIFIERS = frozenset({"port", "mapping"})
_UNITS_US = ((60_000_000, "min"), (1_000_000, "s"), (1_000, "ms"))


class Value(NamedTuple):
    """One value. Of kind `time` it is µs UTC, else text.

    `href` leads to a search for it alone, `within` to the search of the list with it, `without` to
    that search without it; None where it cannot be searched for.
    """

    kind: ValueKind
    value: Any
    href: str | None = None
    within: str | None = None
    without: str | None = None


class ListSearch(NamedTuple):
    """The search of the list that an event is opened beside."""

    query: Query
    own: bool
    columns: tuple[str, ...] = ()

    def narrowed(self, term: Term) -> tuple[str | None, str | None]:
        """Return the addresses of the search with the term, and of that without what has it."""
        items = items_of(self.query)
        nothing = isinstance(self.query.filter, Everything) or term in items
        within = None if nothing else self._address(term)
        return within, self._address(Not(term))

    def _address(self, node: Node) -> str:
        text = with_filter(self.query, all_of([*items_of(self.query), node]))
        return search_url(text, own=self.own, columns=self.columns)


class Field(NamedTuple):
    """A field that the event has: its search name, what it means, its values."""

    name: str
    about: str
    values: list[Value]


class Group(NamedTuple):
    """One group and the fields of it that are present."""

    title: str
    fields: list[Field]


def groups_of(event: Event, beside: ListSearch) -> list[Group]:
    """Return the groups that have a field, in the order in which they are committed to.

    Without what was changed: that is a table of its own.
    """
    found = []
    for name, struct in GROUPS:
        if struct is None:
            continue
        fields = list(_fields(event, name, struct, beside))
        if fields:
            found.append(Group(_TITLES[name], fields))
    return found


def _fields(
    event: Event, group: str, struct: type[msgspec.Struct], beside: ListSearch
) -> Iterator[Field]:
    for item in msgspec.structs.fields(struct):
        name = item.encode_name
        assert FIELDS[name][0] == group
        value = event.field(name)
        if value is None or value == () or name == "changes":
            continue
        values = list(value) if isinstance(value, tuple) else [value]
        yield Field(name, SEARCH_FIELDS[name].about, [_value(name, one, beside) for one in values])


def _value(name: str, value: Any, beside: ListSearch) -> Value:
    if isinstance(value, Redaction):
        words = f"{value.rule}: {count(value.length, 'byte')} at {value.offset:,}"
        return _linked(Value("text", words), Term(name, "has", value.rule), beside)
    if SEARCH_FIELDS[name].kind == "time":
        return Value("time", value)
    kind: ValueKind = "block" if name in _BLOCKS else "text"
    return _linked(Value(kind, _shown(name, value)), whole_term(name, value), beside)


def _linked(value: Value, term: Term | None, beside: ListSearch) -> Value:
    if term is None:
        return value
    within, without = beside.narrowed(term)
    return value._replace(href=search_url(text_of([term])), within=within, without=without)


def _shown(name: str, value: Any) -> str:
    if not isinstance(value, int):
        return str(value)
    if name == "duration_us":
        unit_us, unit = next((u for u in _UNITS_US if value >= u[0]), (1, "µs"))
        exact = f"{value:,} µs"
        return f"{value / unit_us:.3g} {unit} ({exact})" if unit_us > 1 else exact
    return str(value) if name in _IDENTIFIERS else f"{value:,}"
