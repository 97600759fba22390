"""What verification found. Values, and the one collector that the steps of `verify` fill."""

from msgspec import Struct

from whodid.ledger.origins import Restart
from whodid.limits import VERIFY_FAULTS_MAX
from whodid.merkle.checkpoint import Checkpoint


class Fault(Struct, frozen=True):
    """Something that is not what it must be: in which file (relative to DIR), at which entry.

    `entry` is the first log index that it touches, None where no entry can be named.
    """

    where: str
    entry: int | None
    problem: str

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        entry = "" if self.entry is None else f"entry {self.entry}: "
        return place + entry + self.problem


class Verdict(Struct, frozen=True):
    """The result of `verify_ledger`.

    `ok` means no fault; warnings are no faults. `leaves` is the number of entries that were read,
    `opened` of those whose payload was decrypted and compared with its commitment, `opened_before`
    of those where an earlier part of the same round did so (`Pace`). `rollback` says
    what the log was compared with, or that it was not; `not_opened` what was not looked at and
    why. `checkpoint` is DIR's published head, None when it is not readable. `restarts` are the
    ends of older origins, where the log was restored from a backup.
    """

    ok: bool
    leaves: int
    opened: int
    faults: list[Fault]
    warnings: list[str]
    rollback: str
    not_opened: list[str]
    checkpoint: Checkpoint | None
    opened_before: int = 0
    restarts: tuple[Restart, ...] = ()


class Findings:
    """Collects faults (at most VERIFY_FAULTS_MAX are kept, all are counted) and warnings."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.warnings: list[str] = []
        self.not_opened: list[str] = []
        self.more = 0

    @property
    def count(self) -> int:
        """Number of faults so far."""
        return len(self.faults) + self.more

    def fault(self, where: str, entry: int | None, problem: str) -> None:
        """Note a fault."""
        self.add(Fault(where, entry, problem))

    def add(self, *faults: Fault) -> None:
        """Note faults that were found elsewhere."""
        for fault in faults:
            if len(self.faults) < VERIFY_FAULTS_MAX:
                self.faults.append(fault)
            else:
                self.more += 1

    def warn(self, text: str) -> None:
        """Note what is odd but no tampering; beyond the bound it is dropped."""
        if len(self.warnings) < VERIFY_FAULTS_MAX:
            self.warnings.append(text)

    def listed(self) -> list[Fault]:
        """Return the faults, the last one telling how many more there were."""
        if not self.more:
            return self.faults
        return [*self.faults, Fault("", None, f"{self.more} more faults are not listed")]
