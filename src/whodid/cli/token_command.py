"""`whodid token`: issue, list and revoke tokens."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from whodid.access.read_tokens import ReadTokens
from whodid.access.source_tokens import SourceTokens
from whodid.access.tokens import TokenInfo
from whodid.access.users import Users
from whodid.app.local import open_local
from whodid.app.own import Act
from whodid.cli.options import dir_option, json_option, need_directory, print_json, stdout
from whodid.clock import system_clock, to_rfc3339
from whodid.errors import UsageError

_AFTER = re.compile(r"([0-9]{1,7})([dh])", re.ASCII)
_UNITS_US = {"h": 3600 * 1_000_000, "d": 24 * 3600 * 1_000_000}


@click.group("token")
def command() -> None:
    """Issue, list and revoke tokens."""


@command.command("issue")
@click.option("--source", help="A token that writes events of this source.")
@click.option("--user", help="A token that reads through the API as this user.")
@click.option("--name", default="cli", show_default=True, help="What you call it.")
@click.option("--expires", help="When it ends: 90d, 12h or 2027-01-31; a year, 90d of a reader's.")
@dir_option
def issue(
    source: str | None, user: str | None, name: str, expires: str | None, directory: Path | None
) -> None:
    """Issue a token and print it once."""
    if (source is None) == (user is None):
        raise UsageError("say --source NAME (to write) or --user NAME (to read)")
    where = need_directory(directory)
    expires_us = _end(expires or ("365d" if source else "90d"), system_clock())
    with open_local(where) as ledger:
        holder = source or user or ""
        act = Act("issue token", "administer", "source" if source else "user", holder, name)
        with ledger.acting(act):
            if source:
                ledger.source_for(source)
                token = SourceTokens(where, ledger.state_keys).issue(source, name, expires_us)
            else:
                found = Users(where, ledger.state_keys).find(holder)
                if found is None:
                    raise UsageError(f"there is no user {holder!r}")
                token = ReadTokens(where, ledger.state_keys).issue(found, name, expires_us)
    click.echo(token)


def _end(text: str, now_us: int) -> int:
    """Return when a token ends. Raises UsageError for what is no such time."""
    if match := _AFTER.fullmatch(text):
        return now_us + int(match[1]) * _UNITS_US[match[2]]
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(
            f"--expires is 90d, 12h or a day such as 2027-01-31, not {text!r}"
        ) from None
    return int(day.timestamp()) * 1_000_000


@command.command("list")
@dir_option
@json_option
def list_tokens(directory: Path | None, *, as_json: bool) -> None:
    """List the tokens (never the secrets)."""
    where = need_directory(directory)
    with open_local(where) as ledger:
        ledger.own().write(ledger.caller(), Act("list", "read", "ledger", "tokens"))
        tokens = [
            *(_document("write", info) for info in SourceTokens(where, ledger.state_keys).all()),
            *(_document("read", info) for info in ReadTokens(where, ledger.state_keys).all()),
        ]
    if as_json:
        print_json({"tokens": tokens})
        return
    table = Table(box=None)
    for title in ("ID", "KIND", "FOR", "NAME", "ENDS"):
        table.add_column(title)
    for token in tokens:
        ends = "revoked" if token["revoked"] else (token["expires"] or "never")[:10]
        table.add_row(*(Text(str(token[key])) for key in ("id", "kind", "for", "name")), ends)
    stdout.print(table)


def _document(kind: str, info: TokenInfo) -> dict[str, Any]:
    def instant(time_us: int | None) -> str | None:
        return None if time_us is None else to_rfc3339(time_us)

    return {
        "id": info.id,
        "kind": kind,
        "for": info.holder,
        "name": info.name,
        "issued": instant(info.issued_us),
        "expires": instant(info.expires_us),
        "revoked": instant(info.revoked_us),
    }


@command.command("revoke")
@click.argument("token_id", metavar="ID")
@dir_option
def revoke(token_id: str, directory: Path | None) -> None:
    """Revoke the token ID."""
    where = need_directory(directory)
    act = Act("revoke token", "administer", "token", token_id)
    with open_local(where) as ledger, ledger.acting(act):
        try:
            info = SourceTokens(where, ledger.state_keys).revoke(token_id)
        except UsageError:
            info = ReadTokens(where, ledger.state_keys).revoke(token_id)
    stdout.print(f"token {info.name} of {info.holder} is revoked", markup=False)
