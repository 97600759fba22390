"""`whodid rules`: what is looked for, whether it can be found here, what it would have found."""

import click

from whodid.cli.rules_backtest import backtest_rules
from whodid.cli.rules_check import check
from whodid.cli.rules_list import list_rules
from whodid.cli.rules_test import test_rules
from whodid.cli.rules_tune import tune


@click.group("rules")
def command() -> None:
    """List and test rules, check whether they can match, and try them on history."""


command.add_command(check)
command.add_command(list_rules)
command.add_command(backtest_rules)
command.add_command(tune)
command.add_command(test_rules)
