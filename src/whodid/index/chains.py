"""Chains of events with one value of a field: what `| sequence` finds.

1. Rows that fit a step, by columns where they can tell; the value of the field of each as a number.
2. Values without a row for every step fall away; the others' rows go in the order of their time.
3. Of one value after the other, the chains (`Walk`); the newest of all are kept.

Holds SEQUENCE_ROWS_MAX rows at most, 25 bytes each and as much again while they are sorted.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec import Struct

from whodid.index.coded import Coded, coded, times
from whodid.index.evaluate import own_rows
from whodid.index.page import Cursor
from whodid.index.selection import Selection
from whodid.index.table import Array, Table
from whodid.index.vocabulary import MISSING, OTHER, Vocabulary
from whodid.limits import SEQUENCE_OPEN_MAX, SEQUENCE_ROWS_MAX, STATS_SECONDS_MAX

_PIECE_ROWS = 65_536


class Chain(Struct, frozen=True):
    """One chain: (time in µs, index in the log) of its event for each step."""

    places: tuple[tuple[int, int], ...]

    @property
    def cursor(self) -> Cursor:
        """Return its place in the order of answers: that of its last event."""
        return Cursor(*self.places[-1])


class Chains(Struct, frozen=True):
    """The newest chains of an answer, newest first; `total` counts all."""

    chains: list[Chain]
    total: int
    exact: bool
    hidden_own: int
    next: Cursor | None
    warnings: list[str]


class Walk:
    """The chains of one value, its rows given in order of time.

    Invariants: `_begun[k]` are the starts whose chains have k + 1 events, oldest first, each with
    its events; no start in it is older than the span allows; of a chain that was found no event is
    in another.
    """

    def __init__(self, steps: int, span_us: int, open_max: int = SEQUENCE_OPEN_MAX) -> None:
        self._last = steps - 1
        self._span_us = span_us
        self._open_max = open_max
        self._begun: list[deque[tuple[tuple[int, int], ...]]] = [deque() for _ in range(steps - 1)]
        self.given_up = 0

    def add(self, at_us: int, index: int, fits: int) -> Chain | None:
        """Take the next row; bit k of `fits` says that it fits step k. Return the chain it ends."""
        place = (at_us, index)
        begun = self._begun
        oldest = at_us - self._span_us
        for step in range(self._last, 0, -1):
            before = begun[step - 1]
            while before and before[0][0][0] < oldest:
                before.popleft()
            if not before or not fits >> step & 1:
                continue
            if step == self._last:
                found = Chain((*before[0], place))
                for waiting in begun:
                    waiting.clear()
                return found
            begun[step].extend((*events, place) for events in before)
            before.clear()
            self._bound(begun[step])
        if fits & 1:
            begun[0].append((place,))
            self._bound(begun[0])
        return None

    def _bound(self, begun: deque[tuple[tuple[int, int], ...]]) -> None:
        while len(begun) > self._open_max:
            begun.popleft()
            self.given_up += 1


class _Rows:
    """The rows that fit a step, as parallel arrays, of the newest tables first."""

    def __init__(self, steps: Sequence[Selection], field: str, words: Vocabulary) -> None:
        self._steps = steps
        self._field = field
        self._words = words
        self._parts: list[tuple[Array, Array, Array, Array]] = []
        self.count = 0
        self.hidden_own = 0
        self.cut = False
        self.untold = 0

    def take(self, *, hide: bool) -> None:
        tables: dict[int, tuple[Table, Array]] = {}
        for step, selection in enumerate(self._steps):
            for chosen in selection.chosen:
                table, fits = tables.setdefault(
                    id(chosen.table), (chosen.table, np.zeros(chosen.table.count, dtype=np.uint8))
                )
                fits[chosen.rows()] |= np.uint8(1 << step)
        newest = sorted(tables.values(), key=lambda item: item[0].summary.at_max, reverse=True)
        for table, fits in newest:
            if self.count > SEQUENCE_ROWS_MAX:
                self.cut = True
                return
            self._add(table, fits, hide=hide)

    def _add(self, table: Table, fits: Array, *, hide: bool) -> None:
        own = own_rows(table)
        if hide and table.summary.own:
            self.hidden_own += int(np.count_nonzero((fits != 0) & own))
            fits = np.where(own, np.uint8(0), fits)
        rows = np.flatnonzero(fits)
        if not len(rows):
            return
        found = coded(table, self._field, rows, self._words)
        assert isinstance(found, Coded)  # the language makes sequences by single values only
        values = found.ids[found.codes]
        self.untold += int(np.count_nonzero(values == OTHER))
        told = (values != MISSING) & (values != OTHER)
        rows, values = rows[told], values[told]
        at = times(table, "time", rows)
        self._parts.append((values, at, rows + table.first, fits[rows]))
        self.count += len(rows)

    def in_order(self) -> tuple[Array, Array, Array, Array] | None:
        """Return (value, time, index, fits) of values that have every step, by value and time."""
        if not self._parts:
            return None
        values, at, index, fits = (np.concatenate(part) for part in zip(*self._parts, strict=True))
        self._parts = []
        here, codes = np.unique(values, return_inverse=True)
        whole = np.ones(len(here), dtype=np.bool_)
        for step in range(len(self._steps)):
            whole &= np.bincount(codes[(fits >> step & 1) != 0], minlength=len(here)) > 0
        kept = whole[codes]
        codes, at, index, fits = codes[kept], at[kept], index[kept], fits[kept]
        order = np.lexsort((index, at, codes))
        return codes[order], at[order], index[order], fits[order]


def find_chains(
    steps: Sequence[Selection],
    field: str,
    span_us: int,
    words: Vocabulary,
    *,
    limit: int,
    before: Cursor | None,
    hide: bool,
    monotonic: Callable[[], float],
    pause: Callable[[], None],
) -> Chains:
    """Return the newest chains whose last event comes after `before` in the order of answers.

    `steps` are the rows that fit each step, whodid's own among them; `hide` leaves those out.
    `words` are not needed any more once it pauses.
    """
    rows = _Rows(steps, field, words)
    rows.take(hide=hide)
    ordered = rows.in_order()
    kept: list[tuple[Cursor, Chain]] = []
    total = given_up = missed = 0
    end_s = monotonic() + STATS_SECONDS_MAX
    if ordered is not None:
        walks = _Walks(len(steps), span_us)
        for done, piece in _pieces(*ordered):
            for chain in walks.take(piece):
                total += 1
                cursor = chain.cursor
                if before is None or cursor < before:
                    item = (cursor, chain)
                    (heapq.heappush if len(kept) <= limit else heapq.heappushpop)(kept, item)
            pause()
            if monotonic() > end_s:
                missed = len(ordered[0]) - done
                break
        given_up = walks.given_up
    newest = sorted(kept, reverse=True)
    chains = [chain for _, chain in newest[:limit]]
    following = chains[-1].cursor if len(newest) > limit else None
    selected = all(selection.exact for selection in steps)
    exact = selected and not (missed or given_up or rows.cut or rows.untold)
    warnings = [
        *dict.fromkeys(text for selection in steps for text in selection.warnings),
        *_said(missed, given_up, rows.untold, cut=rows.cut),
    ]
    return Chains(chains, total, exact, rows.hidden_own, following, warnings)


def _said(missed: int, given_up: int, untold: int, *, cut: bool) -> list[str]:
    found = []
    if cut:
        found.append(
            f"only the newest {SEQUENCE_ROWS_MAX:,} events that fit a step were looked at: ask for "
            "less time, or narrow the steps"
        )
    if missed:
        found.append(
            f"{missed:,} events that fit a step were not reached in time: narrow the steps"
        )
    if given_up:
        found.append(f"{given_up:,} begun chains were given up: narrow the first step")
    if untold:
        found.append(f"{untold:,} events have values that were not told apart: ask for less time")
    return found


_Piece = Iterator[tuple[int, int, int, int]]


def _pieces(*arrays: Array) -> Iterator[tuple[int, _Piece]]:
    """Yield (rows done at its end, rows) of so many rows at a time."""
    for start in range(0, len(arrays[0]), _PIECE_ROWS):
        end = min(start + _PIECE_ROWS, len(arrays[0]))
        yield end, zip(*(array[start:end].tolist() for array in arrays), strict=True)


class _Walks:
    """Walks over the rows of all values, one value after the other."""

    def __init__(self, steps: int, span_us: int) -> None:
        self._steps = steps
        self._span_us = span_us
        self._value = -1
        self._walk = Walk(steps, span_us)
        self._given_up = 0

    @property
    def given_up(self) -> int:
        return self._given_up + self._walk.given_up

    def take(self, piece: _Piece) -> Iterator[Chain]:
        for value, at_us, index, fits in piece:
            if value != self._value:
                self._given_up += self._walk.given_up
                self._value, self._walk = value, Walk(self._steps, self._span_us)
            chain = self._walk.add(at_us, index, fits)
            if chain is not None:
                yield chain
