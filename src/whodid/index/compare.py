"""Groups counted in several stretches of time at once: what came, what went, what rose and fell.

Counting is that of `tally`; the stretches are selections, the newest first, that share no event.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from whodid.index.groups import Groups
from whodid.index.selection import Selection
from whodid.index.table import Array
from whodid.index.tally import Tally
from whodid.index.vocabulary import MISSING, OTHER, Vocabularies
from whodid.limits import STATS_GROUPS_MAX
from whodid.query.pipes import Key


class Compared(Struct, frozen=True):
    """Groups by the same fields: a row of `keys` (ids of `vocabulary`) and of `counts` each.

    `counts` has a column for each stretch, `missing` the events of each without a value of some of
    the fields. `exact`: every event was reached and every group told apart; where that does not
    hold a group may be missing, so nothing can be said to be new or gone.
    """

    fields: tuple[str, ...]
    keys: list[Array]
    counts: Array
    missing: tuple[int, ...]
    exact: bool


class Counted(NamedTuple):
    """Groups by these fields as they were counted, those without a value too; see `Compared`."""

    fields: tuple[str, ...]
    keys: list[Array]
    columns: list[Array]
    exact: bool


class Ranked(Struct, frozen=True):
    """Groups in order: their values by field, their events by stretch. `total` counts all such."""

    rows: list[tuple[tuple[str, ...], tuple[int, ...]]]
    total: int


def compare(
    fields: tuple[str, ...],
    selections: Sequence[Selection],
    vocabularies: Vocabularies,
    ended: Callable[[], bool],
    *,
    groups_max: int = STATS_GROUPS_MAX,
) -> Compared:
    """Count the groups by these fields (texts) in each selection; `ended` tells to stop early."""
    return named(counted(fields, selections, vocabularies, ended, groups_max=groups_max))


def counted(
    fields: tuple[str, ...],
    selections: Sequence[Selection],
    vocabularies: Vocabularies,
    ended: Callable[[], bool],
    *,
    groups_max: int = STATS_GROUPS_MAX,
) -> Counted:
    """Count as `compare` does."""
    stretches = len(selections)
    groups = Groups(len(fields), ["add"] * (1 + stretches), groups_max)
    exact = True
    for number, selection in enumerate(selections):
        tally = Tally([Key(field) for field in fields], [], vocabularies, groups_max=groups_max)
        for chosen in selection.chosen:
            if ended():
                break
            tally.add(chosen)
        keys, (counts,) = tally.groups.finish()
        exact = exact and selection.exact and tally.events == selection.count
        exact = exact and not tally.groups.closed
        none = np.zeros(len(counts), dtype=np.int64)
        groups.add(keys, [counts, *(counts if n == number else none for n in range(stretches))])
    keys, columns = groups.finish()
    exact = exact and not groups.closed and not any((key == OTHER).any() for key in keys)
    return Counted(fields, keys, columns, exact)


def by_one(found: Counted, place: int, groups_max: int = STATS_GROUPS_MAX) -> Counted:
    """Return the groups by one field of several, of which the others have one value an event."""
    groups = Groups(1, ["add"] * len(found.columns), groups_max)
    groups.add([found.keys[place]], found.columns)
    keys, columns = groups.finish()
    return Counted((found.fields[place],), keys, columns, found.exact and not groups.closed)


def named(found: Counted) -> Compared:
    """Return the groups that have a value of each field."""
    fields, keys, columns, exact = found
    here = np.logical_and.reduce([key > OTHER for key in keys])
    without = np.logical_or.reduce([key == MISSING for key in keys])
    return Compared(
        fields,
        [key[here] for key in keys],
        np.stack([column[here] for column in columns[1:]], axis=1),
        tuple(int(column[without].sum()) for column in columns[1:]),
        exact,
    )


def distinct(found: Compared, stretch: int) -> int:
    """Return how many groups have events in a stretch."""
    return int(np.count_nonzero(found.counts[:, stretch]))


def ranked(
    found: Compared, wanted: Array, weight: Array, rows_max: int, vocabularies: Vocabularies
) -> Ranked:
    """Return the wanted groups (a mask) with the greatest weight first, by value where equal."""
    rows = np.flatnonzero(wanted)
    total = len(rows)
    if total > rows_max:
        least = np.partition(weight[rows], -rows_max)[-rows_max]
        rows = rows[weight[rows] >= least]
        rows = rows[np.argsort(-weight[rows], kind="stable")][: max(1000, rows_max)]
    texts = [vocabularies.of(field).texts() for field in found.fields]
    named = [
        (
            -int(weight[row]),
            tuple(
                words[key[row]].decode("utf-8", "replace")
                for words, key in zip(texts, found.keys, strict=True)
            ),
            tuple(found.counts[row].tolist()),
        )
        for row in rows.tolist()
    ]
    return Ranked([(values, counts) for _, values, counts in sorted(named)[:rows_max]], total)


def known_before(found: Compared, key: Array) -> Array:
    """Tell for each id of the one field of `found` whether it has events in an older stretch."""
    old: Array = np.isin(key, found.keys[0][found.counts[:, 1:].any(axis=1)])
    return old
