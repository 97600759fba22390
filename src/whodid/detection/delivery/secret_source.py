"""Secrets of channels: from a file that others cannot read, or from the environment."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from whodid.errors import UsageError
from whodid.limits import CHANNEL_SECRET_BYTES_MAX


def read_file(path: str) -> str:
    """Return the first line of a secret's file. Raises UsageError that says what to do."""
    try:
        with Path(path).open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(CHANNEL_SECRET_BYTES_MAX + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror})") from error
    if mode & 0o007:
        raise UsageError(f"{path} holds a secret and others may read it: chmod o-rwx {path}")
    return _text(data, path)


def read_variable(name: str, environment: Mapping[str, str]) -> str:
    """Return a secret of the environment. Raises UsageError when it is not set."""
    return _text(environment.get(name, "").encode("utf-8", "surrogateescape"), f"${name}")


def read_one(file: str, variable: str, environment: Mapping[str, str], what: str) -> str:
    """Return the secret of just one of both. Raises UsageError for none and for two."""
    if bool(file) == bool(variable):
        raise UsageError(f"say one of {what}_file and {what}_env")
    return read_file(file) if file else read_variable(variable, environment)


def _text(data: bytes, place: str) -> str:
    if len(data) > CHANNEL_SECRET_BYTES_MAX:
        raise UsageError(f"{place} is longer than a secret can be")
    try:
        lines = data.decode().strip().splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"{place} is no text") from error
    if len(lines) != 1:
        raise UsageError(f"{place} has {'more than one line' if lines else 'nothing in it'}")
    return lines[0].strip()
