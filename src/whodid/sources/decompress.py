"""Decompression without input or output: gzip (RFC 1952) and zstd (RFC 8878), in small pieces.

Several members or frames may follow one another; zero bytes after a gzip member are padding. It
never holds more than one piece of output, so a bomb costs its reader no memory.
"""

import zlib
from collections.abc import Iterator
from typing import Protocol

import zstandard

from whodid.errors import InputError, TooLargeError
from whodid.limits import PIECE_BYTES

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

_GZIP_SLICE = 16 * 1024  # what zlib leaves of its input is copied, so it is given little at a time
_ZSTD_SLICE = 1024  # 4 bytes may become 128 KiB, and zstd cannot be told to stop


class Decompressor(Protocol):
    """Turns compressed bytes into pieces of the plain ones.

    `consumed` and `produced` count the bytes in and out. Nothing is produced after an error.
    """

    consumed: int
    produced: int

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the next pieces; exhaust it before the next call.

        Raises InputError that names both offsets where the stream is broken.
        """
        ...

    def finish(self) -> None:
        """Raise InputError that names both offsets when the stream ends too early."""
        ...


class Gunzip:
    """A stream of gzip members. `members_max` bounds their number (None: no bound)."""

    def __init__(self, members_max: int | None = None) -> None:
        self.consumed = 0
        self.produced = 0
        self._members_left = members_max
        self._member: zlib._Decompress | None = None
        self._any = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield pieces of at most `PIECE_BYTES`."""
        for start in range(0, len(data), _GZIP_SLICE):
            left = data[start : start + _GZIP_SLICE]
            end = self.consumed + len(left)
            while left:
                if self._member is None:
                    if self._any:
                        left = left.lstrip(b"\0")
                        if not left:
                            break
                    self._members_left = _one_less(self._members_left, "gzip members")
                    self._any = True
                    self._member = zlib.decompressobj(wbits=31)
                member = self._member
                try:
                    piece = member.decompress(left, PIECE_BYTES)
                except zlib.error as error:
                    raise InputError(f"{_broken('gzip', self)}: {error}") from None
                self.produced += len(piece)
                if member.eof:
                    self._member = None
                    left = member.unused_data
                else:
                    left = member.unconsumed_tail
                self.consumed = end - len(left)
                if piece:
                    yield piece
            self.consumed = end

    def finish(self) -> None:
        """Raise InputError when the stream ends within a member."""
        if self._member is not None:
            raise InputError(_truncated("gzip", self))


class Unzstd:
    """A stream of zstd frames of a window of at most `window_bytes_max`."""

    def __init__(self, window_bytes_max: int, frames_max: int | None = None) -> None:
        self.consumed = 0
        self.produced = 0
        self._frames_left = frames_max
        self._context = zstandard.ZstdDecompressor(max_window_size=window_bytes_max)
        self._frame: zstandard.ZstdDecompressionObj | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield pieces; one is at most 32 MiB, of a bomb, and commonly some KiB."""
        for start in range(0, len(data), _ZSTD_SLICE):
            left = data[start : start + _ZSTD_SLICE]
            end = self.consumed + len(left)
            while left:
                if self._frame is None:
                    self._frames_left = _one_less(self._frames_left, "zstd frames")
                    self._frame = self._context.decompressobj()
                try:
                    piece = self._frame.decompress(left)
                except zstandard.ZstdError as error:
                    raise InputError(f"{_broken('zstd', self)}: {error}") from None
                self.produced += len(piece)
                left = b""
                if self._frame.eof:
                    left = self._frame.unused_data
                    self._frame = None
                self.consumed = end - len(left)
                if piece:
                    yield piece
            self.consumed = end

    def finish(self) -> None:
        """Raise InputError when the stream ends within a frame."""
        if self._frame is not None:
            raise InputError(_truncated("zstd", self))


def _one_less(left: int | None, what: str) -> int | None:
    if left is None:
        return None
    if left == 0:
        raise TooLargeError(f"too many {what} in one request: compress it as one")
    return left - 1


def _broken(kind: str, at: Decompressor) -> str:
    return (
        f"the {kind} stream is broken near compressed byte {at.consumed},"
        f" decompressed byte {at.produced}"
    )


def _truncated(kind: str, at: Decompressor) -> str:
    return (
        f"the {kind} stream is cut off at compressed byte {at.consumed},"
        f" decompressed byte {at.produced}"
    )
