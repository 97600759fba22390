"""What is known of an actor, a resource or an address: a profile. Values only."""

from msgspec import Struct

from whodid.app.counts import Facet, HistogramAnswer
from whodid.query.times import DAY_US

HEAT_DAYS = 28
NEWS_DAYS = 7
_HOUR_US = DAY_US // 24
_THURSDAY = 3
"""The first day of 1970, from Monday 0."""


class Kind(Struct, frozen=True):
    """What a profile of this kind shows: facets, in which fields values can be new, and peers.

    Peers are others of the kind that have values of `via` in common with it.
    """

    facets: tuple[str, ...]
    news: tuple[str, ...]
    via: str


KINDS: dict[str, Kind] = {
    "actor": Kind(
        ("outcome", "access", "resource", "service", "ip", "source"),
        ("resource", "ip", "service"), "resource",
    ),
    "resource": Kind(
        ("outcome", "access", "actor", "service", "ip", "source"), ("actor", "ip"), "actor"
    ),
    "ip": Kind(
        ("outcome", "access", "actor", "resource", "service", "source"), ("actor", "service"),
        "actor",
    ),
}  # fmt: skip
"""Kind, which is the name of its search field → what is shown."""


class News(Struct, frozen=True):
    """A value that was not there before: when first (µs UTC), and in how many events since."""

    field: str
    value: str
    first_us: int
    events: int


class Peer(Struct, frozen=True):
    """Another one of the kind: how many values it has in common, in how many of its events."""

    value: str
    shared: int
    events: int


class ProfileAnswer(Struct, frozen=True):
    """The profile of `value`; without events there is none, and the times are 0.

    `heat` counts the events of the last HEAT_DAYS days before its last event: seven days from
    Monday on, of 24 hours each, UTC. `news` are values of the last NEWS_DAYS days before it; None
    when all of it is that new. `is_exact`, `hidden_own`, `checkpoint`, `size`, `warnings` as in a
    `SearchAnswer`.
    """

    kind: str
    value: str
    events: int
    first_us: int
    last_us: int
    heat: list[list[int]]
    histogram: HistogramAnswer | None
    facets: list[Facet]
    news: list[News] | None
    peers: list[Peer]
    via: str
    is_exact: bool
    hidden_own: int
    checkpoint: str
    size: int
    warnings: list[str]


def heat_of(hours: list[tuple[int, int]]) -> list[list[int]]:
    """Return (start of an hour, events) summed by weekday and hour of the day."""
    heat = [[0] * 24 for _ in range(7)]
    for start_us, events in hours:
        weekday = (start_us // DAY_US + _THURSDAY) % 7
        heat[weekday][start_us % DAY_US // _HOUR_US] += events
    return heat
