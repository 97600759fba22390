"""From a tree to predicates, over whole events and over single stored values.

`matcher` is the meaning of the language: an index may answer faster but never otherwise. It does
not plan; `needs_raw` and `split` tell a planner what columns alone can answer.
"""

import ipaddress
from collections.abc import Callable, Collection
from functools import lru_cache
from operator import attrgetter
from typing import Any, TypeAlias

from whodid.event import (
    EMPTY_CONTENT,
    EMPTY_CONTEXT,
    EMPTY_WHAT,
    EMPTY_WHERE,
    EMPTY_WHO,
    FIELDS,
    GROUPS,
    Change,
    Event,
    Redaction,
)
from whodid.query.fields import COLUMN_KINDS, SEARCH_FIELDS, TEXT_COLUMNS
from whodid.query.regex import compile_regex
from whodid.query.times import term_bounds
from whodid.query.tree import (
    And,
    Everything,
    Network,
    Node,
    Not,
    Or,
    Pattern,
    Range,
    Term,
    Text,
    all_of,
)
from whodid.query.words import pieces_of, whole, within, within_raw

Predicate: TypeAlias = Callable[[Any], bool]
States: TypeAlias = Callable[[Event], Collection[str]]
"""Names of the states (`_conflict`, `_erased`, `_amended`, …) that the ledger knows of an event."""

_ADDRESSES_CACHED = 4096
_APART = "\0"
"""Stands between texts that are searched as one; no search text holds it."""

_EMPTY: dict[str, object] = {
    "who": EMPTY_WHO,
    "what": EMPTY_WHAT,
    "where": EMPTY_WHERE,
    "context": EMPTY_CONTEXT,
    "content": EMPTY_CONTENT,
}
_TextGroup: TypeAlias = tuple[object, Callable[[Event], Any], Callable[[Any], tuple[Any, ...]]]
"""(the shared empty struct, from event to group, from group to its texts)."""


def _text_groups(without: Collection[str] = ()) -> tuple[_TextGroup, ...]:
    found: list[_TextGroup] = []
    for group, _ in GROUPS:
        names = [
            FIELDS[name][1]
            for name in TEXT_COLUMNS
            if FIELDS[name][0] == group and name not in without
        ]
        if names:
            found.append((_EMPTY.get(group), attrgetter(group), _getter(names)))
    return tuple(found)


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    get = attrgetter(*names)
    return get if len(names) > 1 else lambda group: (get(group),)


_ALL_TEXT_GROUPS = _text_groups()


def matcher(node: Node, states: States | None = None) -> Callable[[Event], bool]:
    """Compile a resolved tree to a predicate over events.

    `states` adds what the Event itself does not show; without it, only `_quarantined` and
    `_redacted` can be true. Raises ValueError for a relative time, which `times.resolve` removes.
    """
    match node:
        case Everything():
            return lambda _: True
        case Text():
            return _text_matcher(node)
        case Term():
            return _term_matcher(node, states)
        case Not():
            inner = matcher(node.item, states)
            return lambda event: not inner(event)
        case And() | Or():
            parts = [matcher(item, states) for item in sorted(node.items, key=needs_raw)]
            return _every(parts) if isinstance(node, And) else _some(parts)


def _every(parts: list[Callable[[Event], bool]]) -> Callable[[Event], bool]:
    def matches(event: Event) -> bool:
        for part in parts:  # noqa: SIM110 - a loop is twice as fast as all() here
            if not part(event):
                return False
        return True

    return matches


def _some(parts: list[Callable[[Event], bool]]) -> Callable[[Event], bool]:
    def matches(event: Event) -> bool:
        for part in parts:  # noqa: SIM110 - a loop is twice as fast as any() here
            if part(event):
                return True
        return False

    return matches


def _text_matcher(node: Text) -> Callable[[Event], bool]:
    in_raw = within_raw(node.value)
    in_text = within(node.value)
    groups = _text_groups(node.without) if node.without else _ALL_TEXT_GROUPS
    with_raw = "raw" not in node.without
    pieces = pieces_of(node.value)
    one = len(pieces) == 1 and _APART not in pieces[0]

    def matches(event: Event) -> bool:
        if with_raw and in_raw(event.raw):
            return True
        texts: list[str] = []
        for empty, get_group, get_texts in groups:
            group = get_group(event)
            if group is not empty:
                for value in get_texts(group):
                    if value.__class__ is str:
                        texts.append(value)
                    elif value:
                        texts += texts_of(value)
        joined = _APART.join(texts)
        if one:
            return in_text(joined)
        folded = joined.casefold()
        return all(piece in folded for piece in pieces) and any(map(in_text, texts))

    return matches


def _term_matcher(term: Term, states: States | None) -> Callable[[Event], bool]:
    predicate = value_predicate(term)
    columns = term_columns(term)
    if not columns:
        return _state_matcher(term.field, predicate, states)
    get = attrgetter(*(".".join(FIELDS[name]) for name in columns))
    if len(columns) == 1:
        return lambda event: predicate(get(event))
    if term.field == "time":

        def matches_time(event: Event) -> bool:
            time, received = get(event)
            return predicate(received if time is None else time)

        return matches_time

    def matches(event: Event) -> bool:
        first, second = get(event)
        return predicate(first) or predicate(second)

    return matches


