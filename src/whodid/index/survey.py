"""A place as a whole: who uses what, how it ended, what came and went against the time before.

The stretches of time are selections without a common event: this one, the last one, earlier ones.
"""

from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct

from whodid.index.compare import (
    Compared,
    Ranked,
    by_one,
    compare,
    counted,
    distinct,
    known_before,
    named,
    ranked,
)
from whodid.index.histogram import Histogram, histogram
from whodid.index.lags import Late, late
from whodid.index.selection import Selection
from whodid.index.vocabulary import Vocabularies
from whodid.limits import STATS_SECONDS_MAX
from whodid.query.countable import SEVERAL

_TOP = 8
_LISTED = 8
_MOVED = 4
_NOTHING = Ranked([], 0)


class Asked(Struct, frozen=True):
    """What a survey has: `fields` compared, `pairs` of fields, and only what may be asked.

    `bars` at most of a histogram over `bounds` (µs UTC). `grid` are two fields counted against each
    other, `ended` who met which outcome; () for none of it. `outcomes` by stretch and bar. Late is
    what came more than `late_us` after its time; None: not asked.
    """

    fields: tuple[str, ...]
    pairs: tuple[str, ...]
    grid: tuple[str, ...]
    outcomes: bool
    ended: tuple[str, ...]
    bounds: tuple[int, int]
    bars: int
    late_us: int | None


class FieldSurvey(Struct, frozen=True):
    """The values of a field (of a pair: of both), each with its events by stretch.

    `distinct` counts them by stretch. `top` are the most frequent, `new` had no event before,
    `gone` have none now; `more` and `less` had other events in the last stretch. Without `exact`
    nothing is said to be new or gone.
    """

    fields: tuple[str, ...]
    distinct: tuple[int, ...]
    top: Ranked
    new: Ranked
    gone: Ranked
    more: Ranked
    less: Ranked
    exact: bool


