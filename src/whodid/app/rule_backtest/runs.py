"""Looks over history that run now, and those that ended: one at a time for a server.

It is begun by one request and asked about by others, so it belongs to nobody's connection. Those
that are over are kept (`kept`), within bounds: a server that is started again shows them.
"""

import contextlib
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from whodid.app.answer import Caller
from whodid.app.own import Act
from whodid.app.rule_backtest.kept import KeptRuns
from whodid.app.rule_backtest.run import WITH_SERVER, Run
from whodid.app.rule_backtest.task import Answered, Asker, Task, Windows
from whodid.app.turns import stays
from whodid.clock import Clock
from whodid.detection.alerts.alert import Silence
from whodid.detection.rule import Head
from whodid.detection.rulebook import Choice
from whodid.detection.windows import Settings as WindowSettings
from whodid.errors import RefusedError, UsageError, WhodidError
from whodid.limits import (
    BACKTEST_DAYS_MAX,
    BACKTEST_MEMORY_BYTES_MAX,
    BACKTEST_SECONDS_MAX,
    BACKTESTS_KEPT,
    BACKTESTS_KEPT_DAYS,
)

_MODULE = "whodid.app.rule_backtest.child"
_ANSWER_BYTES_MAX = 8 * 1024 * 1024
_WAIT_S, _END_S = 8.0, 5.0
_KEPT_US = BACKTESTS_KEPT_DAYS * 86_400_000_000

Start = Callable[[], "subprocess.Popen[bytes]"]
Write = Callable[[Caller, Act, str | None], None]
"""Writes an event (`OwnEvents.write`): one only of the name that is given."""


class History(Struct, frozen=True):
    """What is looked at how: which rules there are, how they correlate, what is excluded."""

    choice: Choice
    windows: WindowSettings
    exclusions: tuple[Silence, ...] = ()


