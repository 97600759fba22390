"""checkpoints.log: the checkpoints that are kept, oldest first: hourly, at a close, on a proof.

Each entry is the signed note and an empty line, so that the file reads

    origin ⏎ size ⏎ root ⏎ ⏎ — name signature ⏎ ⏎ origin ⏎ …

A crash while one is appended leaves a part of it, which `heal` removes at the next start. It is a
memory, not a proof: whoever holds DIR can drop entries, and the other checkpoints stay good.
"""

import os
import re
from pathlib import Path

from msgspec import Struct

from whodid.ledger.layout import CHECKPOINTS_LOG
from whodid.storage.posix import PosixDisk

_END = b"\n\n"
_SIZE = re.compile(rb"[0-9]{1,19}")
_SIGNATURE = "\u2014 ".encode()
_ROOT_CHARS = 44
_SIGNED_CHARS = 92  # base64 of the 4 bytes of the key id and 64 of Ed25519


class LoggedNote(Struct, frozen=True):
    """One entry: its number from 0, where it starts in the file (bytes), and the note."""

    number: int
    offset: int
    note: bytes


def split_checkpoints(data: bytes) -> tuple[list[LoggedNote], bytes]:
    """Return the entries, unverified, and what is behind the last whole one."""
    notes: list[LoggedNote] = []
    start = 0
    while True:
        body = data.find(_END, start)
        end = data.find(_END, body + 2) if body >= 0 else -1
        if end < 0:
            return notes, data[start:]
        notes.append(LoggedNote(len(notes), start, data[start : end + 1]))
        start = end + 2


def is_torn(rest: bytes, origin: str) -> bool:
    """Tell whether `rest` begins an entry and is shorter than it: a write that a crash cut off.

    An altered byte leaves an entry as long as it was, so that it is never taken for a torn one.
    """
    name = origin.encode()
    first = name + b"\n"
    if rest[: len(first)] != first[: len(rest)]:
        return False
    shortest = len(first) + 2 + _ROOT_CHARS + 2 + len(_SIGNATURE + name) + 1 + _SIGNED_CHARS + 2
    if len(rest) < shortest:
        return True
    size = rest.split(b"\n", 2)[1]
    return _SIZE.fullmatch(size) is not None and len(rest) < shortest + len(size) - 1


def append_checkpoint(directory: Path, note: str, disk: PosixDisk) -> None:
    """Append a note, durably. Raises OSError."""
    with (directory / CHECKPOINTS_LOG).open("ab") as log:
        log.write(note.encode() + b"\n")
        log.flush()
        disk.sync_data(log.fileno())


def heal_checkpoints(directory: Path, origin: str, disk: PosixDisk) -> None:
    """Cut off what a crash left behind the last whole entry, so that the next one stands apart.

    Raises OSError. What is altered, not cut, stays for `verify` to find.
    """
    path = directory / CHECKPOINTS_LOG
    if not path.exists():
        return
    data = path.read_bytes()
    _, rest = split_checkpoints(data)
    if not rest or not is_torn(rest, origin):
        return
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.ftruncate(fd, len(data) - len(rest))
        disk.sync_data(fd)
    finally:
        os.close(fd)
