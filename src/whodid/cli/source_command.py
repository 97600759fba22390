"""`whodid source`: declare, show, list and try sources."""

from pathlib import Path

import click
from rich.table import Table

from whodid.app.document import source_document
from whodid.app.local import open_local
from whodid.app.source_formats import mapping_text
from whodid.cli.options import dir_option, json_option, need_directory, plain, print_json, stdout
from whodid.cli.source_try import mapping_option_value, try_source
from whodid.clock import to_rfc3339
from whodid.errors import UsageError
from whodid.normalize.registry import is_by_mapping


@click.group("source")
def command() -> None:
    """Declare, show, list and try sources."""


command.add_command(try_source)


@command.command("add")
@click.argument("name")
@click.option("--format", "format_name", help="auto by default; with a mapping, json.")
@click.option("--mapping", type=click.Path(path_type=Path), help="A mapping file (json, logfmt).")
@dir_option
def add(name: str, format_name: str | None, mapping: Path | None, directory: Path | None) -> None:
    """Declare the source NAME; an entry of the log says so."""
    given = mapping_option_value(mapping)
    if given is None:
        format_name = format_name or "auto"
    with open_local(need_directory(directory)) as ledger:
        source = ledger.source_for(name, format_name, given)
    stdout.print(f"source {source.name} takes {source.format}", markup=False)


@command.command("show")
@click.argument("name")
@dir_option
@json_option
def show(name: str, directory: Path | None, *, as_json: bool) -> None:
    """Show the source NAME, with its mapping if it has one."""
    directory = need_directory(directory)
    with open_local(directory) as ledger:
        infos = {info.name: info for info in ledger.reading().sources(ledger.caller())}
    if name not in infos:
        raise UsageError(f"there is no source {name!r}; `whodid source list` lists them")
    document = source_document(infos[name])
    by_mapping = is_by_mapping(infos[name].format)
    text = mapping_text(directory, infos[name].format) if by_mapping else None
    if as_json:
        print_json({**document, "mapping": text})
        return
    for key, value in document.items():
        stdout.print(f"{key:<12} {plain(str(value))}", markup=False)
    if text is not None:
        lines = text.rstrip("\n").split("\n")
        stdout.print("\n" + "\n".join(map(plain, lines)), markup=False)


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
