"""`whodid serve`."""

import logging
from pathlib import Path
from typing import Any

import click

from whodid.cli.options import dir_option, need_directory, stderr
from whodid.cli.server_options import effective, settings_options
from whodid.ledger.opening import keys_of
from whodid.serve.own_log import say
from whodid.serve.supervisor import Supervisor


@click.command("serve")
@settings_options
@dir_option
def command(directory: Path | None, **given: Any) -> None:
    """Run the server: events in, search and pages out."""
    where = need_directory(directory)
    keys_of(where)  # a folder that is no ledger is said before the port is taken
    found = effective(where, given)
    supervisor = Supervisor(where, found.settings, lambda: effective(where, given).settings)
    supervisor.start()
    if found.settings.log.format == "json":
        log = logging.getLogger("whodid.supervisor")
        say(log, logging.INFO, "serves", directory=str(where), url=f"{supervisor.url}/")
    else:
        stderr.print(f"whodid serves {where} on {supervisor.url}/", markup=False)
    supervisor.run()
