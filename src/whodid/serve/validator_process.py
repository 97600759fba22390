"""The validator's process: verifies the ledger end to end, again and again, behind all others.

It has the least claim on the processor (nice 19) and, where the system knows such, on the disk.
"""

import logging
import os
import shutil
import subprocess
from pathlib import Path

from whodid.app.answer import Caller
from whodid.app.own import Act, OwnEvents
from whodid.app.public_files import LedgerFiles
from whodid.clock import system_clock
from whodid.config.settings import Settings
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.client import SequencerClient
from whodid.ledger.opening import keys_of
from whodid.serve.process import yield_to_others
from whodid.serve.prompt_end import PromptEnd
from whodid.validation.checks import LedgerChecks
from whodid.validation.report import Round, Standing
from whodid.validation.report_file import ReportFiles
from whodid.validation.share import EndedError
from whodid.validation.validator import Validator

_log = logging.getLogger("whodid.validator")
_TURN_S = 1.0
_RETRY_S = 2.0
_ANSWER_S = 10.0


def run_validator(directory: Path, settings: Settings) -> None:
    """Validate until told to end; then end the process. Raises LedgerError without the keys.

    What a step is at may be left anywhere: what it found is kept, and the next process goes on.
    """
    ending = PromptEnd(EndedError)
    stand_behind()
    keys = keys_of(directory)
    files = LedgerFiles(directory, keys.vkey())
    port = SequencerClient(directory, "validator", retry_s=_RETRY_S, answer_s=_ANSWER_S)
    builder = BatchBuilder(keys.ledger_id, keys.public_kek())
    own = OwnEvents(port, builder, keys.identity_root(), system_clock)
    validator = Validator(
        LedgerChecks(directory, keys, files.check), ReportFiles(directory, keys), OwnTell(own),
        system_clock, settings.verify.every_hours, settings.verify.busy_share, ending.told.wait,
        _log.warning,
    )  # fmt: skip
    try:
        while not ending.told.is_set():
            if settings.verify.enabled:
                with ending.work():
                    validator.step()
            else:
                validator.be_off()
            ending.told.wait(_TURN_S)
    except EndedError:
        validator.leave()
    port.close()
    logging.shutdown()
    os._exit(0)  # behind all others, the end of an interpreter takes seconds


def stand_behind() -> None:
    """Take the least claim on processor and disk."""
    yield_to_others(19)
    ionice = shutil.which("ionice")  # Linux; elsewhere nice is what there is
    if ionice is not None:
        command = [ionice, "-c", "3", "-p", str(os.getpid())]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603 - ours


class OwnTell:
    """Writes validation's events; the name of each makes it one, however often it is written."""

    def __init__(self, own: OwnEvents) -> None:
        self._own = own
        self._caller = Caller("validator", "server")

    def fault(self, fault: Standing) -> None:
        """Write `integrity fault` (see `Tell`)."""
        entry = "" if fault.entry is None else f"entry {fault.entry}: "
        act = Act(
            "integrity fault", "other", "file", fault.where or None, ok=False, outcome="failure",
            reason=entry + fault.problem,
        )  # fmt: skip
        self._own.write(self._caller, act, f"integrity fault {fault.key} {fault.first_seen_us}")

    def off(self, since_us: int) -> None:
        """Write `turn off verification` (see `Tell`)."""
        act = Act(
            "turn off verification", "administer", "ledger", "all entries",
            reason="verify.enabled is false in the settings",
        )  # fmt: skip
        self._own.write(self._caller, act, f"verification off {since_us}")

    def round(self, done: Round) -> None:
        """Write `verify` (see `Tell`)."""
        reason = None if done.ok else f"{done.faults} faults"
        act = Act(
            "verify", "read", "ledger", f"entries 0 to {max(done.entries - 1, 0)}",
            rows=done.opened, ok=done.ok, outcome="success" if done.ok else "failure",
            reason=reason,
        )  # fmt: skip
        self._own.write(self._caller, act, f"verify {done.started_us} {done.finished_us}")
