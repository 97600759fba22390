"""The process that runs SQL, seen from the one that reads the log.

It is given what the reader may see and nothing else: no environment, no folder, no open file. It is
ended when nobody waits any more, when it takes too long, and always at the end.
"""

import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import msgspec
import numpy as np

from whodid.app.sql.columns import column_meant
from whodid.app.sql.frames import Piece, Reply, Task, decode_reply, encode, packed, take
from whodid.app.turns import Left
from whodid.errors import LeftError, QueryError, RefusedError, UsageError
from whodid.limits import SQL_TABLE_BYTES_MAX
from whodid.readable import readable

Arrays = Sequence[np.ndarray]
_MODULE = "whodid.app.sql.child"
_LACKING = re.compile(r'column "([^"]+)" not found')
_LOOK_S = 0.1
_START_S = 20.0
"""How long an engine may take to start and to bind the SQL; the machine may be busy."""

_GRACE_S = 2.0
"""How long behind its own limit of time an engine that does not end is ended."""


class Engine:
    """One child. Invariant: after `close` there is no process."""

    def __init__(self, task: Task, left: Left) -> None:
        self._task = task
        self._left = left
        self._sent = 0
        self._child = subprocess.Popen(  # noqa: S603 - our own module, in our own interpreter
            [sys.executable, "-I", "-m", _MODULE],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
            env={"PATH": os.defpath, "TZ": "UTC"}, cwd="/", start_new_session=True,
        )  # fmt: skip

    def names(self) -> dict[str, int]:
        """Return every name of a column in the SQL and its place, in lower case.

        Raises QueryError for SQL that is none or is not allowed.
        """
        self._send(encode(self._task))
        return self._reply(_START_S).names or {}

    def need(self) -> list[str]:
        """Return the columns whose rows it needs. Raises QueryError for what is wrong with it."""
        return self._reply(_START_S).need or []

    def load(self, rows: int, columns: Sequence[Arrays]) -> None:
        """Give it rows of the needed columns. Raises UsageError when they are too many."""
        arrays = [[(part.dtype.str, part.nbytes) for part in parts] for parts in columns]
        self._sent += sum(size for parts in arrays for _, size in parts)
        if self._sent > SQL_TABLE_BYTES_MAX:
            raise UsageError(
                f"the SQL reads more than {SQL_TABLE_BYTES_MAX // 2**20} MiB of columns: name "
                "fewer columns, or let it look at fewer events"
            )
        self._send(encode(Piece(rows, arrays)))
        for parts in columns:
            for part in parts:
                self._send(np.ascontiguousarray(part).tobytes())

    def answer(self) -> Iterator[Reply]:
        """Yield the columns and then rows as they come, up to the one that is the end.

        Raises UsageError for what takes too much, LeftError when nobody waits any more.
        """
        self._send(b"")
        seconds = self._task.seconds_max + _GRACE_S
        while True:
            reply = self._reply(seconds)
            yield reply
            if reply.end:
                return

    @property
    def ended(self) -> bool:
        """Tell whether there is no process any more."""
        return self._child.poll() is not None

    def __del__(self) -> None:
        """End what nobody took the answer of."""
        self.close()

    def close(self) -> None:
        """End it."""
        if self._child.poll() is None:
            self._child.kill()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._child.wait()

    def _send(self, message: bytes) -> None:
        assert self._child.stdin is not None
        left = memoryview(packed(message))
        try:
            while left:
                left = left[os.write(self._child.stdin.fileno(), left) :]
        except OSError as error:
            self._reply(_GRACE_S)  # it may have said why
            raise self._ended() from error

    def _reply(self, seconds: float) -> Reply:
        stream = self._child.stdout
        assert stream is not None
        self._wait(seconds, lambda: readable(stream, _LOOK_S))
        try:
            reply = decode_reply(take(stream))
        except (EOFError, ValueError, msgspec.DecodeError) as error:
            raise self._ended() from error
        if reply.error is None:
            return reply
        if reply.code == "usage":
            raise UsageError(reply.error)
        lacking = _LACKING.search(reply.error)
        known = [column.name for column in self._task.columns]
        near = column_meant(lacking[1], known) if lacking else None
        hint = f"; did you mean {near}?" if near else ""
        raise QueryError(f"{reply.error} at {reply.position}{hint}", reply.position, near)

    def _wait(self, seconds: float, ready: Callable[[], bool]) -> None:
        end_s = time.monotonic() + seconds
        while not ready():
            if self._left():
                raise LeftError
            if time.monotonic() > end_s:
                raise UsageError(
                    f"the SQL took more than {self._task.seconds_max:g} s; ask for less"
                )

    def _ended(self) -> RefusedError | UsageError:
        """Return what to say of an engine that ended without an answer."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(_GRACE_S)
        code = self._child.returncode
        if code is None or code == 0:
            return RefusedError("the SQL engine did not answer; ask again")
        why = f"signal {-code}" if code < 0 else f"code {code}"
        return UsageError(f"the SQL engine could not do this and ended ({why}); ask for less")
