"""Options that several commands share, and how they print."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console

from whodid.cli.stored_token import stored_token
from whodid.errors import UsageError

F = TypeVar("F", bound=Callable[..., Any])

_CA = "whodid.ca"
_PIPED_COLUMNS = 160
_UNSAFE_IN_JSON = re.compile("[\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")

stdout = Console(
    highlight=False,
    emoji=False,
    soft_wrap=True,
    width=None if sys.stdout and sys.stdout.isatty() else _PIPED_COLUMNS,
)
stderr = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def dir_option(function: F) -> F:
    """Add `--dir DIR` (or WHODID_DIR)."""
    return click.option(
        "--dir", "directory", type=click.Path(path_type=Path), envvar="WHODID_DIR",
        help="The ledger's folder (or set WHODID_DIR).",
    )(function)  # fmt: skip


def json_option(function: F) -> F:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(
        function
    )


def url_option(function: F) -> F:
    """Add `--url URL`, and `--ca FILE`, which `remote` asks `ca_file` for."""
    with_ca = click.option(
        "--ca", envvar="WHODID_CA", metavar="FILE", expose_value=False, callback=_keep_ca,
        help="Certificates (PEM) that the server's must be of, for https (or WHODID_CA).",
    )(function)  # fmt: skip
    return click.option(
        "--url", envvar="WHODID_URL",
        help="A running server instead of a folder; its token is WHODID_TOKEN.",
    )(with_ca)  # fmt: skip


def ca_file() -> str | None:
    """Return the value of `--ca` of the command that runs."""
    context = click.get_current_context(silent=True)
    found: str | None = context.meta.get(_CA) if context else None
    return found


def _keep_ca(context: click.Context, _option: click.Parameter, value: str | None) -> None:
    context.meta[_CA] = value


def need_directory(directory: Path | None) -> Path:
    """Return the ledger's folder. Raises UsageError when none was named."""
    if directory is None:
        raise UsageError(
            "name the ledger with --dir DIR or WHODID_DIR; "
            "`whodid init DIR` makes one, `whodid demo` one with a story"
        )
    return directory


def token_for(url: str) -> str:
    """Return WHODID_TOKEN, else what `whodid login` kept. Raises UsageError when there is none."""
    found = os.environ.get("WHODID_TOKEN") or stored_token(url)
    if not found:
        raise UsageError(
            "log in with `whodid login --url …`, or set WHODID_TOKEN to a token of the server"
        )
    return found


def plain(text: str) -> str:
    """Take control characters out: what a log holds must not drive a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def print_json(document: Any, *, indent: int = 2) -> None:
    """Print one JSON document; `indent` 0 puts it on one line.

    Control characters that JSON allows in strings (C1, bidirectional overrides) are escaped.
    """
    encoded = msgspec.json.encode(document)
    text = (msgspec.json.format(encoded, indent=indent) if indent else encoded).decode()
    click.echo(_UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def read_password(*, from_stdin: bool, what: str = "Password", confirm: bool = True) -> str:
    """Return a password, or `what` it is, from standard input's next line or asked for.

    It is asked for twice with `confirm`.

    Raises UsageError when it is empty.
    """
    password: str
    if from_stdin:
        password = sys.stdin.readline().rstrip("\n")
    else:
        password = click.prompt(what, hide_input=True, confirmation_prompt=confirm)
    if not password:
        raise UsageError(f"the {what.lower()} is empty")
    return password
