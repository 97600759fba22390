"""When the events of each source were received: minute by minute, its usual pauses."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from msgspec import Struct

from whodid.index.coded import Lists, coded, times
from whodid.index.selection import Selection
from whodid.index.vocabulary import Vocabularies

MINUTE_US = 60_000_000
MINUTES = 7 * 24 * 60
"""So long, up to now, tells the rhythm of a source."""

_HOUR = 60
_HOURS = 24
_SPAN_MIN = 24 * _HOUR
_HEARD_MIN = 10


class Rhythm(Struct, frozen=True):
    """Events received: in the last hour, in each of the last 24 hours (oldest first), in 7 days.

    `since_minutes` passed since the last one, `pause_minutes` is the longest pause between two
    before that; None where it is not known: nothing in 7 days, or too little or too short.
    """

    hour: int
    hours: list[int]
    week: int
    since_minutes: int | None
    pause_minutes: int | None


def rhythms(
    selection: Selection,
    end_us: int,
    vocabularies: Vocabularies,
    ended: Callable[[], bool],
) -> dict[str, Rhythm]:
    """Return the rhythm of each source that sent something in the MINUTES before `end_us`.

    The selection holds what was received then.
    """
    first_us = end_us - MINUTES * MINUTE_US
    counts: dict[int, np.ndarray] = {}
    for chosen in selection.chosen:
        if ended():
            break
        rows = chosen.rows()
        found = coded(chosen.table, "source", rows, vocabularies.of("source"))
        assert not isinstance(found, Lists)
        minutes = (times(chosen.table, "received", rows) - first_us) // MINUTE_US
        inside = (minutes >= 0) & (minutes < MINUTES)
        present, place = np.unique(found.codes[inside], return_inverse=True)
        cells = np.bincount(
            place * MINUTES + minutes[inside], minlength=len(present) * MINUTES
        ).reshape(len(present), MINUTES)
        for row, code in enumerate(present.tolist()):
            number = int(found.ids[code])
            counts[number] = counts[number] + cells[row] if number in counts else cells[row]
    names = vocabularies.of("source").texts()
    return {
        names[number].decode("utf-8", "replace"): rhythm_of(minutes)
        for number, minutes in counts.items()
        if number >= 0
    }


def rhythm_of(minutes: np.ndarray) -> Rhythm:
    """Return the rhythm of events by minute, the newest minute last."""
    lately = minutes[-_HOURS * _HOUR :].reshape(_HOURS, _HOUR).sum(axis=1)
    heard = np.flatnonzero(minutes).tolist()
    pause = None
    if len(heard) >= _HEARD_MIN and heard[-1] - heard[0] >= _SPAN_MIN:
        pause = max(later - one for one, later in pairwise(heard))
    return Rhythm(
        int(lately[-1]), lately.tolist(), int(minutes.sum()),
        len(minutes) - 1 - heard[-1] if heard else None, pause,
    )  # fmt: skip
