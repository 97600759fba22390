"""All fields of an event, in the groups that the ledger commits to, each value linked if exact."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from whodid.event import FIELDS, GROUPS, Change, Event, Redaction
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.tree import Term
from whodid.web.html import count
from whodid.web.links import exact_term, search_url, text_of

ValueKind: TypeAlias = Literal["text", "time", "block", "change"]

_TITLES = {
    "when": "When", "who": "Who", "what": "What", "where": "Where", "context": "Context",
    "content": "Content", "envelope": "Envelope",
}  # fmt: skip
_BLOCKS = frozenset({"statement", "params", "message"})
_IDENTIFIERS = frozenset({"port", "mapping"})
_UNITS_US = ((60_000_000, "min"), (1_000_000, "s"), (1_000, "ms"))


class Value(NamedTuple):
    """One value. Of kind `time` it is µs UTC, of kind `change` a Change, else text."""

    kind: ValueKind
    value: Any
    href: str | None = None


class Field(NamedTuple):
    """A field that the event has: its search name, what it means, its values."""

    name: str
    about: str
    values: list[Value]


class Group(NamedTuple):
    """One group and the fields of it that are present."""

    title: str
    fields: list[Field]


def groups_of(event: Event) -> list[Group]:
    """Return the groups that have a field, in the order in which they are committed to."""
    found = []
    for name, struct in GROUPS:
        if struct is None:
            continue
        fields = list(_fields(event, name, struct))
        if fields:
            found.append(Group(_TITLES[name], fields))
    return found


def _fields(event: Event, group: str, struct: type[msgspec.Struct]) -> Iterator[Field]:
    for item in msgspec.structs.fields(struct):
        name = item.encode_name
        assert FIELDS[name][0] == group
        value = event.field(name)
        if value is None or value == ():
            continue
        values = list(value) if isinstance(value, tuple) else [value]
        yield Field(name, SEARCH_FIELDS[name].about, [_value(name, one) for one in values])


def _value(name: str, value: Any) -> Value:
    if isinstance(value, Change):
        return Value("change", value)
    if isinstance(value, Redaction):
        words = f"{value.rule}: {count(value.length, 'byte')} at {value.offset:,}"
        return Value("text", words, _href(Term(name, "has", value.rule)))
    if SEARCH_FIELDS[name].kind == "time":
        return Value("time", value)
    term = exact_term(name, value)
    kind: ValueKind = "block" if name in _BLOCKS else "text"
    return Value(kind, _shown(name, value), _href(term) if term else None)


def _shown(name: str, value: Any) -> str:
    if not isinstance(value, int):
        return str(value)
    if name == "duration_us":
        unit_us, unit = next((u for u in _UNITS_US if value >= u[0]), (1, "µs"))
        exact = f"{value:,} µs"
        return f"{value / unit_us:.3g} {unit} ({exact})" if unit_us > 1 else exact
    return str(value) if name in _IDENTIFIERS else f"{value:,}"


def _href(term: Term) -> str:
    return search_url(text_of([term]))
