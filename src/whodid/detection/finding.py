"""What rules and learning found: the seed of an alert, before it is grouped, silenced or sent."""

from typing import Literal, TypeAlias

from msgspec import Struct

from whodid.detection.rule import Head


class Match(Struct, frozen=True):
    """An event that a rule matched: its entry in the ledger, its id, its time (µs UTC)."""

    entry: int
    id: str
    time_us: int


Stage: TypeAlias = Literal["early", "final", "total"]


class Finding(Struct, frozen=True):
    """A rule that held.

    `key` are the fields and values that the events have in common, `matches` the events that made
    it hold, by time, at most FINDING_MATCHES_MAX of `count`. `values` are the fields that the rule
    wants shown; `why` is a sentence with the numbers. The same entries and rules give the same
    findings, in the same order, live or over history.

    `stage` is "final" but for two: "early" is told before the time of its events is over, so that
    nobody waits; a final one of the same rule and key follows, not later in event time. "total"
    follows a final one whose window went on: the same rule and key, all events of the window.
    Findings over history have no early ones. `late`: an event made it that came too late.
    `counted` of the `count` of a total one are those of the final one that it follows.
    """

    rule: Head
    time_us: int
    first_us: int
    count: int
    matches: tuple[Match, ...]
    key: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    why: str = ""
    stage: Stage = "final"
    late: bool = False
    counted: int = 0
