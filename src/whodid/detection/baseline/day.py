"""One actor's day that is open: what was seen of it, and the sums that its score is made of."""

from typing import Any

from whodid.detection.baseline.dimensions import DIMENSIONS
from whodid.detection.finding import Match

_GROWTH = 2
_FIRST_EVENTS = 16

Seen = tuple[int, int, str, int, str, int, str]
"""(dimension, key, text, entry, id, time µs, action) of a value's first event of the day."""


class ActorDay:
    """What one actor did on one day (UTC) so far.

    `values` are per dimension the keys seen, `number` how many there are. `logs` are they with ln P
    of others and of him, `contrast` the sum of the differences, `surprise` the greatest -ln P and
    `tops` its first event. `own` is what is compared with his other days; `peak` the greatest score
    of the day, `evidence` the evidences at that time. `score` and `whole` are score and
    evidences when it was over. `packed` are its bytes in a snapshot while it does not change.
    """

    __slots__ = (
        "actor", "contrast", "count", "day", "evidence", "final", "first_us", "groups",
        "last_us", "logs", "next_count", "next_values", "number", "own", "packed", "peak", "raised",
        "rows", "sampled", "score", "surprise", "tops", "turn", "values", "view",
        "whole",
    )  # fmt: skip

    def __init__(self, actor: str, day: int) -> None:
        self.actor = actor
        self.day = day
        self.count = 0
        self.rows = 0
        self.first_us = 0
        self.last_us = 0
        self.number = 0
        self.next_values = 1
        self.next_count = _FIRST_EVENTS
        self.values: list[dict[int, int]] = [{} for _ in DIMENSIONS]
        self.logs: list[list[tuple[int, float, float]]] = [[] for _ in DIMENSIONS]
        self.contrast = [0.0] * len(DIMENSIONS)
        self.surprise = [0.0] * len(DIMENSIONS)
        self.tops: list[Seen | None] = [None] * len(DIMENSIONS)
        self.groups: tuple[str, ...] = ()
        self.own: tuple[float, ...] = ()
        self.peak = 0.0
        self.evidence: tuple[float, ...] = ()
        self.raised = False
        self.final = False
        self.sampled = False
        self.score = 0.0
        self.whole: tuple[float, ...] = ()
        self.turn = -1
        self.packed: bytes | None = None
        self.view: Any = None

    def scored(self) -> None:
        """Note that it was scored, and when next."""
        self.next_values = max(self.number + 1, int(self.number * _GROWTH))
        while self.next_count <= self.count:
            self.next_count = int(self.next_count * _GROWTH)

    def matches(self) -> tuple[Match, ...]:
        """Return the events that its explanation is about, by time."""
        found = {top[3]: Match(top[3], top[4], top[5]) for top in self.tops if top is not None}
        return tuple(sorted(found.values(), key=lambda match: (match.time_us, match.entry)))

    def close(self) -> None:
        """Let go of what only its scores needed; events that come later are scored alone."""
        self.final = True
        self.view = None
        self.logs = [[] for _ in DIMENSIONS]
        self.contrast = [0.0] * len(DIMENSIONS)
        self.tops = [None] * len(DIMENSIONS)

    def kept(self) -> tuple[Any, ...]:
        """Return all that a snapshot keeps of it."""
        return tuple(getattr(self, name) for name in _KEPT)

    @classmethod
    def of(cls, kept: tuple[Any, ...]) -> "ActorDay":
        """Make it again from what `kept` gave; the caller has checked the types."""
        out = cls(kept[0], kept[1])
        for name, value in zip(_KEPT, kept, strict=True):
            setattr(out, name, value)
        return out


_KEPT = (
    "actor", "day", "count", "rows", "first_us", "last_us", "number", "next_values", "next_count",
    "values", "logs", "contrast", "surprise", "tops", "groups", "own", "peak", "evidence",
    "raised", "final", "sampled",
)  # fmt: skip
