"""The decompressed bytes of a file, piece by piece. What the file is, its first bytes say."""

from collections.abc import Iterator
from typing import BinaryIO

from whodid.errors import InputError
from whodid.limits import PAUSE_SECONDS, PIECE_BYTES, ZSTD_WINDOW_BYTES_MAX
from whodid.readable import readable
from whodid.sources.decompress import GZIP_MAGIC, ZSTD_MAGIC, Decompressor, Gunzip, Unzstd


class Pieces:
    """Iterates over the plain bytes of a stream: gzip, zstd or as they are.

    `read_bytes` counts the bytes taken from the stream (for a progress bar). An empty piece says
    that the next read waits for the other end of a pipe, a second one in a row that nothing came
    for `pause_s`.
    """

    def __init__(self, stream: BinaryIO, name: str, pause_s: float = PAUSE_SECONDS) -> None:
        self.read_bytes = 0
        self._pause_s = pause_s
        self._stream = stream
        self._name = name
        # read1 returns what a pipe holds just now, read waits until it is full
        self._read = getattr(stream, "read1", stream.read)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces; raises InputError that names file and offset."""
        start = self._next()
        while 0 < len(start) < len(ZSTD_MAGIC) and (more := self._next()):
            start += more
        decompressor = _decompressor(start)
        piece = start
        while piece:
            if decompressor is None:
                yield piece
            else:
                yield from self._named(decompressor.feed(piece))
            if len(piece) < PIECE_BYTES and self._would_wait():
                yield b""
                if self._would_wait(self._pause_s):
                    yield b""
            piece = self._next()
        if decompressor is not None:
            try:
                decompressor.finish()
            except InputError as error:
                raise InputError(f"{self._name}: {error}") from None

    def _next(self) -> bytes:
        try:
            piece: bytes = self._read(PIECE_BYTES) or b""
        except (OSError, ValueError) as error:
            raise InputError(f"{self._name} cannot be read: {error}") from None
        self.read_bytes += len(piece)
        return piece

    def _would_wait(self, wait_s: float = 0.0) -> bool:
        try:
            return not readable(self._stream, wait_s)
        except (OSError, ValueError, TypeError):
            return False  # nothing that a system could wait for

    def _named(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except InputError as error:
            raise InputError(f"{self._name}: {error}") from None


def _decompressor(start: bytes) -> Decompressor | None:
    if start.startswith(GZIP_MAGIC):
        return Gunzip()
    if start.startswith(ZSTD_MAGIC):
        return Unzstd(ZSTD_WINDOW_BYTES_MAX)
    return None
