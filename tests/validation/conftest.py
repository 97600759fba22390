"""A validator over looks that a test scripts: no ledger, no waiting, a clock that a test moves."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from whodid.errors import RefusedError
from whodid.ledger.keys import KeyFolder
from whodid.ledger.verification.leaves import Part
from whodid.ledger.verify import Fault, Verdict
from whodid.validation.report_file import ReportFiles
from whodid.validation.share import EndedError
from whodid.validation.validator import Validator

HOUR_US = 3600 * 1_000_000
START_US = 1_790_000_000_000_000
UNITS = [(first, first + 100) for first in range(0, 1000, 100)]


@dataclass
class Looks:
    """What the validator's looks find. `unit_faults`: first entry of a unit → faults in it."""

    faults: list = field(default_factory=list)
    unit_faults: dict = field(default_factory=dict)
    differences: list = field(default_factory=list)
    new_faults: list = field(default_factory=list)
    opened: list = field(default_factory=list)
    rounds: int = 0
    end_at: int | None = None
    fail: Exception | None = None
    once: list = field(default_factory=list)
    watched: list = field(default_factory=list)

    def everything(self, pace):
        if self.fail:
            raise self.fail
        self.rounds += 1
        found, opened, before = [], 0, 0
        for first, end in UNITS:
            if first == self.end_at:
                self.end_at = None
                raise EndedError
            part = Part(f"leaves/{first:016d}-0100", first, end, faults=[])
            if pace.opened_before(first, end):
                before += end - first
            else:
                opened += end - first
                self.opened.append(first)
                part.faults = list(self.unit_faults.get(first, []))
            found += part.faults
            pace.took(part)
        found += self.faults + self.once
        self.once = []
        return Verdict(not found, 1000, opened, found, [], "checked", [], None, before)

    def index(self, rest):
        rest()
        return list(self.differences)

    def news(self, known, rest):
        self.watched.append(known)
        rest()
        return known, list(self.new_faults)


@dataclass
class Told:
    """The log, as far as validation writes to it."""

    faults: list = field(default_factory=list)
    rounds: list = field(default_factory=list)
    offs: list = field(default_factory=list)
    away: bool = False

    def fault(self, fault):
        if self.away:
            raise RefusedError("the log has stopped")
        self.faults.append(fault)

    def round(self, done):
        if self.away:
            raise RefusedError("the log has stopped")
        self.rounds.append(done)

    def off(self, since_us):
        if self.away:
            raise RefusedError("the log has stopped")
        self.offs.append(since_us)


class Rig:
    """One ledger's validation; `start` begins a process, which remembers what the last one kept."""

    def __init__(self, folder: Path):
        self.directory = folder / "L"
        self.directory.mkdir()
        self.keys = KeyFolder.create(bytes(16), "log.example/v", folder / "keys")
        self.files = ReportFiles(self.directory, self.keys)
        self.looks, self.told, self.said = Looks(), Told(), []
        self.now = START_US
        self.start()

    def start(self, every_hours=24.0):
        self.validator = Validator(
            self.looks, self.files, self.told, lambda: self.now, every_hours, 0.5,
            lambda _: False, self.said.append,
        )  # fmt: skip
        return self

    def step(self, hours=0.0, seconds=0.0):
        self.now += round(hours * HOUR_US + seconds * 1_000_000)
        self.validator.step()
        return self.report

    @property
    def report(self):
        return self.files.report()


@pytest.fixture
def rig(tmp_path):
    return Rig(tmp_path)


@pytest.fixture(scope="session")
def fault():
    return lambda where="wal", entry=None, problem="is not what it must be": Fault(
        where, entry, problem
    )
