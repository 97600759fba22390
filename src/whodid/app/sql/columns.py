"""The table `events` that SQL sees: a column for each field that its reader may see.

A point in a field's name is an underscore in SQL. Fields that no column of the index holds are read
by opening the events, which is done for few events only.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from whodid.app.sql.frames import Column, Kind
from whodid.event import FIELDS, Event
from whodid.index.columns import KINDS
from whodid.index.extract import INDEX
from whodid.query.elsewhere import FIELDS_ELSEWHERE
from whodid.query.fields import SEARCH_FIELDS, STATES, suggest_of
from whodid.query.rights import Rights, may_ask

_OPENED: dict[str, tuple[Kind, Callable[[Event], str | tuple[str, ...] | None]]] = {
    "id": ("text", lambda event: event.when.id),
    "original_time": ("text", lambda event: event.when.original_time),
    "native_id": ("text", lambda event: event.envelope.native_id),
    "message": ("text", lambda event: event.content.message),
    "statement": ("text", lambda event: event.content.statement),
    "params": ("texts", lambda event: event.content.params),
    "changes": (
        "texts",
        lambda event: tuple(msgspec.json.encode(c).decode() for c in event.content.changes),
    ),
}
_STATES = sorted(STATES - {"_erased", "_amended"})


class Known(Struct, frozen=True):
    """A column of the table, the field that it shows, and how it is read if events are opened."""

    column: Column
    field: str
    opened: Callable[[Event], str | tuple[str, ...] | None] | None = None


def table_of(reader: Rights) -> dict[str, Known]:
    """Return the columns that a reader may see, by their names."""
    fields = [field for field in (*FIELDS, *_STATES) if may_ask(field, reader)]
    found = [Known(Column(INDEX, "number"), INDEX), *map(_known, fields)]
    return {known.column.name: known for known in found}


def field_of(name: str) -> str | None:
    """Return the field that a name in SQL means, None when it means none."""
    return _FIELDS.get(name.lower())


def column_meant(name: str, columns: Sequence[str]) -> str | None:
    """Return the one of these columns that was probably meant by a name that is none, or None.

    Names of other systems count as in a search, and a search's short names, such as `actor`.
    """
    folded = name.lower()
    field = FIELDS_ELSEWHERE.get(folded, folded)
    if field in SEARCH_FIELDS:
        for column in SEARCH_FIELDS[field].columns:
            if column.replace(".", "_") in columns:
                return column.replace(".", "_")
    return suggest_of(folded, tuple(columns))


def _known(field: str) -> Known:
    name = field.replace(".", "_")
    if field in _OPENED:
        kind, opened = _OPENED[field]
        return Known(Column(name, kind), field, opened)
    if field in {"time", "received"}:
        return Known(Column(name, "time"), field)
    if field in STATES:
        return Known(Column(name, "state"), field)
    return Known(Column(name, KINDS[field]), field)


_FIELDS = {name: field for field in SEARCH_FIELDS for name in (field, field.replace(".", "_"))}
