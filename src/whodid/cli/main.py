"""`whodid`: the commands, and how errors leave them."""

import sys
from importlib import import_module
from typing import Any

import click

import whodid
from whodid.cli.options import plain
from whodid.errors import InputError, QueryError, WhodidError

COMMANDS = {
    "init": "Make an empty ledger.",
    "serve": "Run the server.",
    "demo": "Make a demo ledger with a month's story and serve it.",
    "ingest": "Read log files into the ledger.",
    "search": "Search the ledger.",
    "sql": "Ask the events with one SELECT.",
    "export": "Write all events of a search as JSON lines, CSV, OCSF or Parquet.",
    "tail": "Follow new events.",
    "show": "Show one event, with its proof if asked.",
    "trace": "Tell the story of an id across all systems.",
    "check": "Check an answer with its proof, without the ledger.",
    "profile": "Tell all about an actor, a resource or an address.",
    "overview": "Show who used what, what changed and what is not used any more.",
    "lookers": "Tell who looked at the log, and at what.",
    "alerts": "List, show and handle alerts.",
    "verify": "Verify a ledger; read-only, works on any copy.",
    "status": "Show size, growth, lags and the last verification.",
    "tiles": "Render the public C2SP files.",
    "backup": "Back the ledger up, also while a server runs.",
    "restore": "Restore a backup, or move a ledger to another folder.",
    "upgrade": "Bring a ledger of an older format up to date.",
    "source": "Declare, show, list and try sources.",
    "rules": "List and test rules, check whether they can match, and try them on history.",
    "user": "Add, list, change and remove users.",
    "token": "Issue, list and revoke tokens.",
    "passwd": "Set a user's password.",
    "config": "Check and show the settings of the server.",
    "cert": "Make a certificate to try TLS with.",
    "login": "Log in to a server, or print a one-time link.",
    "logout": "Log out of a server.",
}
"""Name → one line. A command's module is `whodid.cli.<name>`, loaded when it is used."""


class LazyGroup(click.Group):
    """Loads a command's module when it is called; an error of ours is one line and its code."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """Return the commands in the order of a newcomer's path."""
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        """Load a command."""
        if name not in COMMANDS:
            return None
        module = import_module(f"whodid.cli.{name}_command")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command; an unknown one names the nearest."""
        from difflib import get_close_matches  # noqa: PLC0415 - only on a typing error

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = get_close_matches(args[0], COMMANDS, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            context.fail(f"there is no command {args[0]!r}{hint}")
        return super().resolve_command(context, args)

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, context: click.Context) -> Any:
        """Run a command; an error of ours ends with its own exit code."""
        try:
            return super().invoke(context)
        except WhodidError as error:
            for one in (error, *(error.others if isinstance(error, QueryError) else ())):
                click.echo(f"whodid: {plain(str(one))}", err=True)
            context.exit(error.exit_code)
        except BrokenPipeError:
            sys.stderr.close()
            context.exit(0)
        except OSError as error:
            place = f"{error.filename}: " if error.filename else ""
            click.echo(f"whodid: {plain(f'{place}{error.strerror or error}')}", err=True)
            context.exit(InputError.exit_code)
        return None


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(whodid.__version__, prog_name="whodid")
def main() -> None:
    """Who did what, to which resource, when, from where, with what outcome, and the proof."""
