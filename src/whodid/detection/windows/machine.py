"""What all kinds of correlation have in common: state by key, bounded, and findings of it."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from whodid.detection.finding import Finding, Match, Stage
from whodid.detection.windows.hit import BELOW, TIME, Hit, Key, matches_of
from whodid.detection.windows.plan import Plan
from whodid.limits import FINDING_MATCHES_MAX

SetTimer = Callable[[int, int, Key], None]
"""(time µs, place of the plan, key): `due` is called when all hits up to that time are in."""


class Machine(Protocol):
    """One correlation at work. Hits come by time; those of one time before `settle` is called.

    `evicted` counts events (values) that were given up although they still mattered.
    `undone` tells whether more events can undo a finding: then there are no early ones.
    """

    plan: Plan
    evicted: int
    undone: bool

    def add(self, hit: Hit) -> bool:
        """Take a hit in; tell whether `settle` may find or do anything by it."""

    def settle(self, key: Key, time: int) -> list[Finding]:
        """Return what holds for a key now that all hits of this time are in."""

    def due(self, key: Key, time: int) -> list[Finding]:
        """Return what a timer that was set for this time finds."""

    def awaits(self, key: Key, time: int) -> bool:
        """Tell whether `due` may do anything at that time: else its timer may be forgotten."""

    def add_late(self, hit: Hit) -> list[Finding]:
        """Take a hit in whose time is over, and return what it makes hold that was not found."""

    def may_hold(self, hits: Sequence[Hit]) -> bool:
        """Tell, cheaply, whether hits of one key that wait might make it hold."""

    def room(self, hits: Sequence[Hit]) -> Any:
        """Return what `fits` tells by how much may come to hits of one key that wait.

        `may_hold` was false of these. None when nothing can be told.
        """

    def fits(self, room: Any, hit: Hit) -> bool:
        """Take one more hit in, and tell whether `may_hold` is false still, whatever it takes."""

    def early(self, hits: list[Hit]) -> list[Finding]:
        """Return what hits of one key that wait, by time, will make hold."""

    def value_of(self, stored: Any) -> Any:
        """Return a hit's value from what msgpack made of it. Raises InputError."""

    def state(self) -> bytes:
        """Return all that it knows."""

    def take(self, data: bytes) -> None:
        """Become what `data` says. Raises msgspec.DecodeError, InputError."""


class Told:
    """Makes findings of a plan; a base of all machines."""

    def __init__(self, plan: Plan, set_timer: SetTimer) -> None:
        self.plan = plan
        self.evicted = 0
        self.undone = False
        self._timer = set_timer

    def awaits(self, key: Key, time: int) -> bool:  # noqa: ARG002 - kinds
        """Tell whether a timer matters; most kinds set none."""
        return False

    def may_hold(self, hits: Sequence[Hit]) -> bool:  # noqa: ARG002 - kinds
        """Tell, cheaply, whether hits of one key that wait might make it hold."""
        return True

    def room(self, hits: Sequence[Hit]) -> Any:  # noqa: ARG002 - kinds
        """Return what `fits` tells by how much may come; None when nothing can be told."""
        return None

    def fits(self, room: Any, hit: Hit) -> bool:  # noqa: ARG002 - kinds
        """Take one more hit in, and tell whether `may_hold` is false still."""
        return False

    def finding(
        self, time: int, hits: list[Hit], shown: Key, why: str, *,
        stage: Stage = "final", late: bool = False, count: int | None = None,
        values: tuple[tuple[str, str], ...] = (),
    ) -> Finding:  # fmt: skip
        """Return a finding of hits that are in order of time."""
        correlation = self.plan.correlation
        matches: tuple[Match, ...] = matches_of(hits, FINDING_MATCHES_MAX)
        return Finding(
            rule=correlation.head, time_us=time, first_us=_first(hits[0]),
            count=len(hits) if count is None else count, matches=matches,
            key=tuple(zip(correlation.group_by, shown, strict=True)),
            values=values, why=why, stage=stage, late=late,
        )  # fmt: skip


class Awaited(Told):
    """Waits until a time is over: nothing is told early, and hits have no values."""

    def early(self, hits: list[Hit]) -> list[Finding]:  # noqa: ARG002 - as all kinds
        """Return nothing: only time can tell."""
        return []

    def value_of(self, stored: Any) -> Any:  # noqa: ARG002 - as all kinds
        """Return None: its hits have no values."""
        return None


def _first(hit: Hit) -> int:
    below = hit[BELOW]
    return below[0].time_us if below else hit[TIME]
