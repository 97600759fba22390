"""What people decided about alerts: days that wait for it, and days that are never learned."""

from collections import OrderedDict

from whodid.detection.baseline.dimensions import DAY_US
from whodid.limits import BASELINE_VERDICTS_MAX

_DAYS_MAX = 366

Key = tuple[str, int]


class Verdicts:
    """(actor, day) → True (malicious), False (it was not), None (nobody has said yet)."""

    def __init__(self) -> None:
        self.known: OrderedDict[Key, bool | None] = OrderedDict()

    def say(self, actor: str, first_us: int, last_us: int, malicious: bool | None) -> None:
        """Note a verdict about all days that the time touches; malicious is not taken back."""
        first, last = first_us // DAY_US, last_us // DAY_US
        for day in range(first, min(last, first + _DAYS_MAX) + 1):
            key = (actor, day)
            if key in self.known and malicious is None:
                continue
            self.known[key] = malicious
            self.known.move_to_end(key)
        while len(self.known) > BASELINE_VERDICTS_MAX:
            self.known.popitem(last=False)

    def asked(self, actor: str, day: int) -> bool:
        """Tell whether the day is of an alert at all."""
        return (actor, day) in self.known

    def of(self, actor: str, day: int) -> bool | None:
        """Return the verdict about an actor's day, None when there is none."""
        return self.known.get((actor, day))
