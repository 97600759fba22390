"""Which searches can be answered with a proof: exact values of some fields, all of them, in a time.

It says what a value is as the key of a map (`merkle.range_map`): UTF-8 with its case folded (the
folding of an assigned character never changes); an address as `ipaddress` writes it, one mapped
into IPv6 as IPv4. Who replays events must come to the same keys.
"""

import ipaddress
import re
from functools import lru_cache
from typing import Final

from msgspec import Struct

from whodid.errors import QueryError
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.render import to_text
from whodid.query.times import resolve_node, time_bounds
from whodid.query.tree import And, Network, Node, Query, Term

MAPPED: Final[dict[str, tuple[str, ...]]] = {
    "actor": ("actor.id", "actor.name"),
    "on_behalf_of": ("actor.on_behalf_of",),
    "session": ("actor.session",),
    "action": ("action",),
    "access": ("access",),
    "resource": ("resource.name", "resources"),
    "outcome": ("outcome",),
    "ip": ("ip",),
    "correlation": ("correlation",),
    "trace": ("trace",),
    "request": ("request",),
    "service": ("service.name",),
    "source": ("source",),
}
"""Field of a map → the fields of an event whose texts are its values. Searches know it too."""

_ADDRESSES_CACHED = 4096
_BYTE = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_PLAIN = re.compile(rb"(?:%s\.){3}%s" % (_BYTE, _BYTE))
"""An IPv4 address in its one spelling: most are, and parsing costs ten times as much."""
_ASK = (
    "a proof is of exact values and a time, all of which must hold: "
    f"{', '.join(MAPPED)} with : or :=, and time"
)


class ProvableTerm(Struct, frozen=True):
    """One exact value: `value` in any of `fields`, upper and lower case apart only when `exact`.

    `mapped` is the field of a map in which such events are found; it may have others too.
    """

    mapped: str
    fields: tuple[str, ...]
    value: str
    exact: bool = False

    def key_value(self) -> bytes:
        """Return the value as it stands in a map."""
        return value_of(self.mapped, self.value)

    def search(self) -> Term:
        """Return what finds all events that the row of a map lists."""
        value = Network(self.value) if self.mapped == "ip" else self.value
        return Term(self.mapped, "has", value)

    def asked(self) -> Term:
        """Return what a value of one of `fields` is asked."""
        return Term(self.mapped, "is", self.value) if self.exact else self.search()


class Provable(Struct, frozen=True):
    """All of these terms, and `from_us` ≤ time < `to_us` (µs, None: open)."""

    terms: tuple[ProvableTerm, ...]
    from_us: int | None
    to_us: int | None


def provable(node: Node) -> Provable:
    """Return what a resolved filter asks. Raises QueryError for one that has no proof."""
    items = node.items if isinstance(node, And) else (node,)
    times = [item for item in items if isinstance(item, Term) and item.field == "time"]
    terms = tuple(_term(item) for item in items if item not in times)
    if not terms:
        raise QueryError(_ASK, 0)
    bounds = [time_bounds(item) for item in times]
    lows = [low for low, _ in bounds if low is not None]
    highs = [high for _, high in bounds if high is not None]
    return Provable(terms, max(lows, default=None), min(highs, default=None))


def is_provable(query: Query) -> bool:
    """Tell whether an answer to this search can be proved."""
    if query.stats or query.sort or query.limit or query.sequence:
        return False
    try:
        provable(resolve_node(query.filter, 0))  # which times does not matter
    except (QueryError, ValueError, OverflowError):
        return False
    return True


def _term(node: Node) -> ProvableTerm:
    if isinstance(node, Term) and node.op in {"has", "is"}:
        columns = SEARCH_FIELDS[node.field].columns
        for mapped, fields in MAPPED.items():
            if columns and set(columns) <= set(fields):
                value = _single(node)
                if value is not None:
                    return ProvableTerm(mapped, columns, value, node.op == "is" and mapped != "ip")
    raise QueryError(f"'{to_text(node)}' cannot be proved; {_ASK}", _position(node))


def _single(term: Term) -> str | None:
    if isinstance(term.value, Network):
        network = ipaddress.ip_network(term.value.text)
        return str(network[0]) if network.num_addresses == 1 else None
    return term.value if isinstance(term.value, str) else None


def _position(node: Node) -> int:
    return getattr(node, "position", 0)


def value_of(mapped: str, text: str) -> bytes:
    """Return the bytes under which a text of this field stands in a map."""
    if mapped == "ip":
        return address_value(text.encode("utf-8", "replace"))
    return text.casefold().encode("utf-8", "replace")


def address_value(text: bytes) -> bytes:
    """Return an address as it stands in a map; what is none, with its case folded."""
    return text if _PLAIN.fullmatch(text) else _address_value(text)


@lru_cache(maxsize=_ADDRESSES_CACHED)
def _address_value(text: bytes) -> bytes:
    decoded = text.decode("utf-8", "replace")
    try:
        address = ipaddress.ip_address(decoded)
    except ValueError:
        return decoded.casefold().encode("utf-8", "replace")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(address if mapped is None else mapped).encode()
