"""What a face gets of continuous validation. Values only."""

from msgspec import Struct

from whodid.validation.report import Round


class KnownFault(Struct, frozen=True):
    """A fault that stands, what to do about it, and who said that it is known."""

    key: str
    where: str
    entry: int | None
    problem: str
    first_seen_us: int
    last_seen_us: int
    remedy: str
    acknowledged_by: str | None


class Integrity(Struct, frozen=True):
    """Where the verification of the whole ledger stands. Times in µs UTC.

    `running` says that the validator works, `off` that the settings turned it off; `overdue` that
    no round ended within the interval.
    `alarms` are sentences for the banner: none means that nothing asks for somebody.
    """

    running: bool
    overdue: bool
    asked: bool
    every_us: int
    due_us: int
    looked_us: int
    doing: str
    done: int
    total: int
    trouble: str
    faults: list[KnownFault]
    rounds: list[Round]
    alarms: list[str]
    off: bool = False

    @property
    def last(self) -> Round | None:
        """The last round."""
        return self.rounds[0] if self.rounds else None

    @property
    def last_clean(self) -> Round | None:
        """The last round that found nothing."""
        return next((one for one in self.rounds if one.ok), None)

    @property
    def open_faults(self) -> list[KnownFault]:
        """The faults that nobody acknowledged."""
        return [fault for fault in self.faults if fault.acknowledged_by is None]


NOTHING_KNOWN = Integrity(
    running=False, overdue=False, asked=False, every_us=0, due_us=0, looked_us=0, doing="",
    done=0, total=0, trouble="", faults=[], rounds=[], alarms=[],
)  # fmt: skip
"""Of a ledger that no validator looks after."""
