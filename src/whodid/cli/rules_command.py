"""`whodid rules`: what is looked for, and whether it can be found here."""

import click

from whodid.cli.rules_check import check
from whodid.cli.rules_list import list_rules


@click.group("rules")
def command() -> None:
    """List rules, and check whether they can match here."""


command.add_command(check)
command.add_command(list_rules)