class Grid(Struct, frozen=True):
    """The most frequent values of two fields, and their events together: a row for each row."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: list[list[int]]


class Survey(Struct, frozen=True):
    """All of it. `outcomes` is outcome → events by stretch, "unknown" where it is not told."""

    events: tuple[int, ...]
    outcomes: dict[str, tuple[int, ...]]
    histogram: Histogram | None
    fields: list[FieldSurvey]
    pairs: FieldSurvey | None
    grid: Grid | None
    ended: Ranked
    late: list[Late]
    exact: bool


def survey(
    asked: Asked,
    selections: Sequence[Selection],
    vocabularies: Vocabularies,
    monotonic: Callable[[], float],
) -> Survey:
    """Count everything that is asked, for a bounded time."""
    end_s = monotonic() + STATS_SECONDS_MAX

    def over() -> bool:
        return monotonic() > end_s

    found, pairs = _compared(asked, selections, vocabularies, over)
    outcome = compare(("outcome",), selections, vocabularies, over) if asked.outcomes else None
    now = selections[0]
    bars = histogram(
        now, asked.bounds, asked.bars, vocabularies, monotonic, outcomes=asked.outcomes
    )
    every = [*found.values(), *([pairs] if pairs else [])]
    return Survey(
        tuple(selection.count for selection in selections),
        _outcomes(outcome, vocabularies) if outcome else {},
        bars,
        [_field(one, vocabularies) for one in found.values()],
        _pairs(pairs, found, vocabularies) if pairs else None,
        _grid(compare(asked.grid, [now], vocabularies, over), vocabularies) if asked.grid else None,
        _ended(compare(asked.ended, [now], vocabularies, over), vocabularies)
        if asked.ended else _NOTHING,
        late(now, asked.late_us, vocabularies, over) if asked.late_us is not None else [],
        all(one.exact for one in every) and (bars is None or bars.exact),
    )  # fmt: skip


def _compared(
    asked: Asked,
    selections: Sequence[Selection],
    vocabularies: Vocabularies,
    over: Callable[[], bool],
) -> tuple[dict[str, Compared], Compared | None]:
    """Return the fields and the pairs; a field of the pairs is counted once, with them."""
    pairs = counted(asked.pairs, selections, vocabularies, over) if asked.pairs else None
    found = {}
    for field in asked.fields:
        others = SEVERAL.intersection(asked.pairs) - {field}
        if pairs is not None and pairs.exact and field in asked.pairs and not others:
            found[field] = named(by_one(pairs, asked.pairs.index(field)))
        else:
            found[field] = compare((field,), selections, vocabularies, over)
    return found, None if pairs is None else named(pairs)


def _field(found: Compared, vocabularies: Vocabularies) -> FieldSurvey:
    now, last = found.counts[:, 0], found.counts[:, 1]
    before = found.counts[:, 1:].sum(axis=1)
    known = before > 0
    new = gone = _NOTHING
    if found.exact:
        new = ranked(found, (now > 0) & ~known, now, _LISTED, vocabularies)
        gone = ranked(found, (now == 0) & known, before, _LISTED, vocabularies)
    return FieldSurvey(
        found.fields,
        tuple(distinct(found, stretch) for stretch in range(found.counts.shape[1])),
        ranked(found, now > 0, now, _TOP, vocabularies), new, gone,
        ranked(found, (now > last) & known, now - last, _MOVED, vocabularies),
        ranked(found, (now < last) & (now > 0), last - now, _MOVED, vocabularies),
        found.exact,
    )  # fmt: skip


def _pairs(found: Compared, fields: dict[str, Compared], vocabularies: Vocabularies) -> FieldSurvey:
    """Return the pairs; new ones are those of which both values were there before."""
    now = found.counts[:, 0]
    new = _NOTHING
    exact = found.exact and all(fields[name].exact for name in found.fields)
    if exact:
        fresh = (now > 0) & ~found.counts[:, 1:].any(axis=1)
        for name, key in zip(found.fields, found.keys, strict=True):
            fresh &= known_before(fields[name], key)
        new = ranked(found, fresh, now, _LISTED, vocabularies)
    return FieldSurvey(
        found.fields,
        tuple(distinct(found, stretch) for stretch in range(found.counts.shape[1])),
        ranked(found, now > 0, now, _TOP, vocabularies), new, _NOTHING, _NOTHING, _NOTHING, exact,
    )  # fmt: skip


def _outcomes(found: Compared, vocabularies: Vocabularies) -> dict[str, tuple[int, ...]]:
    everything = ranked(found, found.counts[:, 0] >= 0, found.counts[:, 0], _TOP, vocabularies)
    outcomes = {values[0]: counts for values, counts in everything.rows}
    told = outcomes.get("unknown", (0,) * len(found.missing))
    outcomes["unknown"] = tuple(a + b for a, b in zip(told, found.missing, strict=True))
    return outcomes


def _ended(found: Compared, vocabularies: Vocabularies) -> Ranked:
    """Return who was refused or failed most: (value, outcome)."""
    words = vocabularies.of("outcome").texts()
    bad = [number for number, word in enumerate(words) if word in {b"denied", b"failure"}]
    return ranked(found, np.isin(found.keys[1], bad), found.counts[:, 0], _LISTED, vocabularies)


def _grid(found: Compared, vocabularies: Vocabularies) -> Grid:
    first, second = found.keys
    counts = found.counts[:, 0]
    chosen = []
    for key in (first, second):
        ids, place = np.unique(key, return_inverse=True)
        sums = np.bincount(place, counts, len(ids)).astype(np.int64)
        chosen.append(ids[np.argsort(-sums, kind="stable")[:_TOP]].tolist())
    rows, columns = chosen
    cells = np.zeros((len(rows), len(columns)), dtype=np.int64)
    for y, number in enumerate(rows):
        mine = first == number
        for x, other in enumerate(columns):
            cells[y, x] = counts[mine & (second == other)].sum()
    texts = [vocabularies.of(field).texts() for field in found.fields]
    return Grid(
        tuple(texts[0][n].decode("utf-8", "replace") for n in rows),
        tuple(texts[1][n].decode("utf-8", "replace") for n in columns),
        cells.tolist(),
    )
