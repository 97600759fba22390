"""The most frequent values of some fields in an answer, with exact counts."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from msgspec import Struct

from whodid.index.selection import Selection
from whodid.index.tally import Tally
from whodid.index.vocabulary import MISSING, Vocabularies
from whodid.limits import STATS_SECONDS_MAX
from whodid.query.fields import SEARCH_FIELDS
from whodid.query.pipes import Key


class Facet(Struct, frozen=True):
    """Values of a field, most frequent first. `distinct` counts all; `missing` events without.

    `exact` when every event of the answer was counted, each in a value told apart.
    """

    field: str
    values: list[tuple[str | int, int]]
    distinct: int
    missing: int
    exact: bool


def facets(
    selection: Selection,
    fields: Sequence[str],
    values_max: int,
    vocabularies: Vocabularies,
    monotonic: Callable[[], float],
) -> list[Facet]:
    """Return a facet for each of the fields, which must be countable and no times or states."""
    end_s = monotonic() + STATS_SECONDS_MAX
    tallies = {field: Tally([Key(field)], [], vocabularies) for field in fields}
    for number, chosen in enumerate(selection.chosen):
        if number and monotonic() > end_s:
            break
        for tally in tallies.values():
            tally.add(chosen)
    return [
        _facet(field, tally, selection, values_max, vocabularies)
        for field, tally in tallies.items()
    ]


def _facet(
    field: str, tally: Tally, selection: Selection, values_max: int, vocabularies: Vocabularies
) -> Facet:
    (ids,), (counts,) = tally.groups.finish()
    missing = int(counts[ids == MISSING].sum())
    here = ids > MISSING + 1
    ids, counts = ids[here], counts[here]
    exact = selection.exact and tally.events == selection.count and not tally.groups.closed
    pairs = [
        (_value(field, number, vocabularies), count)
        for number, count in zip(*_largest(ids, counts, values_max), strict=True)
    ]
    pairs.sort(key=lambda pair: (-pair[1], pair[0]))
    return Facet(field, pairs[:values_max], len(ids), missing, exact)


def _largest(ids: Any, counts: Any, values_max: int) -> tuple[list[int], list[int]]:
    """Return the values that can be among the first, those with equal counts too, but not many."""
    if len(ids) > values_max:
        least = np.partition(counts, -values_max)[-values_max]
        most = np.flatnonzero(counts >= least)
        most = most[np.argsort(-counts[most], kind="stable")][: max(1000, values_max)]
        ids, counts = ids[most], counts[most]
    return ids.tolist(), counts.tolist()


def _value(field: str, number: int, vocabularies: Vocabularies) -> str | int:
    if SEARCH_FIELDS[field].kind == "integer":
        return number
    return vocabularies.of(field).texts()[number].decode("utf-8", "replace")
