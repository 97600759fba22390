"""What a reader may see, as a part of the search: rows by a filter, fields by their names.

`restrict` adds the rights to a query before it is planned, so no index, total, cursor or function
ever meets a row that the reader may not see; `visible` takes withheld fields out of what is shown.
Both come from the same value, so that a face cannot do one without the other.

A denied field cannot be asked for in any place: a search for it would tell its value bit by bit.
The raw record goes with it, since it shows what it was mapped from. What a format copied of a field
into another one stays (a message that quotes a statement): deny both, or the whole group.
"""

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from whodid.errors import AccessDeniedError, UsageError
from whodid.event import FIELDS, GROUPS, Event
from whodid.query.fields import SEARCH_FIELDS, suggest
from whodid.query.match import needs_raw
from whodid.query.names import RAW, named
from whodid.query.own import OWN_SOURCE, asks_for_own
from whodid.query.parse import parse
from whodid.query.tree import (
    And,
    Everything,
    Node,
    Not,
    Or,
    Query,
    Term,
    Text,
    all_of,
    any_of,
)

UNDENIABLE = frozenset({"id", "time", "received", "source", "format", "mapping", "identity"})
"""Fields that every reader of an event sees: an answer is ordered and addressed by them."""

ALERT_KINDS = ("alert", "silence")
"""The types of resources of the events that hold records of alerts; looks at them have another."""

ALERT_EVENTS: Node = all_of(
    [
        Term("source", "is", OWN_SOURCE),
        Term("format", "is", "own"),
        any_of(Term("resource.type", "is", kind) for kind in ALERT_KINDS),
    ]
)
"""Finds the events about alerts. They tell of others, which their reader may not be one of."""

DELIVERY_KIND = "message"
"""The type of resource of whodid's own events about telling people of alerts."""

DELIVERY_EVENTS: Node = all_of(
    [
        Term("source", "is", OWN_SOURCE),
        Term("format", "is", "own"),
        Term("resource.type", "is", DELIVERY_KIND),
    ]
)
"""Finds those. They name alerts, and so tell that there were some."""

_GROUP_NAMES = frozenset(name for name, struct in GROUPS if struct is not None)


@dataclass(frozen=True, slots=True)
class Rights:
    """What one reader may see.

    `filter` leaves rows out (None: no row); its times may be relative. `denied_fields` are names of
    `event.FIELDS`, and RAW. `content` False: no event at all, whatever the others say.
    """

    filter: Node | None = None
    denied_fields: frozenset[str] = frozenset()
    content: bool = False

    @property
    def whole(self) -> bool:
        """Tell whether nothing is kept from this reader."""
        return self.content and self.filter is None and not self.denied_fields

    @property
    def withheld(self) -> frozenset[str]:
        """Return all that is taken out of an event: the denied fields, and what would show them."""
        return self.denied_fields | {RAW} if self.denied_fields else self.denied_fields


EVERYTHING = Rights(content=True)
"""The rights of who holds the keys, and of an investigator."""

NOTHING = Rights()
"""The rights of somebody who reads no content, and of whoever nobody gave any."""


def rights(filter_text: str | None, deny: Iterable[str], *, own: bool = True) -> Rights:
    """Return the rights of a filter and of names of denied fields.

    `own` False leaves whodid's own events out, unless the filter names them. Raises QueryError for
    a filter that is no search, UsageError for one that opens rows and for unknown fields.
    """
    node = parse(filter_text or "").filter
    if needs_raw(node):
        raise UsageError(
            "a filter of rights asks exact fields, numbers, times and addresses only; words in "
            "texts are not sure enough to keep rows apart"
        )
    if not own and not asks_for_own(node):
        node = all_of([node, Not(Term("source", "is", OWN_SOURCE))])
    return Rights(None if isinstance(node, Everything) else node, denied(deny), content=True)


