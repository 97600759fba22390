"""How the metrics of one process reach the faces: a file in DIR/run, written once a second.

    8 bytes magic · u8 the slot that is whole · 7 bytes · two slots of SLOT_BYTES
    slot: u32 length · u32 CRC-32 of the body · body (msgpack of `Snapshot`)

A writer fills the other slot, then names it. No byte is allocated after the start, so a full disk
(when people look) does not end it; nothing is fsynced, for it ends with the process. A process that
was started again begins at zero, as Prometheus expects of a counter, under the same label.
See ADR 10.
"""

import contextlib
import os
import struct
import threading
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from whodid.clock import Clock, system_clock
from whodid.ledger.layout import RUN
from whodid.metrics import Metric

SLOT_BYTES = 512 * 1024
EVERY_S = 1.0
STALE_US = 30 * 1_000_000
"""What was written longer ago is of a process that is gone or hangs."""

_MAGIC = b"whodidM\x01"
_HEAD = struct.Struct(">8sB7x")
_SLOT = struct.Struct(">II")
_SUFFIX = ".metrics"
_TRIES = 3


class Snapshot(Struct, frozen=True):
    """What a process last told of itself."""

    process: str
    pid: int
    written_us: int
    metrics: list[Metric]


class MetricsFile:
    """The writer's end. Never raises for a disk that fails: metrics are not what must go on."""

    def __init__(self, directory: Path, process: str, clock: Clock = system_clock) -> None:
        self._process = process
        self._clock = clock
        self._slot = 0
        self._fd = -1
        self._lock = threading.Lock()
        folder = directory / RUN
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, exist_ok=True)
            self._fd = _create(folder / f"{process}{_SUFFIX}")

    def write(self, metrics: Sequence[Metric]) -> None:
        """Tell how things stand now."""
        snapshot = Snapshot(self._process, os.getpid(), self._clock(), list(metrics))
        body = msgspec.msgpack.encode(snapshot)
        if self._fd < 0 or len(body) > SLOT_BYTES - _SLOT.size:
            return
        with self._lock, contextlib.suppress(OSError):
            self._slot ^= 1
            at = _HEAD.size + self._slot * SLOT_BYTES
            os.pwrite(self._fd, _SLOT.pack(len(body), zlib.crc32(body)) + body, at)
            os.pwrite(self._fd, _HEAD.pack(_MAGIC, self._slot), 0)

    def keep(self, collect: Callable[[], Sequence[Metric]]) -> None:
        """Write once a second from a thread, until the process ends."""

        def again() -> None:
            while True:
                with contextlib.suppress(Exception):  # the next second comes
                    self.write(collect())
                _pause.wait(EVERY_S)

        _pause = threading.Event()
        threading.Thread(target=again, name="metrics", daemon=True).start()


def _create(path: Path) -> int:
    """Make the file anew: a reader never meets what an earlier process half wrote."""
    temporary = path.with_suffix(".tmp")
    fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(fd, bytes(_HEAD.size + 2 * SLOT_BYTES), 0)
        temporary.rename(path)
    except OSError:
        os.close(fd)
        temporary.unlink(missing_ok=True)
        raise
    return fd


def read_snapshot(path: Path) -> Snapshot | None:
    """Read one file; None when there is nothing whole in it (yet)."""
    for _ in range(_TRIES):  # it may be written meanwhile
        try:
            data = path.read_bytes()
        except OSError:
            return None
        found = _parse(data)
        if found is not None:
            return found
    return None


def _parse(data: bytes) -> Snapshot | None:
    if len(data) != _HEAD.size + 2 * SLOT_BYTES:
        return None
    magic, slot = _HEAD.unpack_from(data)
    if magic != _MAGIC or slot > 1:
        return None
    at = _HEAD.size + slot * SLOT_BYTES
    length, crc = _SLOT.unpack_from(data, at)
    body = data[at + _SLOT.size : at + _SLOT.size + length]
    if length > SLOT_BYTES - _SLOT.size or zlib.crc32(body) != crc:
        return None
    try:
        return msgspec.msgpack.decode(body, type=Snapshot)
    except (msgspec.DecodeError, RecursionError):
        return None


def read_snapshots(directory: Path) -> list[Snapshot]:
    """Read what all processes told last, in order of their names."""
    try:
        paths = sorted((directory / RUN).glob(f"*{_SUFFIX}"))
    except OSError:
        return []
    return [found for path in paths if (found := read_snapshot(path))]


def clear(directory: Path) -> None:
    """Remove what processes of an earlier server left."""
    with contextlib.suppress(OSError):
        for path in (directory / RUN).glob(f"*{_SUFFIX}"):
            path.unlink(missing_ok=True)
