"""`whodid source`: declare and list sources."""

from pathlib import Path

import click
from rich.table import Table

from whodid.app.document import source_document
from whodid.app.local import open_local
from whodid.cli.options import dir_option, json_option, need_directory, print_json, stdout
from whodid.clock import to_rfc3339


@click.group("source")
def command() -> None:
    """Declare and list sources."""


@command.command("add")
@click.argument("name")
@click.option("--format", "format_name", default="auto", show_default=True)
@dir_option
def add(name: str, format_name: str, directory: Path | None) -> None:
    """Declare the source NAME; an entry of the log says so."""
    with open_local(need_directory(directory)) as ledger:
        source = ledger.source_for(name, format_name)
    stdout.print(f"source {source.name} takes {source.format}", markup=False)


@command.command("list")
@dir_option
@json_option
def list_sources(directory: Path | None, *, as_json: bool) -> None:
    """List the declared sources with what came from them."""
    with open_local(need_directory(directory)) as ledger:
        infos = ledger.reading().sources(ledger.caller())
    if as_json:
        print_json({"sources": [source_document(info) for info in infos]})
        return
    table = Table(box=None)
    for title in ("SOURCE", "FORMAT", "EVENTS", "QUARANTINED", "NEWEST"):
        table.add_column(title, justify="right" if title in {"EVENTS", "QUARANTINED"} else "left")
    for info in infos:
        newest = to_rfc3339(info.newest_us)[:19] if info.newest_us is not None else "never"
        table.add_row(info.name, info.format, f"{info.events:,}", f"{info.quarantined:,}", newest)
    stdout.print(table)
