"""Which entries a backtest opens: rules' columns of the index first, then those of the records.

1. What columns of the index leave of a rule, in a table where that is little, is opened.
2. In a table where it is much, columns of the records (`shelf`) tell what is left of the rule.
3. Of a rule that only correlations use, just the hits that can be in a finding (`sieve`).

What is opened is decided by the closures that decide live. So columns can make a backtest slow, and
never change what it finds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from msgspec import Struct

from whodid.detection.backtest.distinct import Array, Arrays
from whodid.detection.backtest.hits import Numbers, hits_of
from whodid.detection.backtest.screen import Screen, Screened
from whodid.detection.backtest.sieve import Sieve, can_hold, is_sieved
from whodid.detection.backtest.stretch import FieldName, Stretch
from whodid.detection.backtest.stretch_rules import StretchRules, fields_of
from whodid.detection.compiled.index import asks_event_first
from whodid.detection.rule import AnyRule, Rule
from whodid.detection.windows.plan import Plan, field_of
from whodid.limits import BACKTEST_OPENED_FEW, BACKTEST_SIEVED_SHARE, STRETCH_ROWS

Get = Callable[[int, int, Sequence[FieldName]], Stretch]
"""(first, end, fields) → columns of entries within one stretch."""


class _Sieved(Struct):
    """A correlation whose hits are sieved; `off` when there were too many."""

    plan: Plan
    sieve: Sieve
    off: bool = False


class Candidates:
    """Finds candidates: `take` tables, `add` what searches found, then ask for `entries`.

    `rules` are all of the backtest, `plans` its correlations that can run.
    """

    def __init__(self, rules: Sequence[AnyRule], plans: Sequence[Plan]) -> None:
        self._plans = plans
        used = {rule.head.id for plan in plans for rule in plan.below}
        self._rules = [
            rule
            for rule in rules
            if isinstance(rule, Rule) and (not rule.silent or rule.head.id in used)
        ]
        self._place = {rule.head.id: place for place, rule in enumerate(self._rules)}
        self.screen = Screen(self._rules)
        self._tables: list[Screened] = []
        self._stretch_rules = StretchRules(self._rules)
        self._numbers = Numbers()
        self.correlates = True
        """Whether some correlation may find something; `entries` tells."""
        self._fields: dict[int, set[FieldName]] = {}

    def take(self, entries: Array, by_field: Mapping[str, Arrays]) -> None:
        """Take a table that has these entries (ascending), with the columns that `screen` needs."""
        if len(entries):
            self._tables.append(self.screen.table(entries, by_field))

    def add(self, place: int, found: Array, events: Array) -> None:
        """Take entries (ascending) that a search of the rule at `place` found; some are events."""
        known = np.intersect1d(found, events, assume_unique=True)
        for table in self._tables:
            first, end = np.searchsorted(known, (table.first, table.end)).tolist()
            table.add(place, known[first:end])

    def entries(self, get: Get, size: int, times_of: Callable[[Array], Array]) -> Array:
        """Return the candidates (ascending, i64) among `size` entries of the log.

        `times_of` gives the time of each (µs), as the engine of correlations takes it.
        """
        sieved = self._to_be_sieved()
        loose = self._loose(sieved)
        found: list[Array] = [np.zeros(0, dtype=np.int64)]
        for first, end, places in self._stretches(loose, sieved, found):
            stretch = get(first, min(end, size), self._names(places, sieved))
            asked = self._stretch_rules.asked(stretch)
            opened = np.zeros(stretch.count, dtype=np.bool_)
            for place in places:
                rows = asked.possible(place)
                if place in loose:
                    opened |= rows
                if rows.any():
                    self._sieve(place, stretch, rows, sieved, found)
            found.append(np.flatnonzero(opened) + first)
        left = [item.sieve.possible(times_of) for item in sieved if not item.off]
        self.correlates = (
            any(map(len, left))
            or any(item.off for item in sieved)
            or any(sum(self._left(plan)) for plan in self._unsieved(sieved))
        )
        return np.unique(np.concatenate([*found, *left]))

    # --- which rules, where ----------------------------------------------------------------------

    def _below(self, plan: Plan) -> list[int]:
        return [self._place[rule.head.id] for rule in plan.below if isinstance(rule, Rule)]

    def _to_be_sieved(self) -> list[_Sieved]:
        """Return the correlations whose rules leave so much that a sieve pays.

        It does in any case where columns of most records are asked of other rules, too.
        """
        rows = sum(table.rows for table in self._tables)
        asked = sum(
            table.rows
            for table in self._tables
            if table.many or sum(map(len, table.few.values())) > table.room
        )
        least = max(rows * BACKTEST_SIEVED_SHARE, BACKTEST_OPENED_FEW)
        return [
            _Sieved(plan, Sieve(plan))
            for plan in self._plans
            if is_sieved(plan)
            and can_hold(plan, self._left(plan))
            and (2 * asked > rows or sum(self._left(plan)) > least)
        ]

    def _left(self, plan: Plan) -> list[int]:
        """Return how much is left of each rule of a correlation."""
        return [sum(table.count(place) for table in self._tables) for place in self._below(plan)]

    def _loose(self, sieved: Sequence[_Sieved]) -> set[int]:
        """Return the rules of which every hit is wanted."""
        loose = {place for place, rule in enumerate(self._rules) if not rule.silent}
        loose.update(place for plan in self._unsieved(sieved) for place in self._below(plan))
        return loose

    def _unsieved(self, sieved: Sequence[_Sieved]) -> list[Plan]:
        """Return the other correlations, without those of which too little is left to hold."""
        chosen = {item.plan.place for item in sieved}
        return [
            plan
            for plan in self._plans
            if plan.place not in chosen
            and not (is_sieved(plan) and not can_hold(plan, self._left(plan)))
        ]

    def _stretches(
        self, loose: set[int], sieved: Sequence[_Sieved], found: list[Array]
    ) -> Iterable[tuple[int, int, list[int]]]:
        """Yield stretches and the rules that columns of the records are asked of there.

        What is left of the other rules is added to `found`.
        """
        below = {place for item in sieved for place in self._below(item.plan)}
        wanted: dict[int, set[int]] = {}
        for table in self._tables:
            asked = {place for place in below if table.count(place)}
            asked |= self._opened_or_asked(table, loose, found, every=bool(asked))
            for place in asked:
                for number in _stretches_of(table, place):
                    wanted.setdefault(number, set()).add(place)
        for number, places in sorted(wanted.items()):
            yield number * STRETCH_ROWS, (number + 1) * STRETCH_ROWS, sorted(places)

    def _opened_or_asked(
        self, table: Screened, loose: set[int], found: list[Array], *, every: bool
    ) -> set[int]:
        """Add what is left of rules when that is little; else return those to be asked.

        When columns are asked of one rule, or of `every`, those of the others cost little more.
        """
        few = {place for place in table.few if place in loose}
        many = {place for place in table.many if place in loose}
        left = sum(len(table.few[place]) for place in few)
        if every or many or left > table.room:
            return few | many
        found += [table.few[place] for place in few]
        return set()

    # --- columns of the records ------------------------------------------------------------------

    def _names(self, places: Iterable[int], sieved: Sequence[_Sieved]) -> list[FieldName]:
        """Return the fields that are looked at of some rules, by every kind that they are about."""
        names: set[FieldName] = set()
        for place in places:
            known = self._fields.get(place)
            if known is None:
                known = self._fields[place] = self._names_of(place, sieved)
            names |= known
        return sorted(names)

    def _names_of(self, place: int, sieved: Sequence[_Sieved]) -> set[FieldName]:
        rule = self._rules[place]
        asked = set(fields_of(rule.node))
        for item in sieved:
            if place in self._below(item.plan):
                asked.update(_hit_fields(item.plan, rule))
        first = asks_event_first(rule)
        kinds = self._stretch_rules.kinds(place)
        return {FieldName(kind, name, first) for kind in kinds for name in asked}

    def _sieve(
        self, place: int, stretch: Stretch, rows: Array, sieved: Sequence[_Sieved],
        found: list[Array],
    ) -> None:  # fmt: skip
        """Give the hits of a rule to the correlations that it feeds."""
        rule = self._rules[place]
        for item in sieved:
            for bit, below in enumerate(item.plan.below):
                if below.head.id != rule.head.id:
                    continue
                hits = hits_of(stretch, rows, item.plan, bit, rule, self._numbers)
                if item.off:
                    found.append(hits.entries)
                elif not (item.sieve.add(hits) and self._numbers.has_room):
                    item.off = True
                    found.append(item.sieve.all())


def _stretches_of(table: Screened, place: int) -> Iterable[int]:
    """Return the numbers of the stretches where something is left of a rule."""
    few = table.few.get(place)
    if few is None:
        return range(table.first // STRETCH_ROWS, (table.end - 1) // STRETCH_ROWS + 1)
    numbers: list[int] = np.unique(few // STRETCH_ROWS).tolist()
    return numbers


def _hit_fields(plan: Plan, rule: Rule) -> list[str]:
    """Return the fields of a rule that say what its hits are about."""
    bit = [below.head.id for below in plan.below].index(rule.head.id)
    correlation = plan.correlation
    return [*plan.keys[bit], *(field_of(correlation, rule, name) for name in correlation.fields)]
