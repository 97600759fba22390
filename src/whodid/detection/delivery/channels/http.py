"""One HTTP/1.1 request to a receiver that is not trusted.

1. The address is resolved and judged (`guard`), and just that one is connected to.
2. TLS is verified against the host's name; plain HTTP only to hosts that the settings name.
3. One deadline holds for all of it, so that a drop a second does not keep it open.
4. The head of the answer is read, bounded; its body is not. Redirects are not followed.

No proxy is asked. http.client would wait for each piece anew and read what a stranger sends.
"""

import contextlib
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from msgspec import Struct

from whodid.detection.delivery.channels.channel import NotTakenError
from whodid.detection.delivery.channels.guard import Guard
from whodid.errors import UsageError
from whodid.limits import DELIVERY_RETRY_AFTER_S_MAX, RESPONSE_HEAD_BYTES_MAX

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r|\n|\Z)")
_RETRY_AFTER = re.compile(
    rb"^retry-after:[ \t]*([0-9]{1,9})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)
_END = re.compile(rb"\r?\n\r?\n")
_UNSAFE = re.compile(r"[^\x21-\x7e]")
_PIECE = 4096


class Target(Struct, frozen=True):
    """Where a request goes."""

    host: str
    port: int
    path: str
    tls: bool

    @classmethod
    def parse(cls, url: str) -> "Target":
        """Read an http(s) address. Raises UsageError that does not repeat it: it may be secret."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").encode("idna").decode() if parts.hostname else ""
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except (ValueError, UnicodeError) as error:
            raise UsageError("the address cannot be read") from error
        if parts.scheme not in {"https", "http"} or not host or _UNSAFE.search(url):
            raise UsageError("the address is not https://HOST/… in ASCII without spaces")
        if parts.username is not None or parts.password is not None:
            raise UsageError("the address must not hold a user and password")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(host, port, path, parts.scheme == "https")

    @property
    def authority(self) -> str:
        """The value of the header Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.tls else 80) else f"{host}:{self.port}"


class Sender:
    """Sends requests to one target. Raises UsageError when the settings do not let it."""

    def __init__(
        self, target: Target, guard: Guard, timeout_s: float, ca_file: str = "",
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        if not target.tls and not guard.names(target.host):
            raise UsageError("plain http:// is for hosts in allow_hosts only; use https://")
        self._target = target
        self._guard = guard
        self._timeout_s = timeout_s
        self._monotonic_s = monotonic_s
        self._context = tls_context(ca_file) if target.tls else None

    def post(self, headers: Mapping[str, str], body: bytes) -> None:
        """Send a body; it was taken when this returns. Raises NotTakenError."""
        end_s = self._monotonic_s() + self._timeout_s
        head = [
            f"POST {self._target.path} HTTP/1.1", f"host: {self._target.authority}",
            f"content-length: {len(body)}", "connection: close",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]  # fmt: skip
        request = "\r\n".join(head).encode("ascii") + b"\r\n\r\n" + body
        try:
            with contextlib.closing(self._connect(end_s)) as connection:
                connection.settimeout(self._left(end_s))
                connection.sendall(request)
                _judge(self._answer(connection, end_s))
        except ssl.SSLCertVerificationError as error:
            raise NotTakenError("its certificate is not trusted") from error
        except ssl.SSLError as error:
            raise NotTakenError("TLS failed") from error
        except TimeoutError as error:
            raise NotTakenError(f"no answer within {self._timeout_s:g} s") from error
        except OSError as error:
            raise NotTakenError(f"no connection ({type(error).__name__})") from error

    def _connect(self, end_s: float) -> socket.socket:
        failed: OSError = OSError("no address")
        for family, address in self._guard.addresses(self._target.host, self._target.port):
            raw = socket.socket(family, socket.SOCK_STREAM)
            try:
                raw.settimeout(self._left(end_s))
                raw.connect(address)
                if self._context is None:
                    return raw
                return self._context.wrap_socket(raw, server_hostname=self._target.host)
            except ssl.SSLError:
                raw.close()
                raise
            except OSError as error:
                raw.close()
                failed = error
        raise failed

    def _answer(self, connection: socket.socket, end_s: float) -> bytes:
        """Return the head of the final answer, or what there was of it."""
        data = b""
        while len(data) < RESPONSE_HEAD_BYTES_MAX:
            found = _END.search(data)
            if found is not None:
                if not data.startswith((b"HTTP/1.1 1", b"HTTP/1.0 1")):
                    return data[: found.start()]
                data = data[found.end() :]  # 100 Continue, 103 Early Hints
                continue
            connection.settimeout(self._left(end_s))
            piece = connection.recv(_PIECE)
            if not piece:
                return data
            data += piece
        raise NotTakenError(f"its answer has more than {RESPONSE_HEAD_BYTES_MAX} bytes of head")

    def _left(self, end_s: float) -> float:
        left = end_s - self._monotonic_s()
        if left <= 0:
            raise TimeoutError
        return left


def _judge(head: bytes) -> None:
    """Raise NotTakenError unless the answer is of success."""
    found = _STATUS.match(head)
    if found is None:
        raise NotTakenError("its answer is no HTTP")
    status = int(found[1])
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise NotTakenError(f"HTTP {status}: redirects are not followed")
    wait = _RETRY_AFTER.search(head)
    seconds = min(float(wait[1]), DELIVERY_RETRY_AFTER_S_MAX) if wait else 0.0
    raise NotTakenError(f"HTTP {status}", seconds)


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Return how certificates are judged. Raises UsageError for a file that has none."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"{ca_file}: no certificates (PEM) can be read from it") from error
    return context
