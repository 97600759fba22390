"""What looks at the ledger, as the follower of detection wants it: correlation, and learning.

whodid's own events are looked at as all others: who switches something off, mutes an alert or
reads much, is seen. What the server itself writes about alerts is not, else an alert could raise
one about itself, and so on for ever.
"""

from collections.abc import Sequence

from whodid.detection.asked import Telling
from whodid.detection.baseline import Scorer
from whodid.detection.finding import Finding
from whodid.detection.record import Record
from whodid.detection.rule import Rule
from whodid.detection.windows import Engine
from whodid.detection.windows.extract import Matching
from whodid.ledger.state_db import OWN_SOURCE

_WHO, _WHAT = 1, 2
SERVER = "system"
"""The type of the actor of what the server does by itself."""

ABOUT_ALERTS = frozenset({"alert", "silence", "channel"})
"""Types of resource of the own events that detection and delivery write about what they do."""


def is_about_alerts(record: Record) -> bool:
    """Tell whether the server wrote a record about alerts and silences by itself, or sent one.

    A record of another source that says so is none of them: only whodid writes its own source.
    """
    return _is_of_alerts(record) and record.group(_WHO).actor_type == SERVER


def _is_of_alerts(record: Record) -> bool:
    """Tell whether a record is whodid's own and about alerts, whoever did it."""
    if record.sender[1] != OWN_SOURCE:
        return False
    return record.group(_WHAT).resource_type in ABOUT_ALERTS


class Heedless:
    """A matcher that matches nothing of what the server itself wrote about alerts.

    Such a record still tells how late it is, live and over history alike.
    """

    def __init__(self, matcher: Matching) -> None:
        self._matching = matcher.matching
        self.values = matcher.values
        if isinstance(matcher, Telling):
            self.texts = matcher.texts

    def matching(self, record: Record) -> list[Rule]:
        """Return the rules that match."""
        if record.sender[1] == OWN_SOURCE and is_about_alerts(record):
            return []
        return self._matching(record)


class Correlating:
    """The engine as a `Looker`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def feed(self, records: Sequence[Record]) -> list[Finding]:
        """Correlate."""
        return self.engine.feed(records)

    def advance(self, now_us: int) -> list[Finding]:
        """Let time pass."""
        return self.engine.advance(now_us)

    def snapshot(self) -> bytes:
        """Return the state of all correlations."""
        return self.engine.snapshot()

    def restore(self, data: bytes) -> None:
        """Take it up. Raises InputError."""
        self.engine.restore(data)


class Learning:
    """The scorer as a `Looker`. It knows time, and what became of alerts, from the ledger alone."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    def feed(self, records: Sequence[Record]) -> list[Finding]:
        """Score and learn; of alerts it hears whom they are about and how they ended."""
        found: list[Finding] = []
        between: list[Record] = []
        for record in records:
            if _is_of_alerts(record):
                found += self.scorer.feed(between)
                between.clear()
                self.scorer.hear(record)
            else:
                between.append(record)
        return found + self.scorer.feed(between)

    def advance(self, now_us: int) -> list[Finding]:  # noqa: ARG002 (of the protocol)
        """Find nothing: a day is over when an event of the next one comes."""
        return []

    def snapshot(self) -> bytes:
        """Return the model."""
        return self.scorer.snapshot()

    def restore(self, data: bytes) -> None:
        """Take it up. Raises InputError."""
        self.scorer.restore(data)
