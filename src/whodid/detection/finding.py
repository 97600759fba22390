"""What rules and learning found: the seed of an alert, before it is grouped, silenced or sent."""

from msgspec import Struct

from whodid.detection.rule import Head


class Match(Struct, frozen=True):
    """An event that a rule matched: its entry in the ledger, its id, its time (µs UTC)."""

    entry: int
    id: str
    time_us: int


class Finding(Struct, frozen=True):
    """A rule that held.

    `key` are the fields and values that the events have in common, `matches` the events that made
    it hold, by time, at most FINDING_MATCHES_MAX of `count`. `values` are the fields that the rule
    wants shown; `why` is a sentence with the numbers. The same entries and rules give the same
    findings, in the same order, live or over history.
    """

    rule: Head
    time_us: int
    first_us: int
    count: int
    matches: tuple[Match, ...]
    key: tuple[tuple[str, str], ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    why: str = ""
