"""The public port: opened by the supervisor, so that a restarted door loses no waiting caller."""

import errno
import socket
import time

from whodid.errors import UsageError

_BACKLOG = 1024
_WAIT_S = 2.0
"""So long the doors of a server whose supervisor was killed may need to let the port go."""


def listen_on(host: str, port: int) -> socket.socket:
    """Listen on a TCP port; one in use is waited for a moment.

    Raises UsageError when the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        _bind(listener, (host, port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {host} port {port} ({error.strerror}); choose another with --port"
        ) from error
    listener.listen(_BACKLOG)
    listener.set_inheritable(True)
    return listener


def _bind(listener: socket.socket, address: tuple[str, int]) -> None:
    deadline = time.monotonic() + _WAIT_S
    while True:
        try:
            listener.bind(address)
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
