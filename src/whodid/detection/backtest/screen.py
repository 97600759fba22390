"""Which entries rules may match, from columns of the index, table by table.

A rule's wider condition (`bounds`) is asked of every table. What it leaves of a rule is kept, or,
when that is much of a table, only that it is much: columns of the records may tell more.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from msgspec import Struct

from whodid.detection.backtest.bounds import GUARD, Bound
from whodid.detection.backtest.distinct import Array, Arrays, texts_of
from whodid.detection.backtest.masks import Asker, Orders, StateColumn, Told, column_of
from whodid.detection.backtest.rule_bounds import looks_of
from whodid.detection.rule import All, AnyOf, Node, Not, Rule, Test
from whodid.index.columns import KINDS as COLUMN_KINDS
from whodid.limits import BACKTEST_OPENED_FEW, BACKTEST_OPENED_SHARE
from whodid.query.tree import Node as SearchNode
from whodid.query.tree import any_of

_GUARDS = ("labels", "_redacted", "_quarantined")
_CUT = frozenset({"cut:field", "cut:list", "unreadable:errorCode"})


class Screened(Struct):
    """What is left of the events of one table, `entries` (ascending) in number of `rows`.

    `few` are the entries that a rule may match, by its place; `many` the rules of which too many
    are left to be kept, and how many these are.
    """

    first: int
    end: int
    rows: int
    few: dict[int, Array]
    many: dict[int, int]

    @property
    def room(self) -> float:
        """How many entries may be opened."""
        return max(self.rows * BACKTEST_OPENED_SHARE, BACKTEST_OPENED_FEW)

    def count(self, rule: int) -> int:
        """Return how many entries a rule may match."""
        return self.many.get(rule) or len(self.few.get(rule, ()))

    def add(self, rule: int, entries: Array) -> None:
        """Take further entries (ascending) that are left of a rule."""
        if rule in self.many or not len(entries):
            return
        if rule in self.few:
            entries = np.union1d(self.few.pop(rule), entries)
        if len(entries) > self.room:
            self.many[rule] = len(entries)
        else:
            self.few[rule] = entries


class Screen:
    """Asks rules of tables. `fields` are the columns of the index that it needs of each."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        looks = [looks_of([rule]) for rule in rules]
        self._bounds: list[Bound] = [look.bound for look in looks]
        self._where = [[where for where, _ in look.searches] for look in looks]
        self._searches = [[search for _, search in look.searches] for look in looks]
        self.searches: dict[int, SearchNode] = {}
        """Searches whose entries are to be added, of the rules at these places."""
        self._orders: Orders = {}
        bounds = [*self._bounds, *(node for where in self._where for node in where)]
        read = dict.fromkeys(name for bound in bounds for name in _fields(bound))
        guards = _GUARDS if GUARD in read else ()
        named = (name for name in read if name in COLUMN_KINDS)
        self.fields: tuple[str, ...] = tuple(dict.fromkeys((*named, *guards)))

    def table(self, entries: Array, by_field: Mapping[str, Arrays]) -> Screened:
        """Ask all rules of a table that has these entries, at least one, and columns of them."""
        rows = len(entries)
        found = Screened(int(entries[0]), int(entries[-1]) + 1, rows, {}, {})
        columns: dict[str, Told] = {}

        def told_of(name: str | None) -> Told | None:
            if name is None or (name != GUARD and name not in by_field):
                return None
            if name not in columns:
                guards = name == GUARD
                columns[name] = (
                    StateColumn(_guard(rows, by_field)) if guards else column_of(by_field[name])
                )
            return columns[name]

        asker = Asker(told_of, self._orders)
        for place, bound in enumerate(self._bounds):
            mask = asker.of(bound).maybe if not isinstance(bound, bool) else np.bool_(bound)
            if mask.any():
                found.add(place, entries[np.broadcast_to(mask, rows)])
            if any(asker.of(where).maybe.any() for where in self._where[place]):
                self.searches[place] = any_of(self._searches[place])
        return found


def _fields(bound: Bound) -> Iterable[str]:
    nodes: list[Node] = [] if isinstance(bound, bool) else [bound]
    while nodes:
        node = nodes.pop()
        match node:
            case Test():
                if node.field is not None:
                    yield node.field
            case Not():
                nodes.append(node.item)
            case All() | AnyOf():
                nodes += node.items


def _guard(rows: int, by_field: Mapping[str, Arrays]) -> Array:
    """Return where fields of the Event may differ from the record."""
    labels = by_field["labels"]
    cut = np.zeros(rows, dtype=np.bool_)
    if labels:
        bad = np.array([text in _CUT for text in texts_of(labels)], dtype=np.bool_)
        before = np.concatenate(([0], np.cumsum(bad[labels[1].astype(np.intp)])))
        cut |= before[labels[0][1:]] > before[labels[0][:-1]]
    for name in _GUARDS[1:]:
        if by_field[name]:
            cut |= by_field[name][0] != 0
    return cut
