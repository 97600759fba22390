"""What people decided about alerts: days that wait for it, and days that are never learned.

It is heard from the records of alerts in the ledger, in its order, so that learning is the same
live and over history.
"""

from collections import OrderedDict

from whodid.detection.alerts.record import AlertRecord, Handled, Raised
from whodid.detection.baseline.dimensions import DAY_US
from whodid.limits import BASELINE_VERDICTS_MAX

_DAYS_MAX = 366
_ACTOR_FIELDS = ("actor.id", "actor", "actor.name")
_MALICIOUS = {"true positive": True, "benign": False, "false positive": False}
"""A duplicate says nothing: the other alert does."""

Key = tuple[str, int]


class Verdicts:
    """(actor, day) → True (malicious), False (it was not), None (nobody has said yet).

    `alerts` are those about an actor that were raised: id → (actor, first, last µs).
    """

    def __init__(self) -> None:
        self.known: OrderedDict[Key, bool | None] = OrderedDict()
        self.alerts: OrderedDict[str, tuple[str, int, int]] = OrderedDict()

    def say(self, actor: str, first_us: int, last_us: int, malicious: bool | None) -> None:
        """Note a verdict about all days that the time touches; None asks for one."""
        first, last = first_us // DAY_US, last_us // DAY_US
        for day in range(first, min(last, first + _DAYS_MAX) + 1):
            key = (actor, day)
            if key in self.known and malicious is None:
                continue
            self.known[key] = malicious
            self.known.move_to_end(key)
        while len(self.known) > BASELINE_VERDICTS_MAX:
            self.known.popitem(last=False)

    def hear(self, record: AlertRecord) -> None:
        """Take note of what the ledger says of an alert: that it is raised, how it ended."""
        if isinstance(record, Raised):
            actor = next((value for name, value in record.key if name in _ACTOR_FIELDS), "")
            if actor:
                _, first_us, last_us = self.alerts.pop(
                    record.alert, (actor, record.first_us, record.last_us)
                )
                first_us, last_us = min(first_us, record.first_us), max(last_us, record.last_us)
                self.alerts[record.alert] = (actor, first_us, last_us)
                if len(self.alerts) > BASELINE_VERDICTS_MAX:
                    self.alerts.popitem(last=False)
                self.say(actor, first_us, last_us, None)
        elif isinstance(record, Handled) and record.act == "close":
            about = self.alerts.get(record.alert)
            malicious = _MALICIOUS.get(record.disposition or "")
            if about is not None and malicious is not None:
                self.say(*about, malicious)

    def asked(self, actor: str, day: int) -> bool:
        """Tell whether the day is of an alert at all."""
        return (actor, day) in self.known

    def of(self, actor: str, day: int) -> bool | None:
        """Return the verdict about an actor's day, None when there is none."""
        return self.known.get((actor, day))
