"""The story of an undertaking: its events in order, and what is not sure about them. Values only.

An event is in it because of a link: an id that it states, or (`inferred`) because it stands so near
to one that states it that it probably belongs there. The order is that of the events' own clocks;
where one of them must be wrong, the step says so.
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median_low

from msgspec import Struct

from whodid.app.answer import Hit
from whodid.event import Event

_SECOND_US = 1_000_000
_AHEAD_US = 2 * _SECOND_US
_GAP_LEAST_US = 60 * _SECOND_US
_GAP_TIMES = 20


class Link(Struct, frozen=True):
    """Why an event is in the story: the id in this field, or what was inferred from it."""

    field: str
    value: str
    reason: str
    inferred: bool = False


class Step(Struct, frozen=True):
    """An event of the story. `at_us` is its time, that of its receipt when it has none (µs UTC).

    `lane` is the system that tells of it; `doubts` are sentences about its time.
    """

    hit: Hit
    at_us: int
    link: Link
    lane: str
    doubts: tuple[str, ...] = ()


class Gap(Struct, frozen=True):
    """Nothing is known for so long (µs) behind the step of this number (from 0)."""

    after: int
    span_us: int


class Followed(Struct, frozen=True):
    """An id that was looked for: how many events have it, and whether they are in the story."""

    field: str
    value: str
    events: int
    followed: bool


class TraceAnswer(Struct, frozen=True):
    """The story of `trace_id`, oldest step first; no step: nothing has this id.

    `whole` when every event that has a followed id is in it. `checkpoint`, `size`, `hidden_own` and
    `warnings` as in a `SearchAnswer`.
    """

    trace_id: str
    steps: list[Step]
    gaps: list[Gap]
    followed: list[Followed]
    whole: bool
    hidden_own: int
    checkpoint: str
    size: int
    warnings: list[str]

    @property
    def lanes(self) -> list[str]:
        """Return the systems that tell it, in the order in which they first do."""
        return list(dict.fromkeys(step.lane for step in self.steps))

    @property
    def actors(self) -> list[str]:
        """Return who acts in it, in the order in which they first do."""
        names = (step.hit.event.who for step in self.steps)
        return list(dict.fromkeys(n for w in names if (n := w.actor_name or w.actor_id)))

    @property
    def span_us(self) -> int:
        """Return the time from the first to the last step (µs)."""
        return self.steps[-1].at_us - self.steps[0].at_us if self.steps else 0


def time_of(event: Event) -> int:
    """Return an event's time, that of its receipt when it has none (µs UTC)."""
    return event.when.received if event.when.time is None else event.when.time


def in_order(found: Sequence[tuple[Hit, Link]]) -> list[Step]:
    """Return the steps, oldest first; at one time in the order of the log."""
    steps = [
        Step(hit, time_of(hit.event), link, lane_of(hit.event), doubts_of(hit.event))
        for hit, link in found
    ]
    return sorted(steps, key=lambda step: (step.at_us, step.hit.index))


def lane_of(event: Event) -> str:
    """Return the system that tells of an event: its service, else its source."""
    return event.context.service_name or event.envelope.source


def gaps_of(steps: Sequence[Step]) -> list[Gap]:
    """Return where nothing is known for a minute, and for long beside what is usual in it."""
    spans = [after.at_us - step.at_us for step, after in pairwise(steps)]
    if not spans:
        return []
    usual = median_low(spans) if len(spans) > 1 else 0
    least = max(_GAP_LEAST_US, _GAP_TIMES * usual)
    return [Gap(number, span) for number, span in enumerate(spans) if span >= least]


def doubts_of(event: Event) -> tuple[str, ...]:
    """Return what is not sure about the time of an event, as sentences."""
    when = event.when
    if when.time is None:
        return ("no time of its own: that of its receipt",)
    ahead = when.time - when.received
    if ahead > _AHEAD_US:
        return (f"its clock is ahead: it came {ahead / _SECOND_US:.1f} s before its own time",)
    return ()
