"""`whodid upgrade DIR`."""

from pathlib import Path

import click

from whodid.app.local import open_local
from whodid.app.own import Act
from whodid.cli.options import json_option, print_json, stdout
from whodid.upgrade.steps import upgrade


@click.command("upgrade")
@click.argument("directory", type=click.Path(path_type=Path), envvar="WHODID_DIR")
@json_option
def command(directory: Path, *, as_json: bool) -> None:
    """Bring a ledger of an older format up to date, in its place.

    Stop the server and back up first.
    """

    def say(step: str) -> None:
        if not as_json:
            stdout.print(f"now {step}", markup=False)

    done = upgrade(directory, said=say)
    with open_local(directory) as ledger:
        if done:
            act = Act("upgrade", "administer", "ledger", str(directory.absolute()), "; ".join(done))
            ledger.own().write(ledger.caller(), act)
    if as_json:
        print_json({"done": done})
    else:
        stdout.print(f"{directory} is up to date", markup=False)
