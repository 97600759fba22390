"""What columns of the index can say of a rule, kind of log by kind of log (see `bounds`).

A format that is one kind alone has its fields where that kind's tables say. Plain JSON may be of
any kind: of it nothing is told but what a rule asks of our Event first.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from msgspec import Struct

from whodid.detection.backtest.bounds import Bound, Known, KnownOf, any_bound, every_bound, may
from whodid.detection.compiled.fields import OTHER_NAMES, is_of_event
from whodid.detection.compiled.index import asks_event_first
from whodid.detection.rule import All, AnyOf, Node, Not, Rule, Test
from whodid.detection.taxonomy.kind import Kind
from whodid.detection.taxonomy.kinds import EVERY, KINDS, kinds_of, may_vary, names_of
from whodid.index.columns import KINDS as COLUMN_KINDS
from whodid.query import tree as query

NATIVE: Mapping[str, Mapping[str, str]] = {
    "cloudtrail": {
        "eventName": "action", "eventSource": "service.name", "userAgent": "agent",
        "recipientAccountId": "resource.parent", "errorCode": "reason",
    },
}  # fmt: skip
"""Kind → fields of its record that are kept in a column as they stand, if they are a text."""

_PARTIAL = frozenset({"reason"})
"""Columns that tell of such a field where it is, and of something else where it is not."""

_USUAL = frozenset({"action", "service.name"})
"""Columns that nearly every event of such a kind has."""

_WORDS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{1,126}[A-Za-z0-9]", re.ASCII).fullmatch
"""A text of a few words of a search, which stands in JSON as it is."""

_RENAMED = frozenset(name for kind in KINDS for name in kind.fields)
_INDEX = re.compile(r"\[[^\]]*\]|\{\}")

_FIXED = frozenset(name for kind in KINDS for name in kind.formats if not may_vary(name))


class Looks(Struct, frozen=True):
    """Where rules may match: a condition over columns, and searches for words in whole events.

    Each search is for the events of which a condition over columns holds.
    """

    bound: Bound
    searches: tuple[tuple[Node, query.Node], ...]


def bound_of(rule: Rule) -> Bound:
    """Return a condition over columns that holds of every record that the rule matches."""
    return looks_of([rule], words=False).bound


def looks_of(rules: Iterable[Rule], *, words: bool = True) -> Looks:
    """Return what finds every record that one of these rules matches; the two are to be joined.

    What rules about the same formats have in common is asked once. A rule of which no column tells
    anything is looked for by a word that must stand in the record, when there is one (`words`).
    """
    unsaid: dict[_Formats | None, dict[Node, None]] = {}
    told: dict[_Formats | None, dict[Bound, None]] = {}
    searches: dict[_Formats, dict[query.Node, None]] = {}
    for rule in rules:
        for formats, known_of in _parts(rule):
            extra: dict[Node, None] = {}
            bound = may(rule.node, known_of, extra) if known_of else True
            wanted = _words(rule.node) if bound is True and words and formats else None
            if wanted is not None and formats is not None:
                searches.setdefault(formats, {})[wanted] = None
                continue
            unsaid.setdefault(formats, {}).update(extra)
            told.setdefault(formats, {})[bound] = None
    found = any_bound([
        every_bound([
            *([] if formats is None else [_among(formats)]), any_bound([*unsaid[formats], *bounds]),
        ])
        for formats, bounds in told.items()
    ])  # fmt: skip
    return Looks(found, tuple(
        (_among(formats), query.all_of([_searched(formats), query.any_of(list(words_of))]))
        for formats, words_of in searches.items()
    ))  # fmt: skip


class _Formats(Struct, frozen=True):
    """Records of these formats or of any other, or whose source is called like one of `names`."""

    formats: tuple[str, ...]
    others: bool = False
    names: tuple[str, ...] = ()


def _parts(rule: Rule) -> Iterator[tuple[_Formats | None, KnownOf | None]]:
    """Yield which formats a rule is about (None: all), and what columns tell of its fields."""
    first = asks_event_first(rule)
    if rule.source.product == EVERY and rule.source.service is None:
        yield None, _every
        return
    kinds = kinds_of(rule.source)
    varied = False
    for kind in kinds:
        fixed = sorted(kind.formats & _FIXED)
        if fixed:
            yield _Formats(tuple(fixed)), _known_of(kind, event_first=first)
        varied = varied or bool(kind.marks) or len(fixed) < len(kind.formats) or not fixed
    if varied:
        yield _Formats(tuple(sorted(_FIXED)), others=True), _every if first else None
    names = sorted(names_of(rule.source))
    if not kinds and names:
        yield _Formats((), names=tuple(names)), None


@lru_cache(maxsize=256)
def _among(formats: _Formats) -> Node:
    if formats.names:
        return AnyOf(tuple(Test("source", "contains", name) for name in formats.names))
    known = AnyOf(tuple(Test("format", "equals", name, cased=True) for name in formats.formats))
    return Not(known) if formats.others else known


def _searched(formats: _Formats) -> query.Node:
    """Return the same as a search."""
    if formats.names:
        return query.any_of(
            [query.Term("source", "has", query.Pattern(("", name, ""))) for name in formats.names]
        )
    known = query.any_of([query.Term("format", "is", name) for name in formats.formats])
    return query.Not(known) if formats.others else known


def _words(node: Node) -> query.Node | None:
    """Return a search for texts of which one must stand in every record that the node matches.

    None when there is none: a text that is only part of a value may lie within a word.
    """
    match node:
        case Test():
            return _words_of_test(node)
        case Not():
            return None
        case All():
            every = [word for item in node.items if (word := _words(item)) is not None]
            return query.all_of(every) if every else None
    words = [word for item in node.items if (word := _words(item)) is not None]
    return query.any_of(words) if words and len(words) == len(node.items) else None


def _words_of_test(test: Test) -> query.Node | None:
    """Return a search for what a record must hold that passes: the key, and the whole value."""
    if test.field is None or test.op == "null" or (test.op == "exists" and not test.value):
        return None
    found: list[query.Node] = []
    key = _INDEX.sub("", test.field).rpartition(".")[2]
    if not is_of_event(test.field) and test.field not in _RENAMED and _WORDS(key):
        found.append(query.Text(key))
    whole = test.op == "equals" and test.part is None and isinstance(test.value, str)
    if whole and _WORDS(str(test.value)):
        found.append(query.Text(str(test.value)))
    return query.all_of(found) if found else None


def _column(name: str) -> str | None:
    name = OTHER_NAMES.get(name, name)
    return name if name in COLUMN_KINDS else None


def _every(name: str) -> Known | None:
    """Return what is asked of our Event first: where it has nothing, the record may."""
    column = _column(name)
    return None if column is None else Known(column, always=False)


def _known_of(kind: Kind, *, event_first: bool) -> KnownOf:
    """Return what a kind's first place of a field is, when that is a column."""
    natives = {} if kind.folds else NATIVE.get(kind.name, {})
    lines = not kind.has_record

    def known(name: str) -> Known | None:
        explicit = () if event_first and _column(name) else kind.fields.get(name, ())
        if explicit:
            place = explicit[0]
            column = _column(place[1:]) if place[:1] == "@" else None
            return None if column is None else Known(column, always=False)
        column = _column(name)
        if column is not None and (event_first or lines):
            text = COLUMN_KINDS[column] != "number"
            return Known(column, always=lines and text)
        if name in natives:
            column = natives[name]
            return Known(
                column, always=False, native=True, usual=column in _USUAL,
                partial=column in _PARTIAL,
            )  # fmt: skip
        return None

    return known
