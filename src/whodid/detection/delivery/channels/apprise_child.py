"""The process that runs apprise: `python -m whodid.detection.delivery.channels.apprise_child`.

A line of JSON on its input is a message (`Job`), a line on its output what became of it. It

1. gives up memory beyond a bound, files and other programs;
2. connects to no private, loopback or link-local address but those of the job: each connection of
   this process is judged as it is made, whichever library makes it, so that neither a resolver nor
   a redirect leads elsewhere;
3. says nothing of what a receiver answered but a number, and writes no log.
"""

import contextlib
import logging
import re
import resource
import select
import sys
from typing import Any

import apprise
import msgspec

from whodid.detection.delivery.channels.apprise import Job, JobDone
from whodid.detection.delivery.channels.guard import Guard
from whodid.limits import COURIER_MEMORY_BYTES

_FILES_MAX = 64
_CODE = re.compile(r"error=([0-9]{3})\b")
_CONNECTS = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_PROGRAMS = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"}


class _Gate:
    """Judges connections. `refused` says that one was."""

    def __init__(self) -> None:
        self.guard = Guard(())
        self.refused = False

    def look(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raise PermissionError for what this process must not do (`sys.addaudithook`)."""
        if event in _PROGRAMS:
            raise PermissionError("no other program is started here")
        if event not in _CONNECTS:
            return
        address = arguments[-1]
        if address is None:  # `sendmsg` on what was connected
            return
        try:
            good = self.guard.permits(str(address[0]), private=False)
        except (ValueError, TypeError, IndexError, KeyError):  # a name, a path of a local socket
            good = False
        if not good:
            self.refused = True
            raise PermissionError("a private or local address")


class _Numbers(logging.Handler):
    """Keeps the status of an answer that apprise logs, and nothing else of it."""

    status = ""

    def emit(self, record: logging.LogRecord) -> None:
        found = _CODE.search(record.getMessage())
        if found:
            self.status = found[1]


def main() -> None:
    """Do jobs until there are no more, or none for a while."""
    idle_s = float(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES_MAX, _FILES_MAX))
    with contextlib.suppress(ValueError, OSError):  # macOS takes no bound of the address space
        resource.setrlimit(resource.RLIMIT_AS, (COURIER_MEMORY_BYTES, COURIER_MEMORY_BYTES))
    gate, numbers = _Gate(), _Numbers()
    log = logging.getLogger("apprise")
    log.handlers, log.propagate = [numbers], False
    log.setLevel(logging.WARNING)
    sys.addaudithook(gate.look)
    _say(JobDone())
    while select.select([sys.stdin], [], [], idle_s)[0]:
        line = sys.stdin.buffer.readline()
        if not line:
            return
        gate.refused, numbers.status = False, ""
        _say(JobDone(_reason(line, gate, numbers)))


def _reason(line: bytes, gate: _Gate, numbers: _Numbers) -> str:
    """Deliver; return why it was not taken, empty when it was."""
    try:
        job = msgspec.json.decode(line, type=Job)
        gate.guard = Guard(job.networks)
        asset = apprise.AppriseAsset(
            app_id="whodid", app_desc="whodid", app_url="", storage_mode="memory"
        )
        plugin = apprise.Apprise.instantiate(job.address, asset=asset)
        if plugin is None:
            return "apprise does not know this address"
        plugin.redirects = False
        taken = plugin.notify(
            body=job.body, title=job.title, notify_type=job.kind,
            body_format=apprise.NotifyFormat.TEXT,
        )  # fmt: skip
    except MemoryError:
        return "its answer is larger than what is read"
    except Exception as error:  # noqa: BLE001 - 170 plugins; what they quote may be secret
        return f"apprise failed ({type(error).__name__})"
    if taken:
        return ""
    if gate.refused:
        return (
            "its host is a private or local address, which is not connected to: name it in the "
            "channel's allow_hosts if that is right"
        )
    return f"HTTP {numbers.status}" if numbers.status else "apprise could not deliver it"


def _say(done: JobDone) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(done) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
