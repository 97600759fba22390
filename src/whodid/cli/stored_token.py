"""The read token that `whodid login` keeps for a server, in a file that only its owner can read.

`${XDG_CONFIG_HOME:-~/.config}/whodid/tokens.json` holds server → token. WHODID_TOKEN comes first.
"""

import os
import tempfile
from pathlib import Path

import msgspec

from whodid.errors import InputError


def _path() -> Path:
    root = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(root).expanduser() / "whodid" / "tokens.json"


def _key(url: str) -> str:
    return url.rstrip("/")


def stored_token(url: str) -> str | None:
    """Return the token kept for a server, None when there is none."""
    return _read().get(_key(url))


def keep_token(url: str, token: str | None) -> Path:
    """Keep a token for a server, or forget it (None); return where."""
    path = _path()
    tokens = _read()
    tokens.pop(_key(url), None)
    if token is not None:
        tokens[_key(url)] = token
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".tokens-")  # mode 0600
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.encode(tokens))
        Path(name).replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error}); use --print") from error
    return path


def _read() -> dict[str, str]:
    path = _path()
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); remove it") from error
