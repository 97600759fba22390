"""From rows of a stretch to the hits of a correlation: what they are about, as numbers."""

from collections.abc import Sequence

import numpy as np

from whodid.detection.backtest.distinct import Array
from whodid.detection.backtest.sieve import Hits
from whodid.detection.backtest.stretch import UNTOLD, Column, FieldName, Stretch
from whodid.detection.compiled.fields import text_of
from whodid.detection.compiled.index import asks_event_first
from whodid.detection.compiled.path import Values
from whodid.detection.rule import Rule
from whodid.detection.windows.extract import text_of as key_text
from whodid.detection.windows.plan import Plan, field_of
from whodid.limits import SIEVE_TEXTS_MAX

_MISSING, _UNSURE = -2, -1
_STEP = 1_000_003
_TABLES_MAX = 256


class Numbers:
    """Numbers of texts, case apart, the same in all stretches."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}
        self._tables: dict[int, tuple[Column, Array]] = {}

    @property
    def has_room(self) -> bool:
        """Tell whether there are not too many yet."""
        return len(self._known) <= SIEVE_TEXTS_MAX

    def of(self, column: Column) -> Array:
        """Return the number (i64) of the one text that each code of a column stands for.

        -2 where there is none, -1 where it is not known or there are several.
        """
        kept = self._tables.get(id(column))
        if kept is None or kept[0] is not column:
            numbers = [_MISSING, _UNSURE, *(self._of_values(it) for it in column.decoded())]
            kept = column, np.array(numbers, dtype=np.int64)
            if len(self._tables) >= _TABLES_MAX:
                self._tables.clear()
            self._tables[id(column)] = kept
        return kept[1]

    def _of_values(self, values: Values) -> int:
        texts = {
            key_text(value if value.__class__ in (str, int, float) else text_of(value)).lower()
            for value in values
        } - {""}
        if len(texts) != 1:
            return _UNSURE if texts else _MISSING
        return self._known.setdefault(texts.pop(), len(self._known))


def hits_of(
    stretch: Stretch, rows: Array, plan: Plan, bit: int, rule: Rule, numbers: Numbers
) -> Hits:
    """Return the hits that rows (bool) of a stretch are for one rule of a correlation.

    Rows that lack what they would be about are none.
    """
    correlation = plan.correlation
    counted = correlation.fields if plan.kind == "value_count" else ()
    fields = [field_of(correlation, rule, name) for name in counted]
    at = np.flatnonzero(rows)
    first = asks_event_first(rule)
    about = _Rows(stretch, at, numbers, event_first=first)
    keys, values = about.together(plan.keys[bit]), about.together(fields)
    chosen = (keys != _MISSING) & (values != _MISSING)
    entries = at + stretch.first
    if len(fields) > 1:  # numbers of several texts may be the same
        values = np.where(values < 0, values, entries)
    return Hits(bit, entries[chosen], keys[chosen], values[chosen])


class _Rows:
    """Some rows of a stretch."""

    def __init__(self, stretch: Stretch, at: Array, numbers: Numbers, *, event_first: bool) -> None:
        self._stretch = stretch
        self._at = at
        self._numbers = numbers
        self._first = event_first
        self._sent = stretch.sent[at]

    def together(self, names: Sequence[str]) -> Array:
        """Return one number a row for its values of all these fields; equal ones have the same."""
        found = np.zeros(len(self._at), dtype=np.int64)
        missing = np.zeros(len(self._at), dtype=np.bool_)
        unsure = self._sent == UNTOLD
        unread = unsure.copy()
        for name in names:
            part = self._numbers_of(name)
            missing |= part == _MISSING
            unsure |= part == _UNSURE
            found = (found * _STEP + part) & np.iinfo(np.int64).max
        found[unsure] = _UNSURE
        found[missing & ~unread] = _MISSING
        return found

    def _numbers_of(self, name: str) -> Array:
        part = np.full(len(self._at), _MISSING, dtype=np.int64)
        for kind in dict.fromkeys(kind for kind, _ in self._stretch.senders):
            column = self._stretch.columns.get(FieldName(kind, name, self._first))
            if column is not None:
                here = self._stretch.of_kind(kind, self._sent)
                part[here] = self._numbers.of(column)[column.codes[self._at[here]]]
        return part
