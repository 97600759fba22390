"""A file that a command writes: there whole, or not at all."""

from collections.abc import Iterable
from pathlib import Path

from whodid.errors import InputError


def write_whole(path: Path, chunks: Iterable[bytes]) -> int:
    """Write chunks to a file; return its bytes. What fails on the way leaves what was there.

    Raises InputError when it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            size = sum(map(file.write, chunks))
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        part.unlink(missing_ok=True)
    return size
