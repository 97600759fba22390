"""A hit: an event as one correlation sees it.

A tuple, because millions of them are made, compared and thrown away:

    (time µs, id, plan, key, entry, mask, value, shown, below)

`plan` is the place of the correlation among the engine's, `key` the values of its `group-by` in
small letters (text matches without case in Sigma), `shown` the same as they stand in the event.
`mask` has a bit for each of the correlation's rules that matches, `value` what it counts or adds
up. `below` are the matches of the finding that it stands for, when a correlation is what is
correlated; else None. Hits of one time have no order among themselves: `id` only makes it stable.
"""

from typing import Any, Final, TypeAlias

from whodid.detection.finding import Match

Key: TypeAlias = tuple[str, ...]
Hit: TypeAlias = tuple[int, str, int, Key, int, int, Any, Key, tuple[Match, ...] | None]

TIME: Final = 0
ID: Final = 1
PLAN: Final = 2
KEY: Final = 3
ENTRY: Final = 4
MASK: Final = 5
VALUE: Final = 6
SHOWN: Final = 7
BELOW: Final = 8


def matches_of(hits: list[Hit], most: int) -> tuple[Match, ...]:
    """Return the events of hits by time, the newest `most` of them, each once."""
    if all(hit[BELOW] is None for hit in hits):
        return tuple(Match(hit[ENTRY], hit[ID], hit[TIME]) for hit in hits[-most:])
    found = {
        (match.time_us, match.id): match
        for hit in hits[-most:]
        for match in hit[BELOW] or (Match(hit[ENTRY], hit[ID], hit[TIME]),)
    }
    return tuple(found[place] for place in sorted(found)[-most:])
