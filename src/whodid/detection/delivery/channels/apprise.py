"""Chat, mail and telephones through apprise, which knows some 170 of them by their addresses.

It runs in a process of its own (`apprise_child`): it reads whole answers of strangers into memory
and waits anew for each piece of them, so that process has a bound of memory and is ended at the
deadline. An address is a secret as a whole; it goes to that process by its pipe and nowhere else.
"""

import contextlib
import os
import subprocess
import sys
import time

import msgspec
from msgspec import Struct

from whodid.detection.delivery.change import ChangeKind
from whodid.detection.delivery.channels.channel import NotTakenError
from whodid.detection.delivery.channels.guard import Guard
from whodid.detection.delivery.message import Message
from whodid.detection.delivery.text import Writer, gravest
from whodid.limits import COURIER_IDLE_S
from whodid.readable import readable

_MODULE = "whodid.detection.delivery.channels.apprise_child"
_START_S = 20.0
"""How long the process may take to start, beside a delivery's time; the machine may be busy."""

_REPLY_BYTES_MAX = 4096
_WARNING = {"critical": "failure", "high": "failure", "medium": "warning"}


class Job(Struct, frozen=True):
    """One message for the child. `networks` may be private."""

    address: str
    title: str
    body: str
    kind: str
    networks: list[str]


class JobDone(Struct, frozen=True):
    """What became of it; `reason` is empty when it was taken."""

    reason: str = ""


class Apprise:
    """Sends to one address (see `Channel`)."""

    groups = True
    tells: frozenset[ChangeKind] = frozenset({"opened", "repeated", "closed", "escalated"})

    def __init__(
        self, address: str, guard: Guard, writer: Writer, timeout_s: float, ca_file: str = ""
    ) -> None:
        self._address = address
        self._guard = guard
        self._writer = writer
        self._timeout_s = timeout_s
        self._ca_file = ca_file
        self._child: subprocess.Popen[bytes] | None = None

    def send(self, message: Message) -> None:
        """Deliver it (see `Channel`)."""
        job = Job(
            self._address, self._writer.title(message), self._writer.body(message),
            _kind(message), self._guard.networks(),
        )  # fmt: skip
        done = self._ask(msgspec.json.encode(job) + b"\n")
        if done.reason:
            raise NotTakenError(done.reason)

    def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is None:
            return
        if child.poll() is None:
            child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        child.wait()

    def __del__(self) -> None:
        """End it with its channel."""
        self.close()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self.close()
        environment = {"PATH": os.defpath, "TZ": "UTC", "HOME": "/nonexistent"}
        if self._ca_file:
            environment |= {"REQUESTS_CA_BUNDLE": self._ca_file, "SSL_CERT_FILE": self._ca_file}
        self._child = subprocess.Popen(  # noqa: S603 - our own module, in our own interpreter
            [sys.executable, "-I", "-m", _MODULE, str(COURIER_IDLE_S)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0,
            env=environment, cwd="/", start_new_session=True,
        )  # fmt: skip
        self._read_line(self._child, _START_S)  # it says that it is there
        return self._child

    def _ask(self, line: bytes) -> JobDone:
        try:
            child = self._started()
            assert child.stdin is not None
            left = memoryview(line)
            while left:
                left = left[os.write(child.stdin.fileno(), left) :]
            return msgspec.json.decode(self._read_line(child, self._timeout_s), type=JobDone)
        except TimeoutError as error:
            self.close()
            raise NotTakenError(f"no end within {self._timeout_s:g} s") from error
        except (OSError, EOFError, msgspec.MsgspecError) as error:
            self.close()
            raise NotTakenError("the process that runs apprise ended") from error

    def _read_line(self, child: subprocess.Popen[bytes], seconds: float) -> bytes:
        stream = child.stdout
        assert stream is not None
        end_s = time.monotonic() + seconds
        data = b""
        while not data.endswith(b"\n"):
            if not readable(stream, max(0.0, end_s - time.monotonic())):
                raise TimeoutError
            piece = os.read(stream.fileno(), _REPLY_BYTES_MAX)
            if not piece or len(data) > _REPLY_BYTES_MAX:
                raise EOFError
            data += piece
        return data


def _kind(message: Message) -> str:
    if not message.changes:
        return "info"
    if all(change.kind == "closed" for change in message.changes):
        return "success"
    return _WARNING.get(gravest(message.changes), "info")
