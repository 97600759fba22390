"""`whodid login NAME`: a one-time link to the pages."""

from pathlib import Path

import click

from whodid.access.sessions import Sessions
from whodid.access.users import Users
from whodid.app.local import open_local
from whodid.app.own import Act
from whodid.cli.options import dir_option, need_directory
from whodid.errors import UsageError


@click.command("login")
@click.argument("name")
@click.option("--server", default="http://127.0.0.1:9460", show_default=True)
@dir_option
def command(name: str, server: str, directory: Path | None) -> None:
    """Print a link that logs user NAME in once."""
    where = need_directory(directory)
    with open_local(where) as ledger:
        user = Users(where, ledger.state_keys).find(name)
        if user is None:
            raise UsageError(f"there is no user {name!r}")
        with ledger.acting(Act("issue login link", "administer", "user", name)):
            token = Sessions(where, ledger.state_keys).issue_link(user)
    click.echo(f"{server.rstrip('/')}/login/{token}")
