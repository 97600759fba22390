"""The body of one HTTP request, decompressed and bounded while it arrives."""

from dataclasses import dataclass

from whodid.errors import RefusedError, TooLargeError
from whodid.limits import (
    REQUEST_BODIES_BYTES_MAX,
    REQUEST_BYTES_MAX,
    REQUEST_MEMBERS_MAX,
    REQUEST_ZSTD_WINDOW_BYTES_MAX,
)
from whodid.sources.asgi import DisconnectedError, Receive
from whodid.sources.decompress import Decompressor, Gunzip, Unzstd

CODINGS = frozenset({b"", b"identity", b"gzip", b"x-gzip", b"zstd"})
"""The content codings that are understood."""


@dataclass(slots=True)
class Held:
    """What the bodies of all requests in flight hold, in bytes."""

    size_bytes: int = 0
    bytes_max: int = REQUEST_BODIES_BYTES_MAX


class RequestBody:
    """Reads one body. Invariant: what it holds is counted in `held` until `release`.

    `received_bytes` counts what came over the wire.
    """

    __slots__ = ("_bytes_max", "_counted", "_held", "_parts", "received_bytes")

    def __init__(self, held: Held, bytes_max: int = REQUEST_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self.received_bytes = 0
        self._held = held
        self._counted = 0
        self._parts: list[bytes] = []

    async def read(self, receive: Receive, coding: bytes) -> bytes:
        """Return the whole body; `coding` is one of `CODINGS`.

        Raises TooLargeError, InputError for a broken compressed stream, RefusedError when the
        bodies in flight hold too much, DisconnectedError.
        """
        decompressor = _decompressor(coding)
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise DisconnectedError
            part: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            self.received_bytes += len(part)
            if self.received_bytes > self._bytes_max:
                raise TooLargeError(_too_large("the body", self._bytes_max))
            if decompressor is None:
                self._keep(part)
            else:
                for piece in decompressor.feed(part):
                    if decompressor.produced > self._bytes_max:
                        raise TooLargeError(_too_large("the decompressed body", self._bytes_max))
                    self._keep(piece)
        if decompressor is not None:
            decompressor.finish()
        return self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)

    def release(self) -> None:
        """Count no longer what was held."""
        self._held.size_bytes -= self._counted
        self._counted = 0
        self._parts = []

    def _keep(self, part: bytes) -> None:
        if not part:
            return
        held = self._held
        if held.size_bytes + len(part) > held.bytes_max:
            raise RefusedError("too many requests are in flight: send this one again later")
        held.size_bytes += len(part)
        self._counted += len(part)
        self._parts.append(part)


def check_length(length: bytes | None, bytes_max: int = REQUEST_BYTES_MAX) -> None:
    """Raise TooLargeError for a Content-Length that passes the bound."""
    if length is not None and length.isdigit() and int(length[:20]) > bytes_max:
        raise TooLargeError(_too_large("the body", bytes_max))


def _decompressor(coding: bytes) -> Decompressor | None:
    if coding in {b"gzip", b"x-gzip"}:
        return Gunzip(REQUEST_MEMBERS_MAX)
    if coding == b"zstd":
        return Unzstd(REQUEST_ZSTD_WINDOW_BYTES_MAX, REQUEST_MEMBERS_MAX)
    return None


def _too_large(what: str, bytes_max: int) -> str:
    return f"{what} is larger than {bytes_max} bytes: send smaller batches"
