"""Keeps the newest entries ready to be searched, while somebody reads (`LedgerReading.freshen`).

Without it the first search after a pause would have to take in all that came meanwhile.
"""

import threading
from typing import Protocol

from whodid.errors import WhodidError
from whodid.limits import FRESH_EVERY_S


class Freshened(Protocol):
    """What is to be kept fresh."""

    def freshen(self) -> None:
        """Take in what is new, if somebody reads."""
        ...


def keep_fresh(
    reading: Freshened, ending: threading.Event, every_s: float = FRESH_EVERY_S
) -> threading.Thread:
    """Freshen in a thread of its own until `ending`; what fails, a search will say."""

    def run() -> None:
        while not ending.wait(every_s):
            try:
                reading.freshen()
            except (WhodidError, OSError):
                ending.wait(10 * every_s)

    thread = threading.Thread(target=run, name="freshness", daemon=True)
    thread.start()
    return thread
