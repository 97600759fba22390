"""The public port: opened by the supervisor, so that a restarted door loses no waiting caller."""

import socket

from whodid.errors import UsageError

_BACKLOG = 1024


def listen_on(host: str, port: int) -> socket.socket:
    """Listen on a TCP port. Raises UsageError when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {host} port {port} ({error.strerror}); choose another with --port"
        ) from error
    listener.listen(_BACKLOG)
    listener.set_inheritable(True)
    return listener