def _state_matcher(
    name: str, predicate: Predicate, states: States | None
) -> Callable[[Event], bool]:
    def holds(event: Event) -> bool:
        if name == "_quarantined" and event.envelope.quarantine is not None:
            return True
        if name == "_redacted" and event.envelope.redactions:
            return True
        return states is not None and name in states(event)

    return lambda event: predicate(holds(event))


def value_predicate(term: Term) -> Predicate:
    """Return a predicate over one stored value of a field that the term reads.

    The value is as in the Event: str, int, a tuple (any element may match) or None; bool for a
    state. An index may ask it once per distinct value. Raises ValueError for a relative time.
    """
    kind = SEARCH_FIELDS[term.field].kind
    if kind == "state":
        return lambda value: bool(value) is (term.op == "exists" or term.value)
    if term.op == "exists":
        return lambda value: value is not None and value != ()
    if kind == "integer":
        return _present(_integer(term))
    if kind == "time":
        return _present(_time(term))
    return _any_text(_text(term, kind))


def _present(predicate: Callable[[int], bool]) -> Predicate:
    return lambda value: value is not None and predicate(value)


def _any_text(predicate: Callable[[str], bool]) -> Predicate:
    def matches(value: Any) -> bool:
        if value is None:
            return False
        if isinstance(value, str):
            return predicate(value)
        return any(predicate(text) for text in texts_of(value))

    return matches


def texts_of(value: Any) -> tuple[str, ...]:
    """Return the texts in a stored value: none, itself, or those of its elements."""
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    texts: list[str] = []
    for item in value:
        if isinstance(item, Change):
            texts += [text for text in (item.field, item.before, item.after) if text is not None]
        else:
            texts.append(item.rule if isinstance(item, Redaction) else item)
    return tuple(texts)


def _text(term: Term, kind: str) -> Callable[[str], bool]:
    value = term.value
    if term.op == "regex":
        return compile_regex(str(value), term.position)
    if isinstance(value, Network):
        return _in_range(value, value)
    if isinstance(value, Range):
        return _in_range(value.low, value.high)
    if term.op == "is":
        return lambda text: text == value
    wanted = value if isinstance(value, Pattern) else str(value)
    return within(wanted) if kind == "words" else whole(wanted)


def _in_range(low: Any, high: Any) -> Callable[[str], bool]:
    """Return whether a text is an address from the first of `low` to the last of `high`.

    One of IPv4 that is written as IPv6 is the IPv4 address, and no other.
    """
    first = None if low is None else ipaddress.ip_network(low.text)[0]
    last = None if high is None else ipaddress.ip_network(high.text)[-1]
    version = (first or last).version  # type: ignore[union-attr]
    least = 0 if first is None else int(first)
    most = 2**128 if last is None else int(last)

    @lru_cache(maxsize=_ADDRESSES_CACHED)
    def matches(text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        address = mapped or address
        return address.version == version and least <= int(address) <= most

    return matches


def _integer(term: Term) -> Callable[[int], bool]:
    value: Any = term.value
    if isinstance(value, Range):
        low: Any = float("-inf") if value.low is None else value.low
        high: Any = float("inf") if value.high is None else value.high
        return lambda number: low <= number <= high
    match term.op:
        case ">":
            return lambda number: number > value
        case ">=":
            return lambda number: number >= value
        case "<":
            return lambda number: number < value
        case "<=":
            return lambda number: number <= value
        case _:
            return lambda number: number == value


def _time(term: Term) -> Callable[[int], bool]:
    low, high = term_bounds(term)
    least: float = float("-inf") if low is None else low
    end: float = float("inf") if high is None else high
    return lambda time_us: least <= time_us < end


def term_columns(term: Term) -> tuple[str, ...]:
    """Return the names in `event.FIELDS` that a term reads; any of them may match.

    For `time` (unless it asks whether there is one) the first that is present counts. Empty for a
    state.
    """
    if term.field == "time" and term.op == "exists":
        return ("time",)
    return SEARCH_FIELDS[term.field].columns


def needs_raw(node: Node) -> bool:
    """Tell whether a node needs the opened row, not only columns and states."""
    match node:
        case Text():
            return True
        case Term():
            return SEARCH_FIELDS[node.field].kind not in COLUMN_KINDS
        case Not():
            return needs_raw(node.item)
        case And() | Or():
            return any(needs_raw(item) for item in node.items)
    return False


def split(node: Node) -> tuple[Node, Node]:
    """Split a tree into (what columns answer, what needs rows); both together are the tree."""
    items = node.items if isinstance(node, And) else (node,)
    return (
        all_of(item for item in items if not needs_raw(item)),
        all_of(item for item in items if needs_raw(item)),
    )
