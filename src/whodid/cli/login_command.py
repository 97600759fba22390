"""`whodid login`: a short-lived read token for a password, or a one-time link for the pages."""

import getpass
from pathlib import Path

import click

from whodid.access.sessions import Sessions
from whodid.access.users import Users
from whodid.app.local import open_local
from whodid.app.own import Act
from whodid.cli.options import dir_option, need_directory, plain, read_password, stdout, url_option
from whodid.cli.remote import Remote
from whodid.cli.server_options import effective
from whodid.cli.stored_token import keep_token
from whodid.config.address import url_of
from whodid.errors import UsageError


@click.command("login")
@click.argument("name", required=False)
@url_option
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--print", "print_it", is_flag=True, help="Print the token instead of keeping it.")
@click.option("--link", is_flag=True, help="Print a link that logs NAME in to the pages once.")
@click.option("--server", help="The server's address in the link, by default that of its settings.")
@dir_option
def command(
    name: str | None, url: str | None, server: str | None, directory: Path | None, *,
    password_stdin: bool, print_it: bool, link: bool,
) -> None:  # fmt: skip
    """Log in to the server at --url for 8 hours; or with --link, print a one-time link.

    NAME is by default the operating-system user. A link needs the ledger's folder and keys.
    """
    if link:
        if name is None:
            raise UsageError("name the user whom the link logs in")
        where = need_directory(directory)
        address = server or url_of(effective(where, {}).settings)
        click.echo(f"{address.rstrip('/')}/login/{_link(where, name)}")
        return
    if not url:
        raise UsageError(
            "name a server with --url; or --link prints a one-time link for a browser, on the "
            "machine that has the ledger's folder"
        )
    who = name or getpass.getuser()
    password = read_password(from_stdin=password_stdin, confirm=False)
    document = Remote(url, token="").post("/v1/login", {"name": who, "password": password})
    token, expires = str(document.get("token", "")), str(document.get("expires", ""))
    if print_it:
        click.echo(f"export WHODID_TOKEN={plain(token)}")
        return
    path = keep_token(url, token)
    stdout.print(f"{plain(who)} is logged in to {plain(url)} until {plain(expires[:16])}, "
                 f"by {path}", markup=False)  # fmt: skip


def _link(where: Path, name: str) -> str:
    with open_local(where) as ledger:
        user = Users(where, ledger.state_keys).find(name)
        if user is None:
            raise UsageError(f"there is no user {name!r}")
        with ledger.acting(Act("issue login link", "administer", "user", name)):
            return Sessions(where, ledger.state_keys).issue_link(user)
