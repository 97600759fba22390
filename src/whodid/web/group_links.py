"""Addresses of the events behind the rows of a table, for a thousand rows at a time.

What all rows share is written once, and the term of a value once however many rows have it: most
rows of a table by two fields have values that others have, too.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote_plus

from whodid.app.counts import bucket_end
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.pipes import Key
from whodid.query.render import to_text
from whodid.query.render_pipes import query_text
from whodid.query.tree import Node, Not, Query, Term, all_of
from whodid.web import time_range
from whodid.web.links import can_be_typed, exact_term

Href = Callable[[str], str]
"""Returns the address of another search that is looked at in the same way."""

_PROBE = Term("id", "exists")
_MARK = "\ue000"


class _Part(NamedTuple):
    """What finds the events of one value: as it stands in an address; `asked` already; or not."""

    quoted: str = ""
    asked: bool = False
    is_none: bool = False


class GroupLinks:
    """Those of one table. Invariant: `of` is `href` of the search narrowed by the row's values."""

    def __init__(self, query: Query, href: Href) -> None:
        assert query.stats is not None
        self._keys = query.stats.by
        self._asked = time_range.items_of(query)
        self._alone = href(query_text(Query(query.filter)))
        narrowed = query_text(Query(all_of([query.filter, _PROBE])))
        self._prefix = quote_plus(narrowed.removesuffix(to_text(_PROBE)), safe=",")
        self._before, self._behind = href(_MARK).split(quote_plus(_MARK), 1)
        self._parts: dict[tuple[int, Any], _Part] = {}

    def of(self, row: Sequence[Any]) -> str | None:
        """Return the address for a row, None when some value of it cannot be searched for."""
        parts = [self._part(number, value) for number, value in enumerate(row[: len(self._keys)])]
        if any(part.is_none for part in parts):
            return None
        more = [part.quoted for part in parts if not part.asked]
        if not more:
            return self._alone
        return f"{self._before}{self._prefix}{'+'.join(more)}{self._behind}"

    def _part(self, number: int, value: Any) -> _Part:
        known = self._parts.get((number, value))
        if known is None:
            node = _node(self._keys[number], value)
            known = _Part(is_none=True)
            if node is not None:
                known = _Part(quote_plus(to_text(node), safe=","), node in self._asked)
            self._parts[number, value] = known
        return known


def _node(key: Key, value: Any) -> Node | None:
    """Return what finds the events of a group, which tells upper and lower case apart."""
    if key.bucket is not None:
        start, end = value, bucket_end(value, key.bucket)
        return dataclasses.replace(time_range.span_term(start, end), field=key.field)
    if value is None:
        return Not(Term(key.field, "exists"))
    kind = SEARCH_FIELDS[key.field].kind
    if kind == "state":
        return Term(key.field, "has", value)
    if kind in {"exact", "words"}:
        return Term(key.field, "is", value) if can_be_typed(value) else None
    return exact_term(key.field, value)
