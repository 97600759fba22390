"""`python -m whodid.app.rule_backtest.child`: looks over history with one rule, and ends.

Standard input gives the task (one line of JSON) and stays open: when it closes, nobody waits any
more and the process ends. Standard output gets the answer, after the event that tells of the look.
"""

import contextlib
import os
import resource
import sys
import threading
import time
from pathlib import Path

import msgspec

from whodid.app.backtesting import Backtest, Backtesting
from whodid.app.own import OwnEvents
from whodid.app.rule_backtest.summary import by_day, is_excluded, newest, spared
from whodid.app.rule_backtest.task import Answered, BacktestAnswer, Task
from whodid.app.turns import Left, stays
from whodid.clock import system_clock
from whodid.detection.alerts.fingerprint import Tagger
from whodid.detection.backtest.noise import noise
from whodid.detection.finding import Finding
from whodid.detection.rulebook import read_rules, with_needed
from whodid.errors import UsageError, WhodidError
from whodid.ledger.batch import BatchBuilder
from whodid.ledger.client import SequencerClient
from whodid.ledger.keys import KeyFolder
from whodid.ledger.layout import DETECTION
from whodid.ledger.opening import keys_of

_STDIN = 0
_NICE = 10
_GRACE_S = 1.0
_LINE_BYTES_MAX = 16 * 1024 * 1024


def main() -> None:
    """Read the task, look, answer."""
    line = _line()
    if line is None:
        return
    gone = threading.Event()
    threading.Thread(target=_end_with_parent, args=(gone,), daemon=True).start()
    task = msgspec.json.decode(line, type=Task)
    _bound(task.memory_bytes_max)
    try:
        told = Answered(run(task, gone.is_set))
    except WhodidError as error:
        told = Answered(error=str(error), code=error.code)
    except MemoryError:
        most = task.memory_bytes_max // 2**20
        told = Answered(
            error=f"it needs more than {most:,} MiB of memory: look at fewer days", code="usage"
        )
    sys.stdout.buffer.write(msgspec.json.encode(told))
    sys.stdout.buffer.flush()


def run(task: Task, left: Left = stays) -> BacktestAnswer:
    """Look over history. Raises WhodidError."""
    directory = Path(task.directory)
    keys = keys_of(directory)
    book = read_rules(directory, task.choice, directory / DETECTION / "cache")
    wanted = frozenset(rule.head.id for rule in book.rules if rule.head.id == task.rule)
    if not wanted:
        raise UsageError(f"there is no rule {task.rule!r} any more")
    caller = task.asker.caller(left)
    port = SequencerClient(directory, "face")
    try:
        own = OwnEvents(
            port, BatchBuilder(keys.ledger_id, keys.public_kek()), keys.identity_root(),
            system_clock,
        )  # fmt: skip
        backtesting = Backtesting(directory, keys, port, own, system_clock)
        rules = with_needed(book.rules, wanted)
        since = f"now-{task.days}d"
        done = backtesting.run(caller, rules, since, task.windows.settings())
        findings = [one for one in done.replayed.findings if one.rule.id == task.rule]
        entries = [match.entry for one in findings for match in one.matches]
        values = backtesting.values_of(caller, entries) if entries else {}
        return _answer(task, keys, done, findings, values)
    finally:
        port.close()


def _answer(
    task: Task, keys: KeyFolder, done: Backtest, findings: list[Finding],
    values: dict[int, dict[str, str]],
) -> BacktestAnswer:  # fmt: skip
    tagger = Tagger(keys.state_keys().access)

    def mutes(one: Finding) -> bool:
        return is_excluded(one, task.exclusions, tagger)

    days, earlier, excluded = by_day(findings, mutes)
    loud = next(iter(noise(findings, done.first_us, done.last_us)), None)
    return BacktestAnswer(
        alerts=0 if loud is None else loud.alerts,
        excluded=excluded,
        findings=len(findings),
        matched=0 if loud is None else loud.events,
        alerts_a_day=0.0 if loud is None else loud.alerts_a_day,
        most_a_day=0 if loud is None else loud.most_a_day,
        days=days,
        earlier=earlier,
        keys=() if loud is None else loud.keys,
        found=newest(findings),
        suggestions=spared([one for one in findings if not mutes(one)], values.get),
        looked=done.events,
        opened=done.replayed.opened,
        unreadable=done.replayed.unreadable,
        seconds=done.scan_s + done.replay_s,
        memory_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        first_us=done.first_us,
        last_us=done.last_us,
        size=done.size,
        warnings=tuple(done.warnings),
    )


def _bound(memory_bytes: int) -> None:
    """Take what is left over of the processor, and a bounded part of the memory."""
    os.nice(_NICE)
    with contextlib.suppress(OSError):  # sched(7), autogroup: niceness counts within a session
        Path("/proc/self/autogroup").write_text(str(_NICE))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # the first to be ended when the machine has no memory left
        Path("/proc/self/oom_score_adj").write_text("1000")


def _line() -> bytes | None:
    held = bytearray()
    while len(held) < _LINE_BYTES_MAX and (data := os.read(_STDIN, 65536)):
        held += data
        if data.endswith(b"\n"):
            return bytes(held)
    return None


def _end_with_parent(gone: threading.Event) -> None:
    """End when nobody waits any more; a scan has a moment to end its own process."""
    while os.read(_STDIN, 1):
        pass
    gone.set()
    time.sleep(_GRACE_S)
    os._exit(3)


if __name__ == "__main__":
    main()
