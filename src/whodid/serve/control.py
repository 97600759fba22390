"""What the supervisor tells its processes: the settings, one JSON line each time they change.

The line goes through the child's standard input, a pipe that also tells the end of the supervisor:
it closes, however that end comes. Nothing of it is secret, and nothing is read back.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import IO

import msgspec

from whodid.config.settings import Settings

_LINE_BYTES_MAX = 1024 * 1024
_STDIN = 0

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Settings).decode


def tell(pipe: IO[bytes] | None, settings: Settings) -> None:
    """Tell a child the settings; one that has ended is told them when it is started again."""
    if pipe is not None:
        with contextlib.suppress(OSError, ValueError):
            pipe.write(_encode(settings) + b"\n")
            pipe.flush()


def first_settings(fd: int = _STDIN) -> Settings | None:
    """Wait for the first settings; None when the supervisor has ended instead."""
    line = bytearray()
    while len(line) < _LINE_BYTES_MAX:
        byte = os.read(fd, 1)  # one by one: what follows is for `until_end`
        if not byte:
            return None
        if byte == b"\n":
            return _decode(line)
        line += byte
    return None


def until_end(changed: Callable[[Settings], None], fd: int = _STDIN) -> None:
    """Call `changed` with each new settings until the supervisor ends."""
    for line in _lines(fd):
        with contextlib.suppress(msgspec.DecodeError):
            changed(_decode(line))


def _lines(fd: int) -> Iterator[bytes]:
    # The bare descriptor: a thread that waits in sys.stdin holds its lock, and the interpreter
    # aborts when it cannot take that at its end.
    held = b""
    while data := os.read(fd, 65536):
        *lines, held = (held + data).split(b"\n")
        held = held[:_LINE_BYTES_MAX]
        yield from lines
