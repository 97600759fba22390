"""What continuous validation says, for the faces: the report as it is, and what it means now.

It shows no content of any event, so reading it is none; asking for a round and acknowledging a
fault are.
"""

import threading
from pathlib import Path

from msgspec import structs

from whodid.app.answer import Caller
from whodid.app.integrity_answer import NOTHING_KNOWN, Integrity, KnownFault
from whodid.app.own import Act, OwnEvents
from whodid.clock import Clock
from whodid.errors import IntegrityError, UsageError
from whodid.ledger.keys import KeyFolder
from whodid.limits import VALIDATION_SILENT_S
from whodid.validation.report import Report, Standing
from whodid.validation.report_file import Acknowledged, ReportFiles
from whodid.validation.schedule import due_us, overdue

_REMEDIES = (
    ("index/", "It can be made again: stop the server, delete the file, start the server."),
    ("tile/", "It can be made again: stop the server, delete the file, start the server."),
    ("identity", "It can be made again: stop the server, delete the folder, start the server."),
    ("validation/", "The report is written anew. Somebody else wrote to the ledger's folder: who?"),
    ("head (key folder)", "Keep a copy of both folders, then ask who restored or altered either."),
    ("checkpoint", "Keep a copy of both folders, then compare with a head that is kept elsewhere."),
)
_REMEDY = (
    "Keep a copy of the folder and of the keys first, as evidence. The file as it was signed can"
    " come back from a backup."
)


class LedgerIntegrity:
    """The integrity of one ledger. Safe for threads."""

    def __init__(self, directory: Path, keys: KeyFolder, own: OwnEvents, clock: Clock) -> None:
        self._files = ReportFiles(directory, keys)
        self._own = own
        self._clock = clock
        self._since_us = clock()
        self._lock = threading.Lock()
        self._stamp: tuple[int, ...] = ()
        self._known: tuple[Report | None, Acknowledged, str] = (None, Acknowledged(), "")

    def read(self) -> Integrity:
        """Return where it stands."""
        now = self._clock()
        with self._lock:
            stamp = self._files.stamp()
            if stamp != self._stamp:
                self._known = self._read()
                self._stamp = stamp
            report, acknowledged, problem = self._known
        if report is None:
            missing = problem or ("" if self._is_early(now) else "No report of it is here.")
            return _with_alarms(NOTHING_KNOWN, [missing] if missing else [])
        found = _integrity(report, acknowledged, now, asked=self._files.asked())
        if not found.running and not found.off and not self._is_early(now):
            silent = "The process that verifies the ledger does not report."
            return _with_alarms(found, [*found.alarms, silent])
        return found

    def stamp(self) -> tuple[int, ...]:
        """Return numbers that change when there may be something else to read."""
        return self._files.stamp()

    def _is_early(self, now: int) -> bool:
        """Tell whether the validator, which starts with the faces, may not have reported yet."""
        return now - self._since_us < VALIDATION_SILENT_S * 1_000_000

    def _read(self) -> tuple[Report | None, Acknowledged, str]:
        try:
            return self._files.report(), self._files.acknowledged(), ""
        except IntegrityError as error:
            return None, Acknowledged(), f"The report of the verification is not ours: {error}."

    def verify_now(self, caller: Caller) -> None:
        """Ask for a round; the validator begins within seconds. Raises RefusedError."""
        self._own.write(caller, Act("request verification", "administer", "ledger", "all entries"))
        self._files.ask()

    def acknowledge(self, caller: Caller, key: str) -> None:
        """Take a standing fault out of the banner. Raises UsageError when none has this key."""
        with self._lock:
            report = self._files.report()
            faults = [] if report is None else [f for f in report.faults if f.key == key]
            if not faults:
                raise UsageError("No fault of that key stands; it may have been mended meanwhile.")
            [fault] = faults
            entry = "" if fault.entry is None else f"entry {fault.entry}: "
            reason = f"{entry}{fault.problem}"
            act = Act("acknowledge fault", "administer", "file", fault.where or None, reason=reason)
            self._own.write(caller, act)
            standing = {one.key for one in report.faults} if report else set()
            by = {k: v for k, v in self._files.acknowledged().by.items() if k in standing}
            self._files.write_acknowledged(Acknowledged({**by, key: caller.name}))


def remedy(where: str) -> str:
    """Return what to do about a fault in a file."""
    return next((text for start, text in _REMEDIES if where.startswith(start)), _REMEDY)


def _integrity(report: Report, acknowledged: Acknowledged, now: int, *, asked: bool) -> Integrity:
    late = overdue(report, now)
    reports = now - report.updated_us < VALIDATION_SILENT_S * 1_000_000
    faults = [_fault(fault, acknowledged) for fault in report.faults]
    found = Integrity(
        reports and not report.off, late, asked, report.every_us, due_us(report),
        report.watched.at_us, report.doing, report.done, report.total, report.trouble, faults,
        report.rounds, [], report.off,
    )  # fmt: skip
    alarms = []
    if found.open_faults:
        count = len(found.open_faults)
        alarms.append(f"The verification of the ledger found {count} fault{'s' * (count > 1)}.")
    if late:
        hours = report.every_us // 3_600_000_000
        why = ": verify.enabled is false in the settings" if report.off else ""
        alarms.append(f"The ledger was not verified end to end within {hours or 1} hours{why}.")
    return _with_alarms(found, alarms)


def _with_alarms(found: Integrity, alarms: list[str]) -> Integrity:
    return structs.replace(found, alarms=alarms)


def _fault(fault: Standing, acknowledged: Acknowledged) -> KnownFault:
    return KnownFault(
        fault.key, fault.where, fault.entry, fault.problem, fault.first_seen_us,
        fault.last_seen_us, remedy(fault.where), acknowledged.by.get(fault.key),
    )  # fmt: skip
