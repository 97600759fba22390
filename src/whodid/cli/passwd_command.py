"""`whodid passwd NAME`: of anybody, with the ledger's keys; of oneself, at a server."""

from pathlib import Path

import click

from whodid.access.users import Users
from whodid.app.local import open_local
from whodid.app.own import Act
from whodid.cli.options import dir_option, need_directory, read_password, stdout, url_option
from whodid.cli.remote import Remote
from whodid.cli.stored_token import keep_token
from whodid.errors import UsageError
from whodid.ledger.opening import keys_of


@click.command("passwd")
@click.argument("name")
@url_option
@click.option("--password-stdin", is_flag=True,
              help="Read it from standard input; with --url the old one first.")  # fmt: skip
@dir_option
def command(name: str, url: str | None, directory: Path | None, *, password_stdin: bool) -> None:
    """Set the password of user NAME; with --url one's own, by the old one.

    It ends the sessions and logins of that user.
    """
    if url and directory is None:
        old = read_password(from_stdin=password_stdin, confirm=False, what="Old password")
        new = read_password(from_stdin=password_stdin, what="New password")
        asked = {"name": name, "password": old, "new": new}
        Remote(url, token="").post("/v1/password", asked)
        keep_token(url, None)
    else:
        where = need_directory(directory)
        act = Act("set password", "administer", "user", name)
        users = Users(where, keys_of(where).state_keys())
        known = users.find(name) is not None  # before anybody types a password for him
        password = read_password(from_stdin=password_stdin) if known else ""
        with open_local(where) as ledger, ledger.acting(act):
            if not known:
                raise UsageError(f"there is no user {name[:64]!r}")
            users.set_password(name, password)
    stdout.print(f"password of {name} is set", markup=False)
