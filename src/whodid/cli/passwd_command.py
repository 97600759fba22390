"""`whodid passwd USER`."""

from pathlib import Path

import click

from whodid.access.users import Users
from whodid.app.local import open_local
from whodid.app.own import Act
from whodid.cli.options import dir_option, need_directory, read_password, stdout


@click.command("passwd")
@click.argument("name")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@dir_option
def command(name: str, directory: Path | None, *, password_stdin: bool) -> None:
    """Set the password of user NAME."""
    where = need_directory(directory)
    password = read_password(from_stdin=password_stdin)
    act = Act("set password", "administer", "user", name)
    with open_local(where) as ledger, ledger.acting(act):
        Users(where, ledger.state_keys).set_password(name, password)
    stdout.print(f"password of {name} is set", markup=False)
