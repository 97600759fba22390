"""`whodid init DIR`."""

from pathlib import Path

import click

from whodid.access.password import check_password
from whodid.access.users import Users, check_user_name
from whodid.app.local import open_local
from whodid.app.own import Act
from whodid.cli.options import read_password, stdout
from whodid.ledger.opening import init_ledger


@click.command("init")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--origin", help="The log's name in its checkpoints (default: host/whodid/<id>).")
@click.option("--admin", help="Make this administrator.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def command(
    directory: Path, origin: str | None, admin: str | None, *, password_stdin: bool
) -> None:
    """Make an empty ledger in DIRECTORY, which must be new or empty."""
    password = read_password(from_stdin=password_stdin) if admin else None
    if admin and password is not None:  # looked at first: a ledger without its admin is of no use
        check_user_name(admin)
        check_password(password)
    keys = init_ledger(directory, origin=origin)
    if admin and password is not None:
        act = Act("create user", "administer", "user", admin)
        with open_local(directory) as ledger, ledger.acting(act):
            Users(directory, ledger.state_keys).add(admin, password, "administrator")
    stdout.print(f"A new ledger is in {directory}", markup=False)
    stdout.print(f"Its keys are in {keys.path}", markup=False)
    stdout.print("Back the keys up: without them the payloads cannot be read again.")