class Runs:
    """Safe for threads.

    Invariants: at most one runs. What is returned does not change while it is shown. Who asks has
    seen every event (the callers check it); that somebody looked is an event before an answer is
    here, and that it did not end well is one too: as soon as `write_owed` can write it, when the
    server was killed with the run or the log took nothing.
    """

    def __init__(
        self, directory: Path, write: Write, clock: Clock,
        kept: KeptRuns, start: Start | None = None,
    ) -> None:  # fmt: skip
        self._directory = directory
        self._write = write
        self._clock = clock
        self._kept = kept
        self._start = start or _start
        self._lock = threading.Lock()
        self._runs = kept.read()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def begin(self, caller: Caller, rule: Head, days: int, history: History) -> Run:
        """Begin one. Raises UsageError for days that are none, RefusedError while another runs."""
        if not 1 <= days <= BACKTEST_DAYS_MAX:
            raise UsageError(f"a backtest looks back over 1 to {BACKTEST_DAYS_MAX} days")
        task = Task(
            str(self._directory.resolve()), rule.id, days, Asker.of(caller), history.choice,
            Windows.of(history.windows), history.exclusions, BACKTEST_MEMORY_BYTES_MAX,
        )  # fmt: skip
        with self._lock:
            running = self.running
            if running is not None:
                raise RefusedError(
                    f"a backtest of {running.rule.title!r} runs; wait for it, or end it", 5.0
                )
            run = Run(
                secrets.token_hex(8), rule, days, caller.name, self._clock(), asker=task.asker
            )
            self._process = process = self._start()
            self._runs = [run, *self._young()][:BACKTESTS_KEPT]
            self._kept.write(self._runs)
            self._thread = threading.Thread(
                target=self._follow, args=(run, process, task), name="backtest", daemon=True
            )
            self._thread.start()
            return replace(run)

    def get(self, run_id: str) -> Run:
        """Return one as it is now. Raises UsageError when there is none."""
        with self._lock:
            return replace(self._find(run_id))

    def _find(self, run_id: str) -> Run:
        for run in self._young():
            if run.id == run_id:
                return run
        raise UsageError(
            f"there is no backtest {run_id[:64]!r} here; the last {BACKTESTS_KEPT} are kept, for "
            f"{BACKTESTS_KEPT_DAYS} days"
        )

    def of(self, rule: str) -> list[Run]:
        """Return those of a rule as they are now, the newest first."""
        with self._lock:
            return [replace(run) for run in self._young() if run.rule.id == rule]

    @property
    def running(self) -> Run | None:
        """The one that runs."""
        return next((replace(run) for run in self._runs if run.state == "running"), None)

    def end(self, run_id: str) -> Run:
        """End one; nothing happens to one that is over. Raises UsageError when there is none."""
        self._end(self._find(run_id))
        return self.get(run_id)

    def close(self) -> None:
        """End what runs, and wait for its end."""
        running, thread = self.running, self._thread
        if running is not None:
            self._end(self._find(running.id), WITH_SERVER)
        if thread is not None:
            thread.join(_WAIT_S)

    def _young(self) -> list[Run]:
        """Return those that are not too old to be shown, whatever the clock says now."""
        oldest_us = self._clock() - _KEPT_US
        return [run for run in self._runs if run.state == "running" or run.begun_us > oldest_us]

    def _end(self, run: Run, why: str = "") -> None:
        with self._lock:
            if run.state != "running":
                return
            run.state, run.ended_us, run.error = "ended", self._clock(), why
            self._kept.write(self._young())
            process = self._process
        _kill(process)

    def _follow(self, run: Run, process: "subprocess.Popen[bytes]", task: Task) -> None:
        """Give the task, wait for what comes of it, take note."""
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(process)

        timer = threading.Timer(BACKTEST_SECONDS_MAX, stop)
        timer.daemon = True
        timer.start()
        try:
            told = _talk(process, task)
        finally:
            timer.cancel()
            _kill(process)
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    pipe.close() if pipe is not None else None
        if told is None:
            why = "its process ended before it answered, and the server's log may say why"
            if late.is_set():
                why = f"it took more than {BACKTEST_SECONDS_MAX:.0f} s"
            told = Answered(error=f"{why}; look at fewer days", code=UsageError.code)
        with self._lock:
            if run.state == "running":
                run.answer, run.error = told.answer, told.error
                run.ended_us = self._clock()
                run.state = "failed" if told.answer is None else "done"
                if run.state == "done":  # its process has written that
                    run.asker = None
                self._kept.write(self._young())
        self.write_owed()

    def write_owed(self) -> bool:
        """Write the events of runs that did not end well; return whether none is owed any more."""
        with self._lock:
            owed = [run for run in self._runs if run.state != "running" and run.asker is not None]
        for run in owed:
            try:
                self._tell(run)
            except WhodidError:  # nothing was shown
                return False
        return True

    def _tell(self, run: Run) -> None:
        """Write that it did not come to its end; who runs the server reads it in the log."""
        asker = run.asker
        if asker is None:
            return
        reason = run.error or ("it was ended" if run.state == "ended" else "")
        act = Act(
            "backtest", "read", "ledger", f"now-{run.days}d", run.rule.title, outcome="failure",
            reason=reason,
        )  # fmt: skip
        self._write(asker.caller(stays), act, f"backtest {run.id}")
        with self._lock:
            run.asker = None
            self._kept.write(self._young())


def _start() -> "subprocess.Popen[bytes]":
    """Start the process; what it says of itself is in the server's log. Raises RefusedError."""
    try:
        return _spawned()
    except OSError as error:
        raise RefusedError(f"no process can be started for it ({error.strerror})") from error


def _spawned() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - our own module, in our own interpreter
        [sys.executable, "-I", "-m", _MODULE], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=dict(os.environ), start_new_session=True,
    )  # fmt: skip


def _talk(process: "subprocess.Popen[bytes]", task: Task) -> Answered | None:
    """Return what the process answers; None when it ended without."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError, ValueError, msgspec.DecodeError):
        process.stdin.write(msgspec.json.encode(task) + b"\n")
        process.stdin.flush()
        return msgspec.json.decode(_all(process.stdout), type=Answered)
    return None


def _all(stream: IO[bytes]) -> bytes:
    """Read to the end. Raises ValueError for more than an answer has."""
    data = stream.read(_ANSWER_BYTES_MAX + 1)
    if len(data) > _ANSWER_BYTES_MAX:
        raise ValueError
    return data


def _kill(process: "subprocess.Popen[bytes] | None") -> None:
    """End a process that has not ended: it is told, and has a moment to end what it started."""
    if process is None or process.poll() is not None:
        return
    with contextlib.suppress(OSError, ValueError):
        if process.stdin is not None:
            process.stdin.close()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
