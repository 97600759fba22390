"""Which fields have a column, and of what kind. The others are answered by opening rows.

Arrays of a table, by name, for a field F:

* number: `F` int64, `F?` present (missing array: all absent);
* text: `F` codes, 0 for absent, n for the n-th text; `F@` `F$` the dictionary;
* texts (several values): `F` codes of lists, 0 for none; `F<` where the n-th list begins in `F>`,
  which holds numbers of texts (from 0); `F@` `F$` the dictionary.

A text field without any value has no arrays. Beside the fields: `at` (event time, else received),
`timed`, `received` (int64, µs), `type`, `flags` (as in the leaf), `live` (an event with content),
and the arrays of `signature`.

Fields that are different in nearly every event (its ids, its time as text) have no column: their
words are in the signature, which leads to the few rows to open. Only the tables that are never on
disk hold ids, as `id.high` and `id.low` (u64) when all are UUIDs as we write them, else as a text.
"""

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from msgspec.structs import fields

from whodid.event import GROUPS, Redaction
from whodid.query.countable import OPENED
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.provable import MAPPED

Kind: TypeAlias = Literal["number", "text", "texts"]

_SPECIAL = frozenset({"id", "time", "received"})


def _kind(hint: Any) -> Kind:
    if get_origin(hint) is tuple:
        return "texts"
    return "number" if int in {hint, *get_args(hint)} else "text"


def _columns() -> Iterator[tuple[int, str, str, Kind]]:
    for number, (_, struct) in enumerate(GROUPS):
        if struct is None:
            continue
        hints = get_type_hints(struct)
        for item in fields(struct):
            if item.encode_name not in OPENED | _SPECIAL:
                yield number, item.encode_name, item.name, _kind(hints[item.name])


COLUMNS: tuple[tuple[int, str, str, Kind], ...] = tuple(_columns())
"""(position of the group in `event.GROUPS`, field, attribute, kind) of each ordinary column."""

KINDS: dict[str, Kind] = {name: kind for _, name, _, kind in COLUMNS}
"""Field → kind of its column."""


KEYED: frozenset[str] = frozenset(
    name
    for name, kind in KINDS.items()
    if kind != "number" and SEARCH_FIELDS[name].kind in {"exact", "ip"}
) - frozenset(name for columns in MAPPED.values() for name in columns)
"""Fields whose values are keys of the signature: what is asked of them is mostly the whole.

Those of maps of ranges are not among them: maps know their values, and where they do not, words do.
"""


def texts_in(values: tuple[Any, ...]) -> tuple[str, ...]:
    """Return the texts under which a value of several items is searched."""
    return tuple(item.rule if isinstance(item, Redaction) else item for item in values)