def denied(names: Iterable[str]) -> frozenset[str]:
    """Return the fields that these names deny: a field, an alias, or a group (`content`).

    Raises UsageError for a name that is none, or for a field that nobody can be denied.
    """
    found: set[str] = set()
    for name in (name.strip().lower() for name in names):
        columns = _columns(name)
        if not columns:
            near = suggest(name)
            hint = f"; did you mean {near!r}?" if near else ""
            raise UsageError(f"there is no field {name[:64]!r} to deny{hint}")
        bare = UNDENIABLE.intersection(columns)
        if bare and name not in _GROUP_NAMES:
            raise UsageError(f"{min(bare)!r} cannot be denied: answers are ordered by such fields")
        found.update(columns)
    return frozenset(found - UNDENIABLE)


def _columns(name: str) -> tuple[str, ...]:
    if name in {RAW, "details"}:
        return (RAW,)
    if name in _GROUP_NAMES:
        return tuple(column for column, (group, _) in FIELDS.items() if group == name)
    field = SEARCH_FIELDS.get(name)
    return field.columns if field is not None else ()


def restrict(query: Query, reader: Rights) -> Query:
    """Return the query as this reader may ask it.

    Raises AccessDeniedError when he may read nothing, or names a field that is denied to him.
    """
    if not reader.content:
        raise AccessDeniedError("your role reads no events; ask for one that does")
    for item in named(query):
        if item.use != "words":
            check_field(item.column, reader)
    if reader.whole:
        return query
    cut = query
    if reader.withheld:
        cut = query.mapped(lambda node: _without(node, reader.withheld))
    parts = [cut.filter] if reader.filter is None else [reader.filter, cut.filter]
    parts += [Not(ALERT_EVENTS), Not(DELIVERY_EVENTS)]
    return dataclasses.replace(cut, filter=all_of(parts), asked=query.filter)


def check_field(name: str, reader: Rights) -> None:
    """Raise AccessDeniedError when a field, or one that an alias reads, is denied."""
    kept = reader.withheld.intersection(_columns(name.lower()))
    if kept:
        raise AccessDeniedError(
            f"'{name}' is withheld from you: it cannot be searched, sorted or counted either"
        )


def may_ask(name: str, reader: Rights) -> bool:
    """Tell whether `check_field` lets this reader ask for a field."""
    return reader.withheld.isdisjoint(_columns(name.lower()))


def _without(node: Node, withheld: frozenset[str]) -> Node:
    """Return the tree whose bare words do not look into what is withheld."""
    match node:
        case Text():
            return dataclasses.replace(node, without=withheld)
        case Not():
            return Not(_without(node.item, withheld))
        case And():
            return And(tuple(_without(item, withheld) for item in node.items))
        case Or():
            return Or(tuple(_without(item, withheld) for item in node.items))
    return node


def visible(event: Event, reader: Rights) -> Event:
    """Return the event without the fields that are withheld from this reader."""
    withheld = reader.withheld
    if not withheld:
        return event
    changed: dict[str, object] = {RAW: b""} if RAW in withheld else {}
    for group, _ in GROUPS:
        if group != RAW and (empties := _EMPTIES[group](withheld)):
            changed[group] = msgspec.structs.replace(getattr(event, group), **empties)
    return msgspec.structs.replace(event, **changed)


def shown_groups(reader: Rights) -> frozenset[int]:
    """Return the numbers (1 to 8) of the groups that hold nothing withheld from this reader."""
    kept = {FIELDS[name][0] if name in FIELDS else RAW for name in reader.withheld}
    return frozenset(number for number, (group, _) in enumerate(GROUPS, 1) if group not in kept)


def _emptier(group: str) -> Callable[[frozenset[str]], dict[str, object]]:
    struct = dict(GROUPS)[group]
    assert struct is not None
    defaults = {
        item.encode_name: (item.name, None if item.default is msgspec.NODEFAULT else item.default)
        for item in msgspec.structs.fields(struct)
    }

    def empties(withheld: frozenset[str]) -> dict[str, object]:
        return {
            attribute: default
            for name, (attribute, default) in defaults.items()
            if name in withheld
        }

    return empties


_EMPTIES = {group: _emptier(group) for group in _GROUP_NAMES}
