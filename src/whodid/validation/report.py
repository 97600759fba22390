"""What validation knows: rounds that were run, faults that stand, how far the present round is.

Values only. A fault is known by its key: where it is and what is wrong, numbers that grow with the
log left out, so that the same fault found again is the same fault.
"""

import re
from hashlib import sha256

from msgspec import Struct

from whodid.ledger.verify import Fault

_NUMBER = re.compile(r"\d+")
_FOREVER = ("leaves/", "payload/")
"""Folders whose files never change: there, a fault of another entry is another fault."""


class Round(Struct, frozen=True):
    """One verification end to end. Times in µs UTC; `busy_s` is processor time.

    `entries` were read, `opened` of them decrypted and compared; `index` says what became of the
    comparison with the index, `not_checked` and `rollback` what this round could not see.
    """

    started_us: int
    finished_us: int
    busy_s: float
    entries: int
    opened: int
    published: int
    faults: int
    warnings: list[str]
    not_checked: list[str]
    rollback: str
    index: str
    told: bool = False

    @property
    def ok(self) -> bool:
        """Tell whether nothing was found."""
        return not self.faults


class Standing(Struct, frozen=True):
    """A fault that stands: found, and not yet gone from a round that looked for it.

    `told` says that its event is in the log.
    """

    key: str
    where: str
    entry: int | None
    problem: str
    first_seen_us: int
    last_seen_us: int
    told: bool = False


class Cursor(Struct, frozen=True):
    """How far the payload was opened in the present round: entries [0, until), `suspects` apart.

    `suspects` are the first entries of units in which something was found: they are opened again.
    """

    started_us: int
    until: int = 0
    suspects: tuple[int, ...] = ()
    busy_s: float = 0.0


class Watched(Struct, frozen=True):
    """The greatest signed head that was seen, and how far sealed units were looked at."""

    size: int = 0
    root: str = ""
    sealed: int = 0
    at_us: int = 0


class Report(Struct, frozen=True):
    """All of it. `since_us` is when this ledger came under validation; `rounds` newest first.

    `off` says that somebody turned validation off in the settings.
    """

    since_us: int
    updated_us: int
    every_us: int
    doing: str = ""
    done: int = 0
    total: int = 0
    cursor: Cursor | None = None
    watched: Watched = Watched()
    rounds: list[Round] = []
    faults: list[Standing] = []
    trouble: str = ""
    off: bool = False

    @property
    def last(self) -> Round | None:
        """The last round that came to its end."""
        return self.rounds[0] if self.rounds else None

    @property
    def last_clean(self) -> Round | None:
        """The last round that found nothing."""
        return next((one for one in self.rounds if one.ok), None)


def key_of(fault: Fault) -> str:
    """Return by what a fault is known again."""
    entry = str(fault.entry) if fault.where.startswith(_FOREVER) else ""
    text = "\0".join((fault.where, entry, _NUMBER.sub("#", fault.problem)))
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:24]
