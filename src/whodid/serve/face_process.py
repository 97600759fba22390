"""The faces' process: API and pages behind a local socket."""

from pathlib import Path

FACE_SOCKET = "faces.sock"


def face_socket(directory: Path) -> Path:
    """Return the local socket of the faces."""
    return directory / FACE_SOCKET
